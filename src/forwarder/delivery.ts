import { setTimeout as sleep } from 'node:timers/promises';
import { aborted } from '../abort.ts';
import { messageOf } from '../errors.ts';
import { LANES, type Lane, type Outbox, type StoredBatch } from '../outbox/outbox.ts';
import { type Compression, encodeBatch, type Message, packetSize, type Sender } from './envelope.ts';
import { Lanes } from './lanes.ts';
import type { Link, Puback } from './mqtt.ts';
import type { Quarantine } from './quarantine.ts';
import { LinkError, publishHint, reasonText } from './reasons.ts';
import type { Settler } from './settler.ts';
import type { Suspects, Unacknowledged } from './suspects.ts';

/** Bytes of stored bodies that wait in memory, for each lane. */
const PREFETCH_BYTES = 2 * 2 ** 20;
/** Acknowledged batches that wait for their commit at most; beyond that the disk sets the pace. */
const UNSETTLED_MAX = 4096;
/** Pause after a claim that failed. */
const CLAIM_RETRY_MS = 1000;
/** How often batches that were set aside are looked for. */
const RETURN_CHECK_MS = 20_000;

export interface DeliveryOptions {
  readonly outbox: Outbox;
  readonly link: Link;
  readonly sender: Sender;
  readonly compression: Compression;
  /** Batches in flight at most. */
  readonly window: number;
  /** Milliseconds a batch may wait for its PUBACK. */
  readonly ackTimeout: number;
  readonly settler: Settler;
  readonly suspects: Suspects;
  readonly quarantine: Quarantine;
  /** A batch was acknowledged. */
  readonly acknowledged: () => void;
  /** The outbox could not be read; it is asked again. */
  readonly failed: (error: unknown) => void;
  readonly returnCheckMs?: number;
}

interface InFlight {
  readonly batch: StoredBatch;
  /** Monotonic milliseconds. */
  readonly sentAt: number;
}

/**
 * Sends what the outbox has over one link: claims a little ahead, keeps the window full, and settles what the broker
 * has acknowledged. Each lane goes out in the order of its claims. At the end of the link what is in flight is
 * forgotten: the next delivery claims from the start, and the same keys go out again.
 */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #lanes = new Lanes();
  /** By id, in the order in which they were sent. */
  readonly #inFlight = new Map<number, InFlight>();
  /** When the youngest of the acknowledged batches was sent. */
  #acknowledgedUpTo = 0;
  #paused = false;
  readonly #drained = Promise.withResolvers<undefined>();

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** What is published and not acknowledged, oldest first. */
  unacknowledged(): Unacknowledged[] {
    const now = performance.now();
    return [...this.#inFlight.values()].map(({ batch, sentAt }) => ({ batch, age: now - sentAt }));
  }

  /**
   * Runs until the link ends (resolves with the reason), or until `pause` aborts and everything in flight is
   * acknowledged (resolves with `undefined`; the link is still up). Never rejects.
   */
  async run(pause: AbortSignal): Promise<LinkError | undefined> {
    const { outbox, link, ackTimeout, returnCheckMs = RETURN_CHECK_MS } = this.#options;
    const unsubscribe = outbox.onStored((lanes) => {
      for (const lane of lanes) this.#lanes.stored(lane);
      this.wake();
    });
    const returns = setInterval(() => this.#takeBack(), returnCheckMs);
    const deadline = setInterval(() => this.#checkDeadline(), Math.min(1000, ackTimeout / 4));
    const paused = aborted(pause).then(() => {
      this.#paused = true;
      if (this.#inFlight.size === 0) this.#drained.resolve(undefined);
      return this.#drained.promise;
    });
    this.wake();
    try {
      return await Promise.race([link.closed, paused]);
    } finally {
      this.#paused = true;
      unsubscribe();
      clearInterval(returns);
      clearInterval(deadline);
    }
  }

  get #window(): number {
    return this.#options.suspects.careful ? 1 : this.#options.window;
  }

  /** There may be something to send: a batch was stored, acknowledged or settled. */
  wake(): void {
    while (this.#maySend()) {
      const batch = this.#lanes.next();
      if (batch === undefined) break;
      this.#send(batch);
    }
    for (const lane of LANES) this.#refill(lane);
  }

  #maySend(): boolean {
    const { settler, quarantine } = this.#options;
    return !this.#paused && this.#inFlight.size < this.#window && settler.size + quarantine.size < UNSETTLED_MAX;
  }

  #send(batch: StoredBatch): void {
    const { link, sender, compression, suspects } = this.#options;
    suspects.passed(batch);
    let message: Message;
    try {
      message = encodeBatch(batch, sender, compression);
    } catch (error) {
      this.#setAside(batch, `the stored batch cannot be read: ${messageOf(error)}`, 'run edge-gateway buffer verify');
      return;
    }
    const size = packetSize(message);
    if (size > link.maximumPacketSize) {
      const reason = `the packet has ${size} bytes, the broker takes ${link.maximumPacketSize}`;
      this.#setAside(batch, reason, 'raise the broker’s limit on packets');
      return;
    }
    this.#inFlight.set(batch.id, { batch, sentAt: performance.now() });
    const { topic, payload, properties } = message;
    void link
      .publish(topic, payload, link.protocol === '5' ? { properties } : {})
      .then((puback) => this.#answered(batch, puback));
  }

  #answered(batch: StoredBatch, { code, text }: Puback): void {
    const { settler, suspects, acknowledged } = this.#options;
    const sentAt = this.#inFlight.get(batch.id)?.sentAt ?? 0;
    this.#inFlight.delete(batch.id);
    if (code < 128) {
      this.#acknowledgedUpTo = Math.max(this.#acknowledgedUpTo, sentAt);
      suspects.cleared(batch.id);
      settler.add(batch.id);
      acknowledged();
    } else {
      this.#setAside(batch, `the broker refuses it: ${reasonText(code, text)}`, publishHint(code));
    }
    if (this.#inFlight.size === 0 && this.#paused) this.#drained.resolve(undefined);
    this.wake();
  }

  #setAside(batch: StoredBatch, reason: string, hint: string): void {
    const { sender, suspects, quarantine } = this.#options;
    suspects.cleared(batch.id);
    quarantine.hold(batch, sender, reason, hint);
  }

  #refill(lane: Lane): void {
    const { window } = this.#options;
    const { queue, bytes, more, claiming } = this.#lanes.state(lane);
    if (this.#paused || claiming || !more) return;
    // Half a window is left when the next chunk is asked for, so that the pipe stays full while it comes.
    if (queue.length > window / 2 || bytes > PREFETCH_BYTES / 2) return;
    void this.#claim(lane, window - queue.length + 1, PREFETCH_BYTES - bytes);
  }

  async #claim(lane: Lane, limit: number, maxBytes: number): Promise<void> {
    const { outbox, failed } = this.#options;
    const after = this.#lanes.state(lane).position;
    this.#lanes.claiming(lane);
    try {
      const batches = await outbox.claim(lane, after, limit, maxBytes);
      this.#lanes.claimed(lane, batches, (batch) => !this.#inHand(batch));
    } catch (error) {
      failed(error);
      await sleep(CLAIM_RETRY_MS, undefined, { ref: false });
      this.#lanes.failed(lane);
    }
    this.wake();
  }

  /** Batches that were set aside lie behind the position: those whose time has come go out first. */
  #takeBack(): void {
    const { outbox, window, settler, failed } = this.#options;
    for (const lane of LANES) {
      const { position, queue } = this.#lanes.state(lane);
      if (this.#paused || position === 0 || queue.length > window) continue;
      const inHand = queue.length + this.#inFlight.size + Math.min(settler.size, window);
      outbox
        .claim(lane, 0, inHand + window, PREFETCH_BYTES)
        .then((batches) => {
          this.#lanes.returned(
            lane,
            batches.filter((batch) => batch.id <= position && !this.#inHand(batch)),
          );
          this.wake();
        })
        .catch(failed);
    }
  }

  #inHand({ id, lane }: StoredBatch): boolean {
    const { settler, quarantine } = this.#options;
    return this.#inFlight.has(id) || settler.has(id) || quarantine.has(id) || this.#lanes.has(lane, id);
  }

  #checkDeadline(): void {
    const { link, ackTimeout, suspects } = this.#options;
    const [oldest] = this.#inFlight.values();
    if (oldest === undefined || performance.now() - oldest.sentAt < ackTimeout) return;
    const hint = 'look at the broker’s log and load';
    const seconds = Math.round(ackTimeout / 100) / 10;
    const { batch, sentAt } = oldest;
    const isSkipped = this.#acknowledgedUpTo > sentAt;
    if (isSkipped && suspects.skipped(batch) !== undefined) {
      this.#setAside(batch, 'the broker acknowledges later batches, but never this one', hint);
    }
    const what = isSkipped ? `seq ${batch.seq} of ${batch.machine} ${batch.kind} (but later ones)` : 'anything';
    const message = `the broker has not acknowledged ${what} for ${seconds} s`;
    link.destroy(new LinkError(message, { cause: 'silent', code: 'ACK', hint }));
  }
}
