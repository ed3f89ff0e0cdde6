import type { Clock } from '../clock.ts';

/** What stays the same is told again after this long. */
const REPEAT_MS = 5 * 60_000;
/** Different things remembered at most. */
const REMEMBERED = 64;

/** Keeps a log readable: the same thing is told once, and again after five minutes with the number of times since. */
export class Told {
  readonly #clock: Clock;
  readonly #told = new Map<string, { at: number; since: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** How often it happened since it was last told, this time included; `undefined` when it is not to be told now. */
  count(what: string): number | undefined {
    const now = this.#clock.now();
    const entry = this.#told.get(what);
    if (entry === undefined) {
      const [oldest] = this.#told.keys();
      if (this.#told.size >= REMEMBERED && oldest !== undefined) this.#told.delete(oldest);
      this.#told.set(what, { at: now, since: 0 });
      return 1;
    }
    entry.since += 1;
    if (Math.abs(now - entry.at) < REPEAT_MS) return undefined;
    const count = entry.since;
    this.#told.set(what, { at: now, since: 0 });
    return count;
  }

  /** All is well again: what comes next is news. */
  forget(): void {
    this.#told.clear();
  }
}
