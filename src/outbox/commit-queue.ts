import type { Append } from './outbox.ts';
import type { CommitReply, Group, Hold } from './protocol.ts';

/** Text of the bodies in one transaction, so that neither the thread nor the WAL has to hold more at once. */
const MAX_GROUP_CHARACTERS = 4 * 1024 * 1024;

interface Waiting<T> {
  readonly value: T;
  resolve(): void;
  reject(error: unknown): void;
}

/** Ids that were delivered, or one batch to set aside. */
type Mark = readonly number[] | Hold;

/** What goes into one transaction, and who waits for it. */
export interface Taken {
  readonly group: Group;
  readonly appends: readonly Waiting<Append>[];
  readonly marks: readonly Waiting<Mark>[];
}

/**
 * What waits for the next commit. Appends keep their order; marks are about batches that are stored already, so they
 * need not wait for appends that the disk refuses.
 */
export class CommitQueue {
  #appends: Waiting<Append>[] = [];
  #marks: Waiting<Mark>[] = [];

  get empty(): boolean {
    return this.#appends.length === 0 && this.#marks.length === 0;
  }

  append(entry: Append): Promise<void> {
    return enqueue(this.#appends, entry);
  }

  settle(ids: readonly number[]): Promise<void> {
    return enqueue(this.#marks, ids);
  }

  hold(hold: Hold): Promise<void> {
    return enqueue(this.#marks, hold);
  }

  /** All marks, and the oldest appends up to a bound (at least one). */
  take(): Taken {
    const marks = this.#marks;
    this.#marks = [];
    let characters = 0;
    let end = 0;
    for (const { value } of this.#appends) {
      characters += value.batches.reduce((sum, { body }) => sum + body.length, 0);
      if (end > 0 && characters > MAX_GROUP_CHARACTERS) break;
      end += 1;
    }
    const appends = this.#appends.splice(0, end);
    const group = {
      appends: appends.map(({ value }) => value),
      settled: marks.flatMap(({ value }) => (isHold(value) ? [] : value)),
      holds: marks.flatMap(({ value }) => (isHold(value) ? value : [])),
    };
    return { group, appends, marks };
  }

  /** Resolves what was done and puts the rest back in front of what came meanwhile. */
  book({ appends, marks }: Taken, { marked, appended }: Pick<CommitReply, 'marked' | 'appended'>): void {
    if (marked) for (const { resolve } of marks) resolve();
    else this.#marks.unshift(...marks);
    if (appended) for (const { resolve } of appends) resolve();
    else this.#appends.unshift(...appends);
  }

  /** Tells everyone who waits, of a group under way too, that it will never be done. */
  rejectAll(error: unknown, taken?: Taken): void {
    const under = taken === undefined ? [] : [...taken.appends, ...taken.marks];
    for (const { reject } of [...under, ...this.#appends, ...this.#marks]) reject(error);
    this.#appends = [];
    this.#marks = [];
  }
}

function enqueue<T>(queue: Waiting<T>[], value: T): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  queue.push({ value, resolve, reject });
  return promise;
}

function isHold(mark: Mark): mark is Hold {
  return !Array.isArray(mark);
}
