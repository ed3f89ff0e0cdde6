import type { Value } from '../../../observation.ts';
import { Tally } from './tally.ts';
import type { KeptWindow } from './window.ts';

/** How often a signal took another value. Late values are left out: what they would have changed is not known. */
export class ChangesWindow implements KeptWindow {
  readonly #tally: Tally;
  /** The last value that was available; null before the first. */
  #last: Value = null;

  constructor(window: number) {
    this.#tally = new Tally(window);
  }

  observe(t: number, v: Value, isLate: boolean): void {
    if (v === null || isLate) return;
    if (this.#last !== null && v !== this.#last) this.#tally.add(t, 1);
    this.#last = v;
  }

  /** Null before there was a value. */
  changes(now: number): number | null {
    this.#tally.moveTo(now);
    return this.#last === null ? null : this.#tally.total;
  }

  wake(now: number): number {
    return this.#tally.wake(now);
  }

  snapshot(): Value {
    return [this.#last, this.#tally.snapshot()];
  }

  restore(snapshot: Value): void {
    const [last, tally] = snapshot as [Value, Value];
    this.#last = last;
    this.#tally.restore(tally);
  }
}
