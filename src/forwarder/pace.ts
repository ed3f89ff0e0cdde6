/** An acknowledgement that takes this much longer than the link's best says that something queues up before it. */
const QUEUED_MS = 500;
/** What is under way at the beginning. */
const START = 4;
/** What is under way fills a slow line for about so long: an alert that comes now stands behind it. */
const REACH_MS = 2000;
/** So many bytes may be under way over any line, so that a faster one can be told from a slow one. */
const LEAST_BYTES = 32 * 1024;
/** What was acknowledged is counted over this long, in slots of this length. */
const COUNTED_MS = 5000;
const SLOT_MS = 500;
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

/**
 * How many bytes may be under way on a line that takes what it does: as many as were acknowledged in a time like
 * `REACH_MS` before. A line with room is asked for more each time, and so found out; on a slow one an alert waits for no
 * more than that. Pure; times are milliseconds.
 */
export class Reach {
  readonly #slots: { readonly slot: number; bytes: number }[] = [];
  #sum = 0;

  /** So many bytes were acknowledged. */
  acknowledged(bytes: number, now: number): void {
    const slot = Math.floor(now / SLOT_MS);
    const last = this.#slots.at(-1);
    if (last?.slot === slot) last.bytes += bytes;
    else this.#slots.push({ slot, bytes });
    this.#sum += bytes;
    this.#forget(slot);
  }

  /** Bytes that may be under way. */
  size(now: number): number {
    this.#forget(Math.floor(now / SLOT_MS));
    return Math.max(LEAST_BYTES, (this.#sum * REACH_MS) / COUNTED_MS);
  }

  #forget(slot: number): void {
    for (
      let [first] = this.#slots;
      first !== undefined && first.slot <= slot - COUNTED_MS / SLOT_MS;
      [first] = this.#slots
    ) {
      this.#sum -= first.bytes;
      this.#slots.shift();
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
