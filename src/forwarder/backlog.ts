import type { StoredBatch } from '../outbox/outbox.ts';

/** Which end of a backlog goes first. */
export type BacklogOrder = 'oldest' | 'newest';

/** Ids above `after`, up to `upTo`. */
export interface IdRange {
  readonly after: number;
  readonly upTo: number;
}

/** What of the outbox is too old to be live and not claimed yet, as ranges of ids. Pure. */
export class Backlog {
  readonly order: BacklogOrder;
  readonly #ranges: IdRange[] = [];

  constructor(order: BacklogOrder) {
    this.order = order;
  }

  /** Ascending, never overlapping. */
  get ranges(): readonly IdRange[] {
    return this.#ranges;
  }

  /** Adds what lies above all that was added before. */
  add(range: IdRange): void {
    if (range.upTo > range.after) this.#ranges.push(range);
  }

  /** Where the next claim looks; undefined when everything was claimed. */
  get next(): IdRange | undefined {
    return this.order === 'oldest' ? this.#ranges[0] : this.#ranges.at(-1);
  }

  /** A claim of `next` has given these batches, in its order; none: the range holds nothing more. */
  claimed(batches: readonly StoredBatch[]): void {
    const last = batches.at(-1)?.id;
    const range = this.order === 'oldest' ? this.#ranges.shift() : this.#ranges.pop();
    if (last === undefined || range === undefined) return;
    const rest = this.order === 'oldest' ? { ...range, after: last } : { ...range, upTo: last - 1 };
    if (rest.upTo <= rest.after) return;
    if (this.order === 'oldest') this.#ranges.unshift(rest);
    else this.#ranges.push(rest);
  }
}
