import { aborted } from '../abort.ts';
import { Bell } from '../bell.ts';
import { Inbox, type Received } from './inbox.ts';
import type { ChannelReport } from './ledger.ts';
import { connectConsumer, disconnect, type LinkOptions, subscribe } from './link.ts';
import type { OrdererOptions } from './orderer.ts';

export type { WireObservation } from '../wire/codec.ts';
export { batchKey, observationsOf, parseMessage } from '../wire/codec.ts';
export type { EventBatch, Status, TelemetryBatch, WireBatch } from '../wire/contract.ts';
export { Inbox, type Received } from './inbox.ts';
export { type ChannelReport, Ledger } from './ledger.ts';
export { Orderer } from './orderer.ts';

const EXPIRE_MS = 500;
const DEFAULT_TOPICS: readonly string[] = ['plc/#'];

export interface ReceiveOptions extends LinkOptions {
  /** Topic filters; default `plc/#`. */
  readonly topics?: readonly string[];
  readonly order?: OrdererOptions;
  /** Ends the iteration. */
  readonly signal?: AbortSignal;
  /** Called when the subscription stands. */
  readonly onReady?: () => void;
  /** Called when the connection is lost and when it is back. */
  readonly onLink?: (connected: boolean) => void;
}

/** A subscription that is being read. */
export interface Subscription extends AsyncIterable<Received> {
  /** The books so far: what was received and what is missing. */
  report(fromStart?: boolean): ChannelReport[];
}

/**
 * The reference consumer: subscribes with QoS 1 and yields what arrives, decoded, validated, without duplicates and in
 * the order of `seq`. Reconnects by itself. The iteration ends when `signal` aborts, after what was held back.
 *
 * A message is acknowledged when the loop asks for what comes next, so a consumer that is killed while it works on one
 * gets it again, if the broker keeps its session (`clientId`).
 * @throws Fault of the uplink when the first connection or the subscription fails
 */
export function receive(options: ReceiveOptions): Subscription {
  const inbox = new Inbox(options.order);
  return {
    report: (fromStart) => inbox.ledger.report(fromStart),
    [Symbol.asyncIterator]: () => iterate(inbox, options),
  };
}

async function* iterate(inbox: Inbox, options: ReceiveOptions): AsyncGenerator<Received> {
  const { signal, topics = DEFAULT_TOPICS, order: _, onReady, onLink, ...link } = options;
  const stop = signal ?? new AbortController().signal;
  // mqtt.js reads on when the promise of the last message has resolved, so there is one at a time.
  const arrived: { topic: string; payload: Uint8Array; done: () => void }[] = [];
  const bell = new Bell();
  const client = await connectConsumer(link, (topic, payload) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    arrived.push({ topic, payload, done: resolve });
    bell.ring();
    return promise;
  });
  client.on('close', () => onLink?.(false));
  client.on('connect', () => onLink?.(true));
  // mqtt.js tells each failed reconnect as an error; `onLink` has told the loss already.
  client.on('error', () => undefined);
  const timer = setInterval(() => bell.ring(), EXPIRE_MS);
  void aborted(stop).then(() => bell.ring());
  let refusal: unknown;
  // Not awaited: messages of a kept session come before the answer, and it waits for them.
  void subscribe(client, topics).then(onReady, (error: unknown) => {
    refusal = error;
    bell.ring();
  });
  try {
    while (!stop.aborted) {
      if (refusal !== undefined) throw refusal;
      const message = arrived.shift();
      if (message === undefined) {
        yield* inbox.expire(Date.now());
        await bell.heard();
      } else {
        yield* inbox.take(message.topic, message.payload, Date.now());
        message.done();
      }
    }
  } finally {
    clearInterval(timer);
    await disconnect(client);
  }
  yield* inbox.flush();
}
