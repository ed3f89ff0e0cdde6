import type { Gap } from '../../observation.ts';

/** Overflows are gathered for this long, so that a queue that is always too short costs one event in a while. */
const GATHER_MS = 10_000;
/** Signals that are named in an event. */
const MAX_NAMED = 20;

/** Gathers the overflows of the server's queues. Times are in milliseconds since the epoch. */
export class Overflows {
  readonly #signals = new Map<string, number>();
  #from = Infinity;
  #to = 0;
  #told = -Infinity;
  /** Since the driver was made, for the vitals. */
  total = 0;

  /** A value of `signal` at `t` came with the overflow bit; the one before was at `previous`. */
  note(signal: string, previous: number | undefined, t: number): void {
    this.total += 1;
    this.#signals.set(signal, (this.#signals.get(signal) ?? 0) + 1);
    this.#from = Math.min(this.#from, previous ?? t);
    this.#to = Math.max(this.#to, t);
  }

  /** The gap to tell now, if one is due. How many values a queue has dropped, a server does not say. */
  take(now: number): Gap | undefined {
    // A clock that was set back must not withhold it.
    if (this.#signals.size === 0 || Math.abs(now - this.#told) < GATHER_MS) return undefined;
    const signals = Object.fromEntries([...this.#signals].slice(0, MAX_NAMED));
    const gap: Gap = {
      type: 'gap',
      t: now,
      cause: 'queue-overflow',
      from: this.#from,
      to: Math.max(this.#from, this.#to),
      count: null,
      exact: false,
      detail: { overflows: signals, signals: this.#signals.size },
    };
    this.#signals.clear();
    this.#from = Infinity;
    this.#to = 0;
    this.#told = now;
    return gap;
  }
}
