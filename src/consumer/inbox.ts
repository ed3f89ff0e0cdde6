import { batchKey, parseMessage } from '../wire/codec.ts';
import type { Status } from '../wire/contract.ts';
import { Ledger } from './ledger.ts';
import { DEFAULT_ORDER, Orderer, type OrdererOptions, type Released } from './orderer.ts';

/** A batch in its turn. `arrivedAt`: milliseconds since the epoch. */
export type ReceivedBatch = { readonly type: 'batch'; readonly topic: string; readonly arrivedAt: number } & Released;

/** What came out of a message. `key` is the batch key; `problem` and `reason` are for people. */
export type Received =
  | ReceivedBatch
  | { readonly type: 'status'; readonly topic: string; readonly status: Status }
  | { readonly type: 'duplicate' | 'conflict'; readonly topic: string; readonly key: string }
  | { readonly type: 'problem'; readonly topic: string; readonly problem: string }
  | { readonly type: 'ignored'; readonly topic: string; readonly reason: string };

/**
 * Messages in, batches out: decoded, validated, each once, in the order of their seq. Pure: the time is handed in, in
 * milliseconds since the epoch.
 */
export class Inbox {
  readonly ledger = new Ledger();
  readonly #orderer: Orderer;
  /** Of what the orderer holds back, by batch. */
  readonly #arrivals = new WeakMap<object, { topic: string; arrivedAt: number }>();

  constructor(order: OrdererOptions = DEFAULT_ORDER) {
    this.#orderer = new Orderer(order);
  }

  /** Takes a message; gives what it led to, which may be nothing yet, or more than one batch. Never throws. */
  take(topic: string, payload: Uint8Array, now: number): Received[] {
    const message = parseMessage(topic, payload);
    if (message.type === 'status') this.ledger.status(message.status, now);
    if (message.type !== 'batch') return [{ topic, ...message }];
    const { batch } = message;
    const verdict = this.ledger.enter(batch, now);
    if (verdict !== 'new') return [{ type: verdict, topic, key: batchKey(batch) }];
    this.#arrivals.set(batch, { topic, arrivedAt: now });
    return this.#released(this.#orderer.push(batch, now));
  }

  /** Batches that have waited for those before them long enough. */
  expire(now: number): Received[] {
    return this.#released(this.#orderer.expire(now));
  }

  /** At the end: whatever still waits. */
  flush(): Received[] {
    return this.#released(this.#orderer.flush());
  }

  #released(released: readonly Released[]): Received[] {
    return released.map(({ batch, late }) => {
      const { topic, arrivedAt } = this.#arrivals.get(batch) as { topic: string; arrivedAt: number };
      return { type: 'batch', topic, arrivedAt, batch, late };
    });
  }
}
