import {
  type NotificationMessage,
  PublishRequest,
  type PublishResponse,
  RepublishRequest,
  type RepublishResponse,
  SetPublishingModeRequest,
} from 'node-opcua-client';
import { untilAborted } from '../../abort.ts';
import type { Link } from './link.ts';
import { ServiceError } from './service-error.ts';
import { remove } from './subscription.ts';
import { read } from './survey.ts';

/** Requests that wait at the server: one is always there while another is on its way. It is the look-ahead as well. */
const IN_FLIGHT = 3;
/**
 * A notification is acknowledged this long after it was yielded: until then the server keeps it, in case that it was not
 * yet durable here. Well above `buffer.flushInterval`.
 */
const ACKNOWLEDGE_LAG_MS = 5000;
/** Acknowledgements in one request; beyond, the oldest are sent whatever their age. */
const MAX_UNACKNOWLEDGED = 50;
/** Longest that a timer can wait. */
const MAX_TIMER_MS = 2 ** 31 - 1;
/** The server no longer has a notification, or keeps none. */
const NOT_REPUBLISHED: ReadonlySet<string> = new Set([
  'BadMessageNotAvailable',
  'BadSequenceNumberUnknown',
  'BadSequenceNumberInvalid',
  'BadServiceUnsupported',
  'BadNotSupported',
  'BadNotImplemented',
]);
const CURRENT_TIME = 'i=2258';

export interface PublisherOptions {
  readonly link: Link;
  readonly subscription: number;
  /** After this long without an answer the link, the session or the subscription would end, in milliseconds. */
  readonly patience: number;
  /** A publish request waits at most this long at the server, in milliseconds. */
  readonly publishTimeout: number;
  readonly now: () => number;
}

/** An answer to a publish request. */
export interface Published {
  readonly message: NotificationMessage;
  /** Sequence numbers that the server still has. */
  readonly available: readonly number[];
}

/**
 * Publish requests of one subscription. The next is sent only when an answer is taken, so that what is not pulled waits in
 * the server's queues; meanwhile the session and the subscription are kept alive.
 */
export class Publisher {
  readonly #options: PublisherOptions;
  readonly #arrived: Published[] = [];
  readonly #unacknowledged: { readonly sequence: number; readonly at: number }[] = [];
  #underWay = 0;
  #depth = IN_FLIGHT;
  #failure: { readonly error: unknown } | undefined;
  #wake = Promise.withResolvers<void>();
  #isStopped = false;
  #isAsking = false;
  #keepAlive: NodeJS.Timeout | undefined;
  /** When anything was last heard from the server: by our clock, and by `performance.now()`, which nobody sets. */
  heard: number;
  heardAt = performance.now();

  constructor(options: PublisherOptions) {
    this.#options = options;
    this.heard = options.now();
  }

  start(): void {
    this.#keepAlive = setInterval(() => void this.#stayAlive(), this.#options.patience / 3);
    this.#fill();
  }

  stop(): void {
    this.#isStopped = true;
    clearInterval(this.#keepAlive);
  }

  /** The next answer; undefined after `ms` milliseconds without one. @throws what a request threw */
  async next(ms: number): Promise<Published | undefined> {
    this.#fill();
    if (this.#arrived.length === 0 && this.#failure === undefined) {
      const timer = setTimeout(() => this.#wake.resolve(), ms);
      await untilAborted(this.#wake.promise, this.#options.link.lost).finally(() => clearTimeout(timer));
    }
    this.#wake = Promise.withResolvers();
    const first = this.#arrived.shift();
    if (first === undefined && this.#failure !== undefined) throw this.#failure.error;
    return first;
  }

  /** The notification with this number was yielded. */
  acknowledge(sequence: number): void {
    this.#unacknowledged.push({ sequence, at: performance.now() });
  }

  /** A notification that went missing; undefined where the server no longer has it. */
  async republish(sequence: number): Promise<NotificationMessage | undefined> {
    const { link, subscription } = this.#options;
    const request = new RepublishRequest({ subscriptionId: subscription, retransmitSequenceNumber: sequence });
    try {
      const response = await link.request<RepublishResponse>(request);
      this.#hear();
      // Another one than was asked for would be asked for without end.
      return response.notificationMessage.sequenceNumber === sequence ? response.notificationMessage : undefined;
    } catch (error) {
      if (error instanceof ServiceError && NOT_REPUBLISHED.has(error.status)) return undefined;
      throw error;
    }
  }

  #fill(): void {
    while (this.#underWay + this.#arrived.length < this.#depth && this.#failure === undefined) void this.#publish();
  }

  async #publish(): Promise<void> {
    const { link, subscription, publishTimeout } = this.#options;
    const acknowledged = this.#toAcknowledge();
    const request = new PublishRequest({
      subscriptionAcknowledgements: acknowledged.map(({ sequence }) => ({
        subscriptionId: subscription,
        sequenceNumber: sequence,
      })),
    });
    this.#underWay += 1;
    try {
      const response = await link.request<PublishResponse>(request, Math.min(publishTimeout, MAX_TIMER_MS));
      this.#hear();
      if (response.subscriptionId === subscription) {
        this.#arrived.push({
          message: response.notificationMessage,
          available: response.availableSequenceNumbers ?? [],
        });
      } else if (!this.#isStopped) {
        // Left behind by an attempt that failed half-way; our requests would keep it alive.
        await remove(link, response.subscriptionId);
      }
    } catch (error) {
      // Not sent, or not taken: they are sent again.
      this.#unacknowledged.unshift(...acknowledged);
      this.#fail(error);
    } finally {
      this.#underWay -= 1;
      this.#wake.resolve();
    }
  }

  #hear(): void {
    this.heard = this.#options.now();
    this.heardAt = performance.now();
  }

  #fail(error: unknown): void {
    const status = error instanceof ServiceError ? error.status : undefined;
    if (status === 'BadTooManyPublishRequests' && this.#depth > 1) this.#depth -= 1;
    else if (status !== 'BadTimeout') this.#failure ??= { error };
  }

  #toAcknowledge() {
    const due = performance.now() - ACKNOWLEDGE_LAG_MS;
    const count = this.#unacknowledged.findIndex(({ at }) => at > due);
    const old = count < 0 ? this.#unacknowledged.length : count;
    return this.#unacknowledged.splice(0, Math.max(old, this.#unacknowledged.length - MAX_UNACKNOWLEDGED));
  }

  /**
   * While nothing is pulled no request is under way: these two start the server's timeouts anew (OPC UA Part 4, 5.14.1.2).
   * The first also tells a server that publishes seldom from one that is gone.
   */
  async #stayAlive(): Promise<void> {
    if (this.#isAsking || performance.now() - this.heardAt < this.#options.patience / 3) return;
    const { link, subscription } = this.#options;
    this.#isAsking = true;
    try {
      await read(link, [CURRENT_TIME]);
      this.#hear();
      if (this.#underWay > 0) return;
      await link.request(new SetPublishingModeRequest({ publishingEnabled: true, subscriptionIds: [subscription] }));
    } catch {
      // What is wrong with the link or the session, the next publish request meets as well.
    } finally {
      this.#isAsking = false;
    }
  }
}
