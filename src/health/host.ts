import { statfs } from 'node:fs/promises';
import { availableParallelism, loadavg, uptime } from 'node:os';
import { within } from '../abort.ts';
import type { Clock } from '../clock.ts';
import { type HostFiles, readHostFiles } from './host-files.ts';
import { residentBytes } from './resident.ts';

/** What the computer under the gateway says of itself. null: not known here. Bytes, shares of 1, degrees Celsius. */
export interface HostFigures {
  readonly t: number;
  /** Since the computer was started, milliseconds. */
  readonly uptime: number;
  readonly temperature: number | null;
  /** A Raspberry Pi whose power supply or cooling is too weak: now, and at any time since boot. */
  readonly throttled: boolean | null;
  readonly throttledSinceBoot: boolean | null;
  readonly underVoltage: boolean | null;
  readonly underVoltageSinceBoot: boolean | null;
  /** Tasks that want to run, averaged over a minute; it is overloaded where that is above `cores`. */
  readonly load: number | null;
  readonly cores: number;
  readonly memory: { readonly total: number; readonly available: number } | null;
  /** `cpu`: share of one core since the figures before; null: these are the first. */
  readonly process: { readonly rss: number | null; readonly cpu: number | null };
  /** Where the data folder is. */
  readonly disk: { readonly total: number; readonly free: number } | null;
  /** Without the loopback and what containers have. Bytes count since boot. */
  readonly network: readonly {
    readonly name: string;
    /** Whether a carrier is there; null: the interface does not tell. */
    readonly up: boolean | null;
    readonly rxBytes: number;
    readonly txBytes: number;
    /** Packets that were faulty or dropped. */
    readonly errors: number;
  }[];
}

/** How long the figures of the disk, and those of /proc and /sys, may take. */
const PATIENCE_MS = 2000;
const UNKNOWN: HostFiles = {
  temperature: null,
  throttled: null,
  throttledSinceBoot: null,
  underVoltage: null,
  underVoltageSinceBoot: null,
  memory: null,
  network: [],
};

export interface HostWatchOptions {
  /** The folder whose disk is told of. */
  readonly dataDir: string;
  readonly clock: Clock;
  /** Where /proc and /sys are. */
  readonly root?: string;
  readonly patienceMs?: number;
  /** Asks the file system, which does not answer where its mount is dead. */
  readonly diskOf?: typeof diskOf;
}

/**
 * Takes the figures of the computer. On Linux they are read from /proc and /sys: `systeminformation` would cost 11 MB of
 * memory, and 40 ms of CPU each time, half of it in child processes (measured on a PC, where the files cost 1 ms; a Pi
 * takes several times as long), so it is loaded only where there is no /proc.
 */
export class HostWatch {
  readonly #clock: Clock;
  readonly #disk: Bounded<HostFigures['disk']>;
  readonly #files: Bounded<HostFiles>;
  #figures: HostFigures | null = null;
  #cpu: { readonly used: number; readonly at: number } | undefined;

  constructor({ dataDir, clock, root = '/', patienceMs = PATIENCE_MS, diskOf: ask = diskOf }: HostWatchOptions) {
    this.#clock = clock;
    this.#disk = new Bounded(() => ask(dataDir), patienceMs, null);
    this.#files = new Bounded(() => filesOf(root), patienceMs, UNKNOWN);
  }

  /** As they were taken last. null: not yet. */
  get figures(): HostFigures | null {
    return this.#figures;
  }

  /** Takes them anew. Never rejects; resolves within two seconds, with null for what has not answered. */
  async take(): Promise<HostFigures> {
    const [files, disk] = await Promise.all([this.#files.ask(), this.#disk.ask()]);
    const figures = {
      t: this.#clock.now(),
      uptime: Math.round(uptime() * 1000),
      ...files,
      load: process.platform === 'win32' ? null : (loadavg()[0] ?? null),
      cores: availableParallelism(),
      process: { rss: residentBytes(), cpu: this.#cpuShare() },
      disk,
    };
    this.#figures = figures;
    return figures;
  }

  #cpuShare(): number | null {
    const { user, system } = process.cpuUsage();
    const now = { used: (user + system) / 1000, at: performance.now() };
    const before = this.#cpu;
    this.#cpu = now;
    if (before === undefined || now.at <= before.at) return null;
    return Math.round(((now.used - before.used) / (now.at - before.at)) * 1000) / 1000;
  }
}

/**
 * Asks what may hang or fail. While an answer is outstanding nothing is asked again, so that what hangs holds one thread
 * of the pool, and not one more with each heartbeat.
 */
class Bounded<T> {
  readonly #ask: () => Promise<T>;
  readonly #ms: number;
  readonly #unknown: T;
  #isOut = false;

  constructor(ask: () => Promise<T>, ms: number, unknown: T) {
    this.#ask = ask;
    this.#ms = ms;
    this.#unknown = unknown;
  }

  async ask(): Promise<T> {
    if (this.#isOut) return this.#unknown;
    this.#isOut = true;
    let answer = this.#unknown;
    const asked = this.#ask()
      .then((given) => {
        answer = given;
      })
      // What cannot be told is unknown: a figure that is missing must not cost the others.
      .catch(() => undefined)
      .finally(() => {
        this.#isOut = false;
      });
    await within(this.#ms, asked);
    return answer;
  }
}

async function diskOf(folder: string): Promise<HostFigures['disk']> {
  const { bsize, blocks, bavail } = await statfs(folder);
  return { total: bsize * blocks, free: bsize * bavail };
}

async function filesOf(root: string): Promise<HostFiles> {
  if (process.platform === 'linux') return readHostFiles(root);
  const { askSystem } = await import('./host-system.ts');
  return askSystem();
}
