import { readdir } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Metric, single } from './metric.ts';

/** How often the event loop is looked at: seldom enough to cost nothing on a Raspberry Pi. */
const RESOLUTION_MS = 50;
const QUANTILES = [0.5, 0.9, 0.99, 1];

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
  /** By quantile, seconds; empty: not looked at yet. */
  readonly loopDelay: readonly { readonly quantile: string; readonly delay: number }[];
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
    if (loop.count === 0) return [];
    // What it counts is the time between two looks.
    const delayOf = (ns: number) => Math.max(0, ns / 1e9 - RESOLUTION_MS / 1000);
    const delays = QUANTILES.map((at) => ({ quantile: String(at), delay: delayOf(loop.percentile(at * 100)) }));
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

/** Metrics of the process. */
export const PROCESS_METRICS: readonly Metric<ProcessFigures>[] = [
  single('gauge', 'edge_gateway_process_resident_memory_bytes', 'Memory of the process', ({ rss }) => rss),
  single('gauge', 'edge_gateway_process_heap_used_bytes', 'Of that, JavaScript objects', ({ heapUsed }) => heapUsed),
  single('counter', 'edge_gateway_process_cpu_seconds_total', 'Processor time', ({ cpuSeconds }) => cpuSeconds),
  single('gauge', 'edge_gateway_process_open_fds', 'Open files and sockets', ({ openFds }) => openFds),
  single(
    'gauge',
    'edge_gateway_process_start_time_seconds',
    'When the process was started, since the epoch',
    ({ startedAt }) => startedAt,
  ),
  {
    name: 'edge_gateway_event_loop_delay_seconds',
    type: 'gauge',
    help: 'How late the event loop was since the scrape before, by quantile',
    labels: ['quantile'],
    read: ({ loopDelay }) => loopDelay.map(({ quantile, delay }) => [[quantile], delay]),
  },
];
