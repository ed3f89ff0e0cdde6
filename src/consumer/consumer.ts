import { Bell } from '../bell.ts';
import type { Fault } from '../errors.ts';
import { Inbox, type Received } from './inbox.ts';
import type { ChannelReport } from './ledger.ts';
import type { LinkOptions } from './link.ts';
import type { OrdererOptions } from './orderer.ts';
import { type StayLinkedOptions, stayLinked } from './stay-linked.ts';

export type { Instant } from '../instant.ts';
export type { Range } from '../seq-ranges.ts';
export type { Message, WireObservation, WireWindow } from '../wire/codec.ts';
export {
  batchKey,
  decodePayload,
  eventsOf,
  observationsOf,
  parseBatch,
  parseMessage,
  windowsOf,
} from '../wire/codec.ts';
export type { EventBatch, Kind, RollupBatch, Status, TelemetryBatch, WireBatch, WireEvent } from '../wire/contract.ts';
export { type BookFigures, Books, type GapFigures, type HourBooks, type MachineBooks } from './books.ts';
export { Histogram } from './histogram.ts';
export { Inbox, type Received, type ReceivedBatch } from './inbox.ts';
export { type ChannelReport, countOf, Ledger, type Verdict } from './ledger.ts';
export type { LinkOptions } from './link.ts';
export { Orderer, type OrdererOptions, type Released } from './orderer.ts';
export { Summary, type SummaryFigures } from './summary.ts';

/** How often it is looked whether something was held back long enough. */
const EXPIRE_MS = 500;
const DEFAULT_TOPICS: readonly string[] = ['plc/#'];

/** No batch waits for another: each is yielded as it arrives, and `late` where a later one came before it. */
export const ARRIVAL_ORDER: OrdererOptions = { maxWait: 0, maxHeld: 0 };

export interface ReceiveOptions extends LinkOptions, Pick<StayLinkedOptions, 'wait' | 'backoff'> {
  /** Topic filters; default `plc/#`. */
  readonly topics?: readonly string[];
  /** How long batches are held back for those before them; default 5 seconds and 1,000 batches. */
  readonly order?: OrdererOptions;
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
  /** Called when the subscription stands, for the first time or again. */
  readonly onReady?: () => void;
  /** Called when the subscription stands, when the connection is lost, and with each attempt that fails. */
  readonly onLink?: (connected: boolean, why?: Fault) => void;
}

/** A subscription that is being read. */
export interface Subscription extends AsyncIterable<Received> {
  /** The books so far: what was received and what is missing. See `Ledger.report`. */
  report(fromStart?: boolean, now?: number): ChannelReport[];
}

/**
 * The reference consumer: subscribes with QoS 1 and yields what arrives, decoded, validated, without duplicates and in
 * the order of `seq`. Reconnects by itself. The iteration ends when `signal` aborts, after what was held back. It
 * can be iterated once.
 *
 * A message is acknowledged when the loop asks for what comes after all that it led to. With `clientId` (the broker
 * keeps the session) and `ARRIVAL_ORDER`, a consumer that is killed therefore gets again what it was working on; in
 * the default order, batches that were held back at that moment are acknowledged already.
 * @throws Fault of the uplink when the first connection or the subscription fails, unless `wait` is set
 */
export function receive(options: ReceiveOptions): Subscription {
  const inbox = new Inbox(options.order);
  return {
    report: (fromStart, now) => inbox.ledger.report(fromStart, now),
    [Symbol.asyncIterator]: () => iterate(inbox, options),
  };
}

async function* iterate(inbox: Inbox, options: ReceiveOptions): AsyncGenerator<Received> {
  const { signal, topics = DEFAULT_TOPICS, order: _, wait, backoff, onReady, onLink, ...link } = options;
  const done = new AbortController();
  const stop = signal === undefined ? done.signal : AbortSignal.any([signal, done.signal]);
  // At most one for each connection: the next is handed over when the promise of the last has resolved.
  const arrived: { topic: string; payload: Uint8Array; handled: () => void }[] = [];
  const bell = new Bell();
  const ring = () => bell.ring();
  stop.addEventListener('abort', ring, { once: true });
  const timer = setInterval(ring, EXPIRE_MS);
  let failure: unknown;
  const onMessage = (topic: string, payload: Uint8Array) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    arrived.push({ topic, payload, handled: resolve });
    ring();
    return promise;
  };
  const onUp = () => {
    onLink?.(true);
    onReady?.();
  };
  const onDown = (why: Fault) => onLink?.(false, why);
  const linked = stayLinked({ link, topics, wait, backoff, onMessage, onUp, onDown }, stop).catch((error: unknown) => {
    failure = error;
    ring();
  });
  try {
    while (!stop.aborted) {
      if (failure !== undefined) throw failure;
      const message = arrived.shift();
      if (message === undefined) {
        yield* inbox.expire(Date.now());
        await bell.heard();
      } else {
        yield* inbox.take(message.topic, message.payload, Date.now());
        message.handled();
      }
    }
  } finally {
    clearInterval(timer);
    done.abort();
    await linked;
  }
  yield* inbox.flush();
}
