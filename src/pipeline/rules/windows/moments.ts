import type { Value } from '../../../observation.ts';
import { PANES, PaneRing, type Window } from './window.ts';

/**
 * Mean, standard deviation, least and most of the numbers in a window: Welford within a pane, Chan across panes,
 * nothing is ever subtracted. O(1) a value, and once a pane the panes are merged anew.
 */
export class MomentsWindow implements Window {
  readonly #ring: PaneRing;
  readonly #n = new Float64Array(PANES + 1);
  readonly #mean = new Float64Array(PANES + 1);
  readonly #m2 = new Float64Array(PANES + 1);
  readonly #min = new Float64Array(PANES + 1).fill(Number.POSITIVE_INFINITY);
  readonly #max = new Float64Array(PANES + 1).fill(Number.NEGATIVE_INFINITY);
  /** Merged: all panes but the one under way, which comes on top when it is asked for. */
  #closed = { n: 0, mean: 0, m2: 0, min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY };
  #isStale = false;

  constructor(window: number) {
    this.#ring = new PaneRing(window);
  }

  observe(t: number, v: Value): void {
    if (typeof v !== 'number') return;
    const pane = this.#ring.numberOf(t);
    this.#moveTo(pane);
    if (!this.#ring.isCovered(pane)) return;
    if (pane < this.#ring.newest) this.#isStale = true;
    const i = this.#ring.placeOf(pane);
    const n = (this.#n[i] as number) + 1;
    const mean = this.#mean[i] as number;
    const delta = v - mean;
    const moved = mean + delta / n;
    this.#n[i] = n;
    this.#mean[i] = moved;
    this.#m2[i] = (this.#m2[i] as number) + delta * (v - moved);
    if (v < (this.#min[i] as number)) this.#min[i] = v;
    if (v > (this.#max[i] as number)) this.#max[i] = v;
  }

  mean(now: number): number | null {
    this.#settle(now);
    const { n, mean } = this.#closed;
    const current = this.#n[this.#place()] ?? 0;
    if (n + current === 0) return null;
    return mean + ((this.#mean[this.#place()] ?? 0) - mean) * (current / (n + current));
  }

  /** Of the values as a sample: divided by n − 1. */
  stddev(now: number): number | null {
    this.#settle(now);
    const { n, mean, m2 } = this.#closed;
    const current = this.#n[this.#place()] ?? 0;
    if (n + current < 2) return null;
    const delta = (this.#mean[this.#place()] ?? 0) - mean;
    const all = m2 + (this.#m2[this.#place()] ?? 0) + delta * delta * ((n * current) / (n + current));
    return Math.sqrt(all / (n + current - 1));
  }

  min(now: number): number | null {
    this.#settle(now);
    return finite(Math.min(this.#closed.min, this.#min[this.#place()] ?? Number.POSITIVE_INFINITY));
  }

  max(now: number): number | null {
    this.#settle(now);
    return finite(Math.max(this.#closed.max, this.#max[this.#place()] ?? Number.NEGATIVE_INFINITY));
  }

  wake(now: number): number {
    this.#moveTo(this.#ring.numberOf(now));
    const oldest = this.#ring.oldest((place) => this.#n[place] !== 0);
    return oldest === undefined ? Number.POSITIVE_INFINITY : this.#ring.leaves(oldest);
  }

  #place(): number {
    return this.#ring.placeOf(this.#ring.newest);
  }

  #settle(now: number): void {
    this.#moveTo(this.#ring.numberOf(now));
    if (this.#isStale) this.#merge();
  }

  #moveTo(pane: number): void {
    if (pane <= this.#ring.newest) return;
    this.#ring.moveTo(pane, (place) => {
      this.#n[place] = 0;
      this.#mean[place] = 0;
      this.#m2[place] = 0;
      this.#min[place] = Number.POSITIVE_INFINITY;
      this.#max[place] = Number.NEGATIVE_INFINITY;
    });
    this.#isStale = true;
  }

  #merge(): void {
    const all = this.#closed;
    all.n = all.mean = all.m2 = 0;
    all.min = Number.POSITIVE_INFINITY;
    all.max = Number.NEGATIVE_INFINITY;
    for (let pane = this.#ring.newest - PANES; pane < this.#ring.newest; pane++) {
      const i = this.#ring.placeOf(pane);
      const n = this.#n[i];
      if (n === undefined || n === 0) continue;
      const total = all.n + n;
      const delta = (this.#mean[i] as number) - all.mean;
      all.mean += delta * (n / total);
      all.m2 += (this.#m2[i] as number) + delta * delta * ((all.n * n) / total);
      all.n = total;
      all.min = Math.min(all.min, this.#min[i] as number);
      all.max = Math.max(all.max, this.#max[i] as number);
    }
    this.#isStale = false;
  }
}

function finite(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}
