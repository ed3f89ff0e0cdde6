/** An acknowledgement that takes this much longer than the link's best says that something queues up before it. */
const QUEUED_MS = 500;
/** What is under way at the beginning. */
const START = 4;
/** How much may be sent at once after a pause, in milliseconds of the rate. */
const BURST_MS = 1000;

/**
 * How much backlog may be under way, so that what is sent meanwhile does not stand in a queue behind it: grows by one
 * with each quick acknowledgement and is halved when they become slow. Pure; times are milliseconds.
 */
export class Pace {
  readonly #most: number;
  #size: number;
  #best = Number.POSITIVE_INFINITY;
  /** What was sent before then says nothing about the size that holds since. */
  #changedAt = Number.NEGATIVE_INFINITY;

  /** `most`: batches under way, 1 and more. */
  constructor(most: number) {
    this.#most = Math.max(1, most);
    this.#size = Math.min(START, this.#most);
  }

  get size(): number {
    return this.#size;
  }

  /** A batch that was sent at `sentAt` was acknowledged at `now`. */
  acknowledged(sentAt: number, now: number): void {
    const took = now - sentAt;
    this.#best = Math.min(this.#best, took);
    if (took <= this.#best + QUEUED_MS) this.#size = Math.min(this.#most, this.#size + 1);
    else if (sentAt >= this.#changedAt) {
      this.#size = Math.max(1, Math.floor(this.#size / 2));
      this.#changedAt = now;
    }
  }
}

/** A rate in bytes a second that may be exceeded for a second's worth after a pause. Pure; times are milliseconds. */
export class Rate {
  readonly #bytesPerMs: number;
  #free = 0;
  #at = Number.NEGATIVE_INFINITY;

  /** `bytesPerSecond` undefined: no limit. */
  constructor(bytesPerSecond: number | undefined) {
    this.#bytesPerMs = (bytesPerSecond ?? Number.POSITIVE_INFINITY) / 1000;
  }

  /** Milliseconds until something may be sent; 0: now. */
  wait(now: number): number {
    if (this.#bytesPerMs === Number.POSITIVE_INFINITY) return 0;
    const most = this.#bytesPerMs * BURST_MS;
    this.#free = Math.min(
      most,
      this.#at === Number.NEGATIVE_INFINITY ? most : this.#free + (now - this.#at) * this.#bytesPerMs,
    );
    this.#at = now;
    return this.#free > 0 ? 0 : Math.ceil((1 - this.#free) / this.#bytesPerMs);
  }

  /** So many bytes were sent. */
  sent(bytes: number): void {
    this.#free -= bytes;
  }
}
