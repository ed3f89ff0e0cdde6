import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Outbox, StoredBatch } from '../outbox/outbox.ts';
import { batchTopic } from '../wire/contract.ts';
import type { Sender } from './envelope.ts';
import { Told } from './told.ts';

/** A refused batch is offered again after this long, doubling with each refusal up to the maximum. */
export const HOLD_MIN_MS = 60_000;
export const HOLD_MAX_MS = 3_600_000;

/** Sets aside what the broker does not take, so that its lane goes on; tells each topic and reason once. */
export class Quarantine {
  readonly #outbox: Outbox;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #told: Told;
  readonly #failed: (error: unknown) => void;
  readonly #holding = new Set<number>();

  /** `failed` is told when the outbox is gone or closing. */
  constructor(outbox: Outbox, log: Log, clock: Clock, failed: (error: unknown) => void) {
    this.#outbox = outbox;
    this.#log = log;
    this.#clock = clock;
    this.#told = new Told(clock);
    this.#failed = failed;
  }

  /** Batches that are being set aside. */
  get size(): number {
    return this.#holding.size;
  }

  /** Whether the batch is being set aside and its commit still under way. */
  has(id: number): boolean {
    return this.#holding.has(id);
  }

  /** Returns at once; `has` tells when it is durable. `reason` and `hint` are for people. */
  hold(batch: StoredBatch, { tenant, gateway }: Sender, reason: string, hint: string): void {
    const delay = Math.min(HOLD_MAX_MS, HOLD_MIN_MS * 2 ** batch.refusals);
    this.#holding.add(batch.id);
    this.#outbox
      .hold(batch.id, this.#clock.now() + delay, reason)
      .then(() => this.#holding.delete(batch.id))
      .catch(this.#failed);
    const topic = batchTopic(tenant, gateway, batch.machine, batch.kind);
    const count = this.#told.count(`${topic} ${reason}`);
    if (count === undefined) return;
    const what = count === 1 ? `seq ${batch.seq} is` : `${count} more batches are`;
    this.#log.error(`${topic}: ${what} set aside for ${delay / 60_000} min or more: ${reason}: ${hint}`);
  }
}
