import type { Item } from './device.ts';
import { State, type Stored } from './state.ts';
import type { SimulatedValue } from './value.ts';

/** What a sample request gets. */
export interface Slice {
  /** By sequence. */
  readonly observations: readonly Stored[];
  /** Where to go on: behind the last observation that was looked at, matching or not. */
  readonly next: number;
  /** Nothing is left behind `next`. */
  readonly atEnd: boolean;
}

/**
 * The agent's memory since it started: the last `capacity` observations of all its devices with sequences 1, 2, 3 …,
 * and the state before the first of them, so that the state at any sequence in the buffer can be told.
 */
export class Store {
  readonly capacity: number;
  #ring: (Stored | undefined)[];
  #latest = new State();
  #beforeFirst = new State();
  #next = 1;

  constructor(capacity: number) {
    this.capacity = capacity;
    this.#ring = new Array(capacity);
  }

  get nextSequence(): number {
    return this.#next;
  }

  get lastSequence(): number {
    return this.#next - 1;
  }

  get firstSequence(): number {
    return Math.max(1, this.#next - this.capacity);
  }

  append(item: Item, value: SimulatedValue, timestamp: string): Stored {
    const observation: Stored = { sequence: this.#next, item, timestamp, value };
    const slot = this.#next % this.capacity;
    const evicted = this.#ring[slot];
    if (evicted !== undefined) this.#beforeFirst.apply(evicted);
    this.#ring[slot] = observation;
    this.#latest.apply(observation);
    this.#next += 1;
    return observation;
  }

  /** Up to `count` matching observations from sequence `from` on, which must be in the buffer or `nextSequence`. */
  forward(from: number, count: number, matches: (item: Item) => boolean): Slice {
    const observations: Stored[] = [];
    let sequence = from;
    for (; sequence < this.#next && observations.length < count; sequence += 1) {
      const observation = this.#at(sequence);
      if (matches(observation.item)) observations.push(observation);
    }
    return { observations, next: sequence, atEnd: sequence === this.#next };
  }

  /** Up to `count` matching observations from sequence `from` backwards; `next` is where to go on backwards. */
  backward(from: number, count: number, matches: (item: Item) => boolean): Slice {
    const observations: Stored[] = [];
    let sequence = from;
    for (; sequence >= this.firstSequence && observations.length < count; sequence -= 1) {
      const observation = this.#at(sequence);
      if (matches(observation.item)) observations.push(observation);
    }
    return { observations: observations.reverse(), next: sequence, atEnd: sequence < this.firstSequence };
  }

  /** The state now, or as it was when sequence `at`, which must be in the buffer, was the last. */
  state(at?: number): State {
    if (at === undefined) return this.#latest;
    const state = this.#beforeFirst.copy();
    for (let sequence = this.firstSequence; sequence <= at; sequence += 1) state.apply(this.#at(sequence));
    return state;
  }

  /** Puts the items of a changed device model in the place of those with the same id. */
  adopt(items: readonly Item[]): void {
    const byId = new Map(items.map((item) => [item.spec.id, item]));
    const replace = (old: Stored): Stored => ({ ...old, item: byId.get(old.item.spec.id) ?? old.item });
    this.#ring = this.#ring.map((old) => (old === undefined ? old : replace(old)));
    this.#latest = this.#latest.with(replace);
    this.#beforeFirst = this.#beforeFirst.with(replace);
  }

  #at(sequence: number): Stored {
    const observation = this.#ring[sequence % this.capacity];
    if (observation?.sequence !== sequence) throw new RangeError(`sequence ${sequence} is not in the buffer`);
    return observation;
  }
}
