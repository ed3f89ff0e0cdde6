import { readFileSync } from 'node:fs';
import { type Clock, type StampClock, sinceBoot } from './clock.ts';

/** A clock that is this far from where it should be was set; less is the noise of reading two clocks. */
const STEP_MS = 100;
/** Two readings that lie this close together were not interrupted. */
const NOISE_MS = 10;
/** How often a clock that nobody asks is looked at. */
const CHECK_MS = 1000;
const BOOT_ID = '/proc/sys/kernel/random/boot_id';

/** Both clocks of the computer, as the gateway reads them. */
export interface TimeSource {
  /** Milliseconds since the epoch; anybody may set it. */
  wall(): number;
  /** Milliseconds; nobody sets it. */
  monotonic(): number;
}

const COMPUTER: TimeSource = { wall: () => Date.now(), monotonic: sinceBoot };

/**
 * The gateway's wall clock, which notices when it is set. A daemon that slews the time moves both clocks of the
 * kernel, so only steps show (clock_gettime(2)).
 */
export class GatewayClock implements StampClock {
  readonly #source: TimeSource;
  readonly #stepped: (ms: number) => void;
  #origin: number;
  /** The latest that the wall clock has shown, as an origin. */
  #latest: number;

  /**
   * `stepped` is called with the milliseconds by which the clock was set (negative: back), before anything is stamped by
   * the new time.
   */
  constructor(stepped: (ms: number) => void = () => undefined, source: TimeSource = COMPUTER) {
    this.#stepped = stepped;
    this.#source = source;
    this.#origin = this.#measure();
    this.#latest = this.#origin;
  }

  /** Looks once a second until `signal` aborts, so that a step is noticed when nothing is stamped. */
  start(signal: AbortSignal): void {
    const timer = setInterval(() => this.now(), CHECK_MS).unref();
    signal.addEventListener('abort', () => clearInterval(timer), { once: true });
  }

  now(): number {
    const wall = this.#source.wall();
    if (Math.abs(wall - this.#source.monotonic() - this.#origin) < STEP_MS) return wall;
    const origin = this.#measure();
    const step = origin - this.#origin;
    if (Math.abs(step) < STEP_MS) return wall;
    this.#origin = origin;
    this.#latest = Math.max(this.#latest, origin);
    this.#stepped(step);
    return this.#source.wall();
  }

  origin(): number {
    this.now();
    return this.#origin;
  }

  /**
   * The same time, but for what is set back: it goes on from where it was. For the gateway's own books (order, age,
   * deadlines), which a clock that goes back would turn round.
   */
  readonly steady: Clock = {
    now: () => {
      this.now();
      return Math.round(this.#source.monotonic() + this.#latest);
    },
  };

  /** Makes `steady` go on from a time that it has shown before this start. */
  startSteadyAt(time: number): void {
    this.#latest = Math.max(this.#latest, Math.round(time - this.#source.monotonic()));
  }

  /** A process may be put to sleep between two readings: they are taken again until they belong together. */
  #measure(): number {
    for (;;) {
      const before = this.#source.monotonic();
      const wall = this.#source.wall();
      if (this.#source.monotonic() - before < NOISE_MS) return Math.round(wall - before);
    }
  }
}

/** What differs from boot to boot, since which the monotonic clock runs; undefined where the kernel does not tell. */
export function bootId(): string | undefined {
  try {
    return readFileSync(BOOT_ID, 'utf8').trim();
  } catch {
    return undefined;
  }
}
