import type { Value } from '../observation.ts';

/** A signal over time. Columns belong together; numbers are null where there is none. */
export interface Series {
  readonly unit?: string | undefined;
  /** Of the last value in each bucket, milliseconds since the epoch. */
  readonly t: number[];
  readonly min: (number | null)[];
  readonly max: (number | null)[];
  readonly mean: (number | null)[];
  readonly last: Value[];
}

interface Bucket {
  t: number;
  min: number;
  max: number;
  sum: number;
  numbers: number;
  last: Value;
}

/** Thins the values of one signal to one of many buckets of time. Values may come in any order. Pure. */
export class SeriesBuilder {
  readonly #from: number;
  readonly #width: number;
  readonly #buckets = new Map<number, Bucket>();
  unit: string | undefined;

  /** @param width of a bucket, ms */
  constructor(from: number, width: number) {
    this.#from = from;
    this.#width = width;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** Whether the bucket at a time has a value. */
  has(t: number): boolean {
    return this.#buckets.has(this.#indexOf(t));
  }

  add(t: number, v: Value): void {
    const index = this.#indexOf(t);
    let bucket = this.#buckets.get(index);
    if (bucket === undefined) {
      bucket = { t, min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY, sum: 0, numbers: 0, last: v };
      this.#buckets.set(index, bucket);
    }
    if (t >= bucket.t) {
      bucket.t = t;
      bucket.last = v;
    }
    if (typeof v !== 'number') return;
    bucket.min = Math.min(bucket.min, v);
    bucket.max = Math.max(bucket.max, v);
    bucket.sum += v;
    bucket.numbers += 1;
  }

  build(): Series {
    const buckets = [...this.#buckets.entries()].sort(([a], [b]) => a - b).map(([, bucket]) => bucket);
    const number = (of: (bucket: Bucket) => number) =>
      buckets.map((bucket) => (bucket.numbers === 0 ? null : of(bucket)));
    return {
      ...(this.unit === undefined ? {} : { unit: this.unit }),
      t: buckets.map(({ t }) => t),
      min: number(({ min }) => min),
      max: number(({ max }) => max),
      mean: number(({ sum, numbers }) => sum / numbers),
      last: buckets.map(({ last }) => last),
    };
  }

  #indexOf(t: number): number {
    return Math.floor((t - this.#from) / this.#width);
  }
}
