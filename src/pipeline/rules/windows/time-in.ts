import { isSame } from '../../../expression/compile.ts';
import type { Value } from '../../../observation.ts';
import { Tally } from './tally.ts';
import { type KeptWindow, PANES } from './window.ts';

/**
 * For how long a signal held a value. A value holds until the next one; while it is unavailable no time counts. Late
 * values are left out: the time that they would have changed has been counted.
 */
export class TimeInWindow implements KeptWindow {
  readonly #window: number;
  readonly #target: Value;
  /** Milliseconds. */
  readonly #held: Tally;
  #isHolding = false;
  #isKnown = false;
  /** Up to when the time has been counted. */
  #counted = Number.NEGATIVE_INFINITY;

  constructor(window: number, target: Value) {
    this.#held = new Tally(window);
    this.#window = window;
    this.#target = target;
  }

  observe(t: number, v: Value, isLate: boolean): void {
    if (isLate) return;
    this.#count(t);
    this.#isHolding = v !== null && isSame(v, this.#target);
    this.#isKnown ||= v !== null;
  }

  /** Seconds, at most the length of the window; null before there was a value. */
  seconds(now: number): number | null {
    this.#count(now);
    return this.#isKnown ? Math.min(this.#held.total, this.#window) / 1000 : null;
  }

  wake(now: number): number {
    this.#count(now);
    if (!this.#isHolding) return this.#held.wake(now);
    return this.#held.total >= this.#window ? Number.POSITIVE_INFINITY : this.#held.end();
  }

  snapshot(): Value {
    const counted = Number.isFinite(this.#counted) ? this.#counted : null;
    return [this.#isHolding, this.#isKnown, counted, this.#held.snapshot()];
  }

  restore(snapshot: Value): void {
    const [isHolding, isKnown, counted, held] = snapshot as [boolean, boolean, number | null, Value];
    this.#isHolding = isHolding;
    this.#isKnown = isKnown;
    this.#counted = counted ?? Number.NEGATIVE_INFINITY;
    this.#held.restore(held);
  }

  /** Puts the time since it was last counted into the panes. */
  #count(t: number): void {
    if (t <= this.#counted) return;
    const { length } = this.#held;
    let from = Math.max(this.#counted, (Math.floor(t / length) - PANES) * length);
    this.#counted = t;
    while (this.#isHolding && from < t) {
      const to = Math.min(t, (Math.floor(from / length) + 1) * length);
      this.#held.add(from, to - from);
      from = to;
    }
    this.#held.moveTo(t);
  }
}
