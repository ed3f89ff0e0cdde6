/** Bounds of a backoff, in milliseconds. */
export interface BackoffRange {
  readonly min: number;
  readonly max: number;
}

/**
 * Exponential backoff with full jitter: each delay is drawn evenly between 0 and a ceiling that doubles from `min` to
 * `max`, so that a fleet that lost the same broker does not come back in step
 * (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/).
 */
export class Backoff {
  readonly #range: BackoffRange;
  readonly #random: () => number;
  #attempts = 0;

  constructor(range: BackoffRange, random: () => number = Math.random) {
    this.#range = range;
    this.#random = random;
  }

  /** Milliseconds to wait before the next attempt. */
  next(): number {
    const ceiling = Math.min(this.#range.max, this.#range.min * 2 ** this.#attempts);
    this.#attempts += 1;
    return Math.round(ceiling * this.#random());
  }

  /** A delay for faults that only a person can mend: between half the maximum and the maximum. */
  far(): number {
    return Math.round(this.#range.max * (0.5 + 0.5 * this.#random()));
  }

  /** After success: the next delay starts from `min` again. */
  reset(): void {
    this.#attempts = 0;
  }
}
