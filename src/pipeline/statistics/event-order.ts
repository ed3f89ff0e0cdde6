import type { Observation, Value } from '../../observation.ts';

/** What takes observations in the order of their event times. Times are milliseconds since the epoch. */
export interface OrderedSink {
  observe(observation: Observation): void;
  /** All that lies before this time has come. Never goes back. */
  advance(before: number): void;
}

/** Observations that wait at most. With more the oldest goes on early, and what is older than it is late. */
export const MAX_PENDING = 10_000;

/** The released part of the queue is cut off when it is this long. */
const CUT = 1024;

/**
 * Brings the observations of a machine into the order of their event times. One waits until the newest is `lateness`
 * newer; one that comes after that is late and left out. In order of arrival where times are equal.
 */
export class EventOrder {
  /** Left out because they came too late. */
  late = 0;
  readonly #lateness: number;
  readonly #maxPending: number;
  /** Sorted from `#head` on. */
  readonly #queue: Observation[] = [];
  #head = 0;
  #newest = Number.NEGATIVE_INFINITY;
  /** All that lies before it has been handed on. */
  #watermark = Number.NEGATIVE_INFINITY;
  /** Of the state that is being restored; undefined otherwise. */
  #restored: { newest: number; watermark: number } | undefined;

  /** `lateness` in milliseconds. */
  constructor(lateness: number, maxPending = MAX_PENDING) {
    this.#lateness = lateness;
    this.#maxPending = maxPending;
  }

  get watermark(): number {
    return this.#restored?.watermark ?? this.#watermark;
  }

  observe(observation: Observation, sink: OrderedSink): void {
    if (observation.t < this.#watermark) {
      this.late += 1;
      return;
    }
    this.#insert(observation);
    if (observation.t > this.#newest) this.#newest = observation.t;
    this.#release(Number.POSITIVE_INFINITY, sink);
  }

  /** Event time has come to `t` with nothing observed. */
  advance(t: number, sink: OrderedSink): void {
    if (t <= this.#newest) return;
    this.#newest = t;
    this.#release(Number.POSITIVE_INFINITY, sink);
  }

  /** Where event time stands. What waits is not in it: it comes again from the history. */
  snapshot(): Value {
    if (this.watermark === Number.NEGATIVE_INFINITY) return null;
    return { newest: this.#restored?.newest ?? this.#newest, watermark: this.watermark, late: this.late };
  }

  /** Of a new one only. To be followed by the history, with `warm`, and then `settle`. */
  restore(kept: Value): void {
    if (kept === null) return;
    const { newest, watermark, late } = kept as { newest: number; watermark: number; late: number };
    this.#restored = { newest, watermark };
    this.late = late;
  }

  /** Takes an observation that had come before the snapshot, in the order of arrival; it waits again if it waited then. */
  warm(observation: Observation, sink: OrderedSink): void {
    if (this.#restored === undefined || observation.t < this.#watermark) return;
    this.#insert(observation);
    if (observation.t > this.#newest) this.#newest = observation.t;
    this.#release(this.#restored.watermark, sink);
  }

  /** Ends the warming: from here on it is as it was at the snapshot. */
  settle(sink: OrderedSink): void {
    if (this.#restored === undefined) return;
    const { newest, watermark } = this.#restored;
    this.#restored = undefined;
    this.#newest = newest;
    this.#handOn(watermark, sink);
    this.#watermark = watermark;
  }

  #insert(observation: Observation): void {
    const queue = this.#queue;
    const last = queue.at(-1);
    if (last === undefined || !isBefore(observation, last)) {
      queue.push(observation);
      return;
    }
    let [low, high] = [this.#head, queue.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (isBefore(observation, queue[middle] as Observation)) high = middle;
      else low = middle + 1;
    }
    queue.splice(low, 0, observation);
  }

  #release(limit: number, sink: OrderedSink): void {
    let watermark = this.#newest - this.#lateness;
    const surplus = this.#queue.length - this.#head - this.#maxPending;
    if (surplus > 0) watermark = Math.max(watermark, (this.#queue[this.#head + surplus] as Observation).t);
    watermark = Math.min(watermark, limit);
    if (watermark <= this.#watermark) return;
    this.#handOn(watermark, sink);
    this.#watermark = watermark;
    sink.advance(watermark);
  }

  #handOn(before: number, sink: OrderedSink): void {
    const queue = this.#queue;
    let next = queue[this.#head];
    while (next !== undefined && next.t < before) {
      this.#head += 1;
      sink.observe(next);
      next = queue[this.#head];
    }
    if (this.#head < CUT && this.#head < queue.length) return;
    queue.splice(0, this.#head);
    this.#head = 0;
  }
}

function isBefore(a: Observation, b: Observation): boolean {
  return a.t < b.t || (a.t === b.t && a.ns < b.ns);
}
