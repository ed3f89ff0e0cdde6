import type { StoredBatch } from '../outbox/outbox.ts';
import { type LinkError, mayBlamePacket } from './reasons.ts';

/** A batch that was alone in flight so often when the broker closed the link is taken for the cause. */
export const STRIKES = 3;
/** The broker counts as having closed because of a publish only within this time after it. */
const QUICK_CLOSE_MS = 5000;

/** A batch that was under way when a link ended. */
export interface Unacknowledged {
  readonly batch: StoredBatch;
  /** Milliseconds since it was published. */
  readonly age: number;
}

/** What the end of a link says about the batches that were under way. */
export interface Suspicion {
  /** It has to be set aside. */
  readonly poison?: StoredBatch;
  /** Whether one batch explains it: the same one was alone in flight at the quick close before, too. */
  readonly isExplained: boolean;
}

/**
 * Finds the batch on which a broker closes the link instead of refusing it, as 3.1.1 brokers do with what is too large
 * or forbidden. What was in flight when the broker closed is sent one at a time on the next links; the one that is
 * alone in flight at a quick close gets a strike, and is set aside at the third in a row. A cut network is no strike:
 * there the broker has not closed anything. A broker that closes for another reason (a second client with the same id)
 * strikes the innocent: a batch with a strike goes out again only on a link that was `quiet` for a while and still stands.
 */
export class Suspects {
  readonly #ids = new Set<number>();
  readonly #strikes = new Map<number, number>();
  #lastStruck: number | undefined;

  /** True while one batch at a time may be in flight. */
  get careful(): boolean {
    return this.#ids.size > 0;
  }

  /** True while a batch has a strike: the link has to show first that it stands without any. */
  get struck(): boolean {
    return this.#strikes.size > 0;
  }

  /** They are sent first on the next link. */
  get ids(): readonly number[] {
    return [...this.#ids];
  }

  /** The batch was acknowledged, refused or set aside. */
  cleared(id: number): void {
    this.#ids.delete(id);
    this.#strikes.delete(id);
  }

  /** Of the suspects only these are still to be sent. */
  retain(found: readonly StoredBatch[]): void {
    const ids = new Set(found.map(({ id }) => id));
    for (const suspect of this.ids) if (!ids.has(suspect)) this.cleared(suspect);
  }

  /** A link ended with these in flight. */
  lost(error: LinkError, inFlight: readonly Unacknowledged[]): Suspicion {
    if (!mayBlamePacket(error)) return { isExplained: false };
    for (const { batch } of inFlight) this.#ids.add(batch.id);
    const [only, another] = inFlight;
    if (only === undefined || another !== undefined || only.age > QUICK_CLOSE_MS) return { isExplained: false };
    const isExplained = this.#lastStruck === only.batch.id;
    this.#lastStruck = only.batch.id;
    const poison = this.#strike(only.batch);
    return { isExplained, ...(poison === undefined ? {} : { poison }) };
  }

  /** The broker has acknowledged later batches, but not this one. Returns it if its measure is full. */
  skipped(batch: StoredBatch): StoredBatch | undefined {
    return this.#strike(batch);
  }

  #strike(batch: StoredBatch): StoredBatch | undefined {
    const strikes = (this.#strikes.get(batch.id) ?? 0) + 1;
    this.#strikes.set(batch.id, strikes);
    if (strikes < STRIKES) return undefined;
    this.cleared(batch.id);
    return batch;
  }
}
