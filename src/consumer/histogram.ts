/** Each bucket is 2 % wider than the one before, so a quantile is off by at most 1 %. */
const GROWTH = 1.02;
const LOG_GROWTH = Math.log(GROWTH);
/** Bucket 0 holds what is below this. */
const SMALLEST = 0.1;
const BUCKETS = 1200;

/** Quantiles of any number of positive values in bounded memory: 0.1 … 2e9 with an error of at most 1 %. */
export class Histogram {
  readonly #buckets = new Float64Array(BUCKETS);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Values that are not finite are left out; those below the range count as 0, those above it as its upper end. */
  add(value: number): void {
    if (!Number.isFinite(value)) return;
    const bucket =
      value < SMALLEST ? 0 : Math.min(BUCKETS - 1, 1 + Math.floor(Math.log(value / SMALLEST) / LOG_GROWTH));
    this.#buckets[bucket] = (this.#buckets[bucket] as number) + 1;
    this.#count += 1;
  }

  /** The value that this share (0 to 1) of the values does not exceed; undefined when there are none. */
  quantile(share: number): number | undefined {
    if (this.#count === 0) return undefined;
    const wanted = Math.max(1, Math.ceil(share * this.#count));
    let seen = 0;
    const bucket = this.#buckets.findIndex((count) => {
      seen += count;
      return seen >= wanted;
    });
    return bucket === 0 ? 0 : SMALLEST * GROWTH ** (bucket - 0.5);
  }
}
