import { readdir } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Metric, single } from './metric.ts';

/** How often the event loop is looked at: seldom enough to cost nothing on a Raspberry Pi. */
const RESOLUTION_MS = 50;

/** What the process says of itself. */
export interface ProcessFigures {
  /** Resident memory, bytes. */
  readonly rss: number;
  readonly heapUsed: number;
  /** Of all threads, seconds. */
  readonly cpuSeconds: number;
  /** undefined: the kernel does not tell. */
  readonly openFds: number | undefined;
  /** Seconds since the epoch. */
  readonly startedAt: number;
  /** Seconds; undefined: not looked at yet. */
  readonly loopDelay: { readonly p50: number; readonly p99: number; readonly max: number } | undefined;
}

/** Figures of this process. The event loop is looked at from the first time that somebody asks. */
export class ProcessWatch implements Disposable {
  #loop: ReturnType<typeof monitorEventLoopDelay> | undefined;

  /** The delays are those since the figures before. */
  async figures(): Promise<ProcessFigures> {
    const { user, system } = process.cpuUsage();
    const { rss, heapUsed } = process.memoryUsage();
    return {
      rss,
      heapUsed,
      cpuSeconds: (user + system) / 1e6,
      openFds: await openFds(),
      startedAt: performance.timeOrigin / 1000,
      loopDelay: this.#loopDelay(),
    };
  }

  [Symbol.dispose](): void {
    this.#loop?.disable();
  }

  #loopDelay(): ProcessFigures['loopDelay'] {
    this.#loop ??= monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    this.#loop.enable();
    const loop = this.#loop;
    if (loop.count === 0) return undefined;
    // What it counts is the time between two looks.
    const delayOf = (ns: number) => Math.max(0, ns / 1e9 - RESOLUTION_MS / 1000);
    const delays = { p50: delayOf(loop.percentile(50)), p99: delayOf(loop.percentile(99)), max: delayOf(loop.max) };
    loop.reset();
    return delays;
  }
}

async function openFds(): Promise<number | undefined> {
  try {
    return (await readdir('/proc/self/fd')).length;
  } catch {
    // There is no /proc: then it is not known.
    return undefined;
  }
}

function delay(which: 'p50' | 'p99' | 'max', words: string): Metric<ProcessFigures> {
  const name = `edge_gateway_event_loop_delay_${which}_seconds`;
  const help = `How late the event loop was since the scrape before: ${words}`;
  return single('gauge', name, help, ({ loopDelay }) => loopDelay?.[which]);
}

/** Metrics of the process. */
export const PROCESS_METRICS: readonly Metric<ProcessFigures>[] = [
  single('gauge', 'edge_gateway_process_resident_memory_bytes', 'Memory of the process', ({ rss }) => rss),
  single(
    'gauge',
    'edge_gateway_process_heap_used_bytes',
    'Memory of the process that JavaScript objects take',
    ({ heapUsed }) => heapUsed,
  ),
  single('counter', 'edge_gateway_process_cpu_seconds_total', 'Processor time', ({ cpuSeconds }) => cpuSeconds),
  single('gauge', 'edge_gateway_process_open_fds', 'Open files and sockets', ({ openFds }) => openFds),
  single(
    'gauge',
    'edge_gateway_process_start_time_seconds',
    'When the process was started, since the epoch',
    ({ startedAt }) => startedAt,
  ),
  delay('p50', 'the median'),
  delay('p99', '99 of 100 times'),
  delay('max', 'the worst'),
];
