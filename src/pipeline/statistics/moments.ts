import type { Value } from '../../observation.ts';

/**
 * Number, mean, spread, least, most, first and last of a series of numbers, in one pass: Welford for one more value, Chan
 * for two series together. Nothing is ever subtracted, so that no digits are lost however long it runs.
 */
export class Moments {
  n = 0;
  mean = 0;
  /** Sum of the squared distances from the mean. */
  m2 = 0;
  min = Number.POSITIVE_INFINITY;
  max = Number.NEGATIVE_INFINITY;
  first = Number.NaN;
  firstT = Number.NaN;
  last = Number.NaN;
  lastT = Number.NaN;

  /** Takes a value; times must not go back. */
  add(v: number, t: number): void {
    if (this.n === 0) {
      this.first = v;
      this.firstT = t;
    }
    this.n += 1;
    const delta = v - this.mean;
    this.mean += delta / this.n;
    this.m2 += delta * (v - this.mean);
    if (v < this.min) this.min = v;
    if (v > this.max) this.max = v;
    this.last = v;
    this.lastT = t;
  }

  /** Takes a series that follows this one. */
  merge(other: Moments): void {
    if (other.n === 0) return;
    const n = this.n + other.n;
    const delta = other.mean - this.mean;
    this.mean += (delta * other.n) / n;
    this.m2 += other.m2 + (delta * delta * this.n * other.n) / n;
    if (this.n === 0) {
      this.first = other.first;
      this.firstT = other.firstT;
    }
    this.n = n;
    if (other.min < this.min) this.min = other.min;
    if (other.max > this.max) this.max = other.max;
    this.last = other.last;
    this.lastT = other.lastT;
  }

  /** Takes a series that precedes this one. */
  prepend(other: Moments): void {
    if (other.n === 0) return;
    const { n, last, lastT } = this;
    this.merge(other);
    this.first = other.first;
    this.firstT = other.firstT;
    if (n === 0) return;
    this.last = last;
    this.lastT = lastT;
  }

  clear(): void {
    this.n = 0;
    this.mean = 0;
    this.m2 = 0;
    this.min = Number.POSITIVE_INFINITY;
    this.max = Number.NEGATIVE_INFINITY;
    this.first = this.firstT = this.last = this.lastT = Number.NaN;
  }

  /** Of a sample: divided by n − 1. Null with less than two values. */
  get stddev(): number | null {
    return this.n < 2 ? null : Math.sqrt(Math.max(0, this.m2) / (this.n - 1));
  }

  /** Of the values as the whole population: divided by n, 0 for a single one. Null with none. */
  get populationStddev(): number | null {
    return this.n === 0 ? null : Math.sqrt(Math.max(0, this.m2) / this.n);
  }

  /** Change a second from the first value to the last. Null where no time lies between. */
  get rate(): number | null {
    return this.n < 2 || this.lastT <= this.firstT
      ? null
      : ((this.last - this.first) * 1000) / (this.lastT - this.firstT);
  }

  snapshot(): Value {
    return this.n === 0
      ? null
      : [this.n, this.mean, this.m2, this.min, this.max, this.first, this.firstT, this.last, this.lastT];
  }

  restore(kept: Value): void {
    this.clear();
    if (kept === null) return;
    const [n, mean, m2, min, max, first, firstT, last, lastT] = kept as readonly number[] as [
      ...[number, number, number, number, number, number, number, number, number],
    ];
    Object.assign(this, { n, mean, m2, min, max, first, firstT, last, lastT });
  }
}
