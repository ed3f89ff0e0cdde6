import type { Value } from '../../../observation.ts';
import { PANES, PaneRing } from './window.ts';

/** A sum over the panes of a window. Of whole numbers, so that taking a pane out again is exact. */
export class Tally {
  readonly #ring: PaneRing;
  readonly #sums = new Float64Array(PANES + 1);
  total = 0;

  constructor(window: number) {
    this.#ring = new PaneRing(window);
  }

  /** Milliseconds of a pane. */
  get length(): number {
    return this.#ring.length;
  }

  /** Adds at a time; what lies before the window is left out. */
  add(t: number, amount: number): void {
    const pane = this.#ring.numberOf(t);
    this.moveTo(t);
    if (!this.#ring.isCovered(pane)) return;
    const place = this.#ring.placeOf(pane);
    this.#sums[place] = (this.#sums[place] as number) + amount;
    this.total += amount;
  }

  /** Lets go of what lies before the window that ends now. */
  moveTo(now: number): void {
    const pane = this.#ring.numberOf(now);
    if (pane <= this.#ring.newest) return;
    this.#ring.moveTo(pane, (place) => {
      this.total -= this.#sums[place] as number;
      this.#sums[place] = 0;
    });
  }

  /** When the sum gets less; Infinity where it is nothing. */
  wake(now: number): number {
    this.moveTo(now);
    const oldest = this.total === 0 ? undefined : this.#ring.oldest((place) => this.#sums[place] !== 0);
    return oldest === undefined ? Number.POSITIVE_INFINITY : this.#ring.leaves(oldest);
  }

  /** When the pane under way ends. */
  end(): number {
    return this.#ring.end();
  }

  snapshot(): Value {
    return Number.isFinite(this.#ring.newest) ? [this.#ring.newest, [...this.#sums]] : null;
  }

  restore(snapshot: Value): void {
    if (snapshot === null) return;
    const [newest, sums] = snapshot as [number, number[]];
    this.#ring.newest = newest;
    this.#sums.set(sums);
    this.total = sums.reduce((sum, amount) => sum + amount, 0);
  }
}
