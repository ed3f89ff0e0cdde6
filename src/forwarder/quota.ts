import { Backoff } from '../backoff.ts';
import type { StoredBatch } from '../outbox/outbox.ts';
import type { SendLane } from './lanes.ts';

/** Reason code: the broker takes no more of this client for now (MQTT 5, 3.4.2.1). */
export const QUOTA_EXCEEDED = 151;
/** Waits before sending goes on. */
const PAUSE = { min: 1000, max: 60_000 };
/** A batch that is refused so often, while the broker took others in between, is refused for its own sake. */
const OWN_REFUSALS = 3;

/** A batch that goes out again after the pause. */
export interface Postponed {
  readonly lane: SendLane;
  readonly batch: StoredBatch;
}

/**
 * The quota of a broker is the client's, not the batch's: whoever exceeds it has to wait, and goes on with what was
 * refused. Setting the batches aside would burn through a backlog in seconds, and bring it back out of order.
 */
export class Quota {
  readonly #over: () => void;
  readonly #backoff: Backoff;
  readonly #postponed = new Map<number, Postponed>();
  /** By id, how often it was refused and how much was acknowledged before. */
  readonly #refusals = new Map<number, { count: number; readonly acknowledged: number }>();
  #acknowledged = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `over` is called when a pause ends. */
  constructor(over: () => void, random?: () => number) {
    this.#over = over;
    this.#backoff = new Backoff(PAUSE, random);
  }

  /** True while nothing may be sent. */
  get pauses(): boolean {
    return this.#timer !== undefined;
  }

  has(id: number): boolean {
    return this.#postponed.has(id);
  }

  /**
   * A batch was refused. False: for its own sake, it should be set aside. Else it is kept for after the pause, which
   * begins now if it has not yet.
   */
  postpone(lane: SendLane, batch: StoredBatch): boolean {
    const entry = this.#refusals.get(batch.id) ?? { count: 0, acknowledged: this.#acknowledged };
    entry.count += 1;
    this.#refusals.set(batch.id, entry);
    if (entry.count >= OWN_REFUSALS && this.#acknowledged > entry.acknowledged) {
      this.#refusals.delete(batch.id);
      return false;
    }
    this.#postponed.set(batch.id, { lane, batch });
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      this.#over();
    }, this.#backoff.next());
    return true;
  }

  acknowledged(id: number): void {
    this.#acknowledged += 1;
    this.#refusals.delete(id);
    if (!this.pauses) this.#backoff.reset();
  }

  /** What goes out again now, in the order of commit. */
  take(): Postponed[] {
    const taken = [...this.#postponed.values()].sort((a, b) => a.batch.id - b.batch.id);
    this.#postponed.clear();
    return taken;
  }

  /** Ends a pause without a word. */
  close(): void {
    clearTimeout(this.#timer);
  }
}
