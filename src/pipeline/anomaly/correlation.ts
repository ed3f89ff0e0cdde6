import { CholeskyDecomposition, Matrix } from 'ml-matrix';
import type { Value } from '../../observation.ts';

/** Added to each variance: no linear relation is trusted beyond this. */
const RIDGE = 0.01;
/** A signal that stood still while it was learnt has this variance, so that its first move does not hide all others. */
const LEAST_VARIANCE = 0.1;
/** What is learnt from a single sample is no further off, standard deviations. */
const MOST_LEARNT = 5;

/** EWMA covariance of standardised signals, and its inverse for those that take part. Nothing is allocated but by `invert`. */
export class Correlation {
  /** Row by row, `width` a row; only the lower triangle is used. */
  readonly #covariance: Float64Array;
  readonly #width: number;
  /** Samples that each signal was learnt from. */
  readonly #counts: Float64Array;
  /** The signals that take part, in order, and the inverse of their covariance, row by row. */
  #members: readonly number[] = [];
  #precision = new Float64Array(0);

  /** @param most number of signals at most */
  constructor(most: number) {
    this.#width = most;
    this.#covariance = new Float64Array(most * most);
    this.#counts = new Float64Array(most);
  }

  get members(): readonly number[] {
    return this.#members;
  }

  countOf(signal: number): number {
    return this.#counts[signal] as number;
  }

  /**
   * @param deviations of all signals, NaN where there is none; the first `size` of them count
   * @param weight of a sample, once there are many
   */
  learn(deviations: Float64Array, size: number, weight: number): void {
    const counts = this.#counts;
    for (let i = 0; i < size; i++) {
      const a = clip(deviations[i] as number);
      if (Number.isNaN(a)) continue;
      const row = i * this.#width;
      const known = counts[i] as number;
      for (let j = 0; j <= i; j++) {
        const b = clip(deviations[j] as number);
        if (Number.isNaN(b)) continue;
        const share = Math.max(weight, 1 / (Math.min(known, (counts[j] as number) - (j < i ? 1 : 0)) + 1));
        const at = row + j;
        const old = this.#covariance[at] as number;
        this.#covariance[at] = old + (a * b - old) * share;
      }
      counts[i] = known + 1;
    }
  }

  /** Takes over what was learnt, for these signals. */
  invert(members: readonly number[]): void {
    const k = members.length;
    this.#members = members;
    this.#precision = new Float64Array(0);
    if (k === 0) return;
    // The signals’ own rates of learning differ while they warm up, so the matrix can be indefinite for a while.
    for (let ridge = RIDGE; ; ridge *= 10) {
      const cholesky = new CholeskyDecomposition(this.#matrix(ridge));
      if (!cholesky.isPositiveDefinite()) continue;
      this.#precision = symmetric(cholesky.solve(Matrix.eye(k)));
      return;
    }
  }

  /** Mahalanobis distance of the members, squared. NaN where one has no deviation. */
  distance(deviations: Float64Array): number {
    let all = 0;
    for (let place = 0; place < this.#members.length; place++) {
      all += this.#pull(place, deviations) * (deviations[this.#members[place] as number] as number);
    }
    // `Math.max` keeps NaN.
    return Math.max(0, all);
  }

  /** By how much the distance, squared, would be less without each of the members. */
  contributions(deviations: Float64Array): number[] {
    const k = this.#members.length;
    return this.#members.map((_, place) => {
      return this.#pull(place, deviations) ** 2 / (this.#precision[place * k + place] as number);
    });
  }

  forget(): void {
    this.#counts.fill(0);
    this.#members = [];
  }

  snapshot(size: number): Value {
    const covariance: number[] = [];
    for (let i = 0; i < size; i++) {
      for (let j = 0; j <= i; j++) covariance.push(this.#covariance[i * this.#width + j] as number);
    }
    const k = this.#members.length;
    const precision = [...this.#precision].filter((_, at) => at % k <= Math.floor(at / k));
    return { counts: [...this.#counts.subarray(0, size)], covariance, members: this.#members, precision };
  }

  restore(snapshot: Value): void {
    const { counts, covariance, members, precision } = snapshot as unknown as Kept;
    this.#counts.set(counts);
    let at = 0;
    for (let i = 0; i < counts.length; i++) {
      for (let j = 0; j <= i; j++) this.#covariance[i * this.#width + j] = covariance[at++] as number;
    }
    const k = members.length;
    this.#members = members;
    this.#precision = new Float64Array(k * k);
    at = 0;
    for (let i = 0; i < k; i++) {
      for (let j = 0; j <= i; j++) {
        this.#precision[i * k + j] = this.#precision[j * k + i] = precision[at++] as number;
      }
    }
  }

  /** A row of the precision times the deviations. */
  #pull(place: number, deviations: Float64Array): number {
    const members = this.#members;
    const row = place * members.length;
    let pull = 0;
    for (let j = 0; j < members.length; j++) {
      pull += (this.#precision[row + j] as number) * (deviations[members[j] as number] as number);
    }
    return pull;
  }

  #matrix(ridge: number): Matrix {
    const members = this.#members;
    const matrix = Matrix.zeros(members.length, members.length);
    members.forEach((a, i) => {
      members.forEach((b, j) => {
        const covariance = this.#covariance[Math.max(a, b) * this.#width + Math.min(a, b)] as number;
        matrix.set(i, j, i === j ? Math.max(LEAST_VARIANCE, covariance) + ridge : covariance);
      });
    });
    return matrix;
  }
}

interface Kept {
  readonly counts: readonly number[];
  readonly covariance: readonly number[];
  readonly members: readonly number[];
  readonly precision: readonly number[];
}

/** Its lower triangle, row by row, and the same above: rounding leaves an inverse a trace away from symmetric. */
function symmetric(matrix: Matrix): Float64Array<ArrayBuffer> {
  const k = matrix.rows;
  return Float64Array.from({ length: k * k }, (_, at) => {
    const [i, j] = [Math.floor(at / k), at % k];
    return matrix.get(Math.max(i, j), Math.min(i, j));
  });
}

/** NaN stays. */
function clip(deviation: number): number {
  return deviation > MOST_LEARNT ? MOST_LEARNT : deviation < -MOST_LEARNT ? -MOST_LEARNT : deviation;
}
