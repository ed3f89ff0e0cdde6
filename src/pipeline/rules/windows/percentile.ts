import type { Value } from '../../../observation.ts';
import { PANES, PaneRing, type Window } from './window.ts';

/** A bucket's values differ by at most 2 %, so that its middle is at most 1 % off. */
const GROWTH = 1.02;
const LOG_GROWTH = Math.log(GROWTH);
/** Below this a number counts as 0; above the last bucket, some 2e12, as that. */
const LEAST = 1e-6;
const BUCKETS = 2130;
/** Negative numbers lie below it, positive ones above. */
const ZERO = BUCKETS;

/**
 * A percentile of the numbers in a window, at most 1 % of the value off (buckets on a logarithmic scale). A pointer
 * follows the percentile as values come and go, so that asking costs next to nothing.
 */
export class PercentileWindow implements Window {
  readonly #ring: PaneRing;
  readonly #share: number;
  /** How many values are in each bucket, of all panes. */
  readonly #counts = new Int32Array(2 * BUCKETS + 1);
  /** The same by pane, to take them out again. */
  readonly #panes: readonly Map<number, number>[];
  #total = 0;
  /** A bucket, and how many values lie below it. */
  #pointer = ZERO;
  #below = 0;

  constructor(window: number, percentage: number) {
    this.#ring = new PaneRing(window);
    this.#share = percentage / 100;
    this.#panes = Array.from({ length: PANES + 1 }, () => new Map());
  }

  observe(t: number, v: Value): void {
    if (typeof v !== 'number') return;
    const pane = this.#ring.numberOf(t);
    this.#moveTo(pane);
    if (!this.#ring.isCovered(pane)) return;
    const bucket = bucketOf(v);
    const counts = this.#panes[this.#ring.placeOf(pane)] as Map<number, number>;
    counts.set(bucket, (counts.get(bucket) ?? 0) + 1);
    this.#change(bucket, 1);
  }

  /** The value of the nearest rank; null where there is none. */
  percentile(now: number): number | null {
    this.#moveTo(this.#ring.numberOf(now));
    if (this.#total === 0) return null;
    const rank = Math.max(1, Math.ceil(this.#share * this.#total));
    while (this.#below >= rank) {
      this.#pointer -= 1;
      this.#below -= this.#counts[this.#pointer] as number;
    }
    while (this.#below + (this.#counts[this.#pointer] as number) < rank) {
      this.#below += this.#counts[this.#pointer] as number;
      this.#pointer += 1;
    }
    return middleOf(this.#pointer);
  }

  wake(now: number): number {
    this.#moveTo(this.#ring.numberOf(now));
    const oldest = this.#ring.oldest((place) => (this.#panes[place]?.size ?? 0) > 0);
    return oldest === undefined ? Number.POSITIVE_INFINITY : this.#ring.leaves(oldest);
  }

  #change(bucket: number, by: number): void {
    this.#counts[bucket] = (this.#counts[bucket] as number) + by;
    this.#total += by;
    if (bucket < this.#pointer) this.#below += by;
  }

  #moveTo(pane: number): void {
    if (pane <= this.#ring.newest) return;
    this.#ring.moveTo(pane, (place) => {
      const counts = this.#panes[place] as Map<number, number>;
      for (const [bucket, count] of counts) this.#change(bucket, -count);
      counts.clear();
    });
  }
}

function bucketOf(v: number): number {
  const size = Math.abs(v);
  if (size < LEAST) return ZERO;
  const step = Math.min(BUCKETS, 1 + Math.floor(Math.log(size / LEAST) / LOG_GROWTH));
  return v > 0 ? ZERO + step : ZERO - step;
}

function middleOf(bucket: number): number {
  const step = Math.abs(bucket - ZERO);
  // Equally far, as a share, from either end of the bucket.
  const size = step === 0 ? 0 : LEAST * GROWTH ** (step - 1) * ((2 * GROWTH) / (1 + GROWTH));
  return bucket < ZERO ? -size : size;
}
