import { setTimeout as sleep } from 'node:timers/promises';
import { aborted } from '../abort.ts';
import type { Clock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Outbox, StoredBatch } from '../outbox/outbox.ts';
import type { BacklogOrder, IdRange } from './backlog.ts';
import { Claims, LIVE_MS } from './claims.ts';
import { type Compression, encodeBatch, type Message, packetSize, type Sender } from './envelope.ts';
import { SEND_LANES, type SendLane } from './lanes.ts';
import type { Link, Puback } from './mqtt.ts';
import { Pace, Rate, Reach } from './pace.ts';
import type { Quarantine } from './quarantine.ts';
import { QUOTA_EXCEEDED, Quota } from './quota.ts';
import { LinkError, publishHint, reasonText } from './reasons.ts';
import type { Replays } from './replay.ts';
import type { Settler } from './settler.ts';
import type { Suspects, Unacknowledged } from './suspects.ts';

/** Acknowledged batches that wait for their commit at most; beyond that the disk sets the pace. */
const UNSETTLED_MAX = 4096;
/** Pause after the outbox could not be asked. */
const BEGIN_RETRY_MS = 1000;
/**
 * How long a link has to stand with nothing in flight before a batch with a strike goes out on it: longer than a second,
 * after which most clients come back and take the id over again.
 */
const QUIET_MS = 1500;
/** How often batches that were set aside are looked for. */
const RETURN_CHECK_MS = 20_000;
/** Of the broker's limit that a part of a batch should need: envelopes and uneven entries come on top. */
const FILL = 0.7;
/** Under such a limit a batch would fall to pieces that are mostly envelope. */
const LEAST_LIMIT = 1024;
/** Share of the window that is kept free of backlog. */
const KEPT_FREE = 1 / 8;

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
  readonly replays: Replays;
  /** Never set back; the one by which the outbox says when a batch was stored. */
  readonly clock: Clock;
  readonly backfill: {
    readonly order: BacklogOrder;
    /** Bytes a second. */
    readonly rate?: number | undefined;
  };
  /** A batch was acknowledged. */
  readonly acknowledged: () => void;
  /** The broker takes no more for now, as it says: sending goes on after a pause. */
  readonly throttled: (reason: string) => void;
  /** The outbox could not be read; it is asked again. */
  readonly failed: (error: unknown) => void;
  readonly returnCheckMs?: number;
}

interface InFlight {
  readonly batch: StoredBatch;
  readonly lane: SendLane;
  /** Bytes of the packet. */
  readonly size: number;
  /** Monotonic milliseconds. */
  readonly sentAt: number;
}

/** How a backlog stands. */
export interface BacklogProgress {
  readonly unclaimed: readonly IdRange[];
  /** Claimed and not acknowledged. */
  readonly inHand: readonly StoredBatch[];
  /** Observations acknowledged a second, since the link stands. */
  readonly perSecond: number;
}

/**
 * Sends what is claimed over one link: keeps the window full, and settles what the broker has acknowledged. At the end of the link what is in
 * flight is forgotten: the next delivery claims from the start, and the same keys go out again.
 */
export class Delivery {
  readonly #options: DeliveryOptions;
  readonly #claims: Claims;
  readonly #pace: Pace;
  readonly #rate: Rate;
  readonly #reach = new Reach();
  readonly #quota = new Quota(() => this.#quotaIsFree());
  /** What wants to go out beside the batches, and when it did, monotonic milliseconds. */
  #beside: { readonly publish: () => Promise<unknown>; sentAt?: number } | undefined;
  #bytesInFlight = 0;
  #rateTimer: NodeJS.Timeout | undefined;
  /** By id, in the order in which they were sent. */
  readonly #inFlight = new Map<number, InFlight>();
  /** Too large, and being replaced. */
  readonly #splitting = new Set<number>();
  #backfillInFlight = 0;
  /** Observations of the backlog that were acknowledged. */
  #backfilled = 0;
  #beganAt = 0;
  /** When the youngest of the acknowledged batches was sent. */
  #acknowledgedUpTo = 0;
  /** When the broker answered last, monotonic milliseconds. */
  #answeredAt = 0;
  #begun = false;
  #paused = false;
  readonly #drained = Promise.withResolvers<undefined>();

  constructor(options: DeliveryOptions) {
    this.#options = options;
    const { outbox, replays, clock, window, backfill, failed } = options;
    this.#claims = new Claims({
      ...{ outbox, replays, clock, order: backfill.order, window, failed },
      isUnderWay: (id) => this.#isUnderWay(id),
      claimed: () => this.wake(),
    });
    this.#pace = new Pace(window - Math.ceil(window * KEPT_FREE));
    this.#rate = new Rate(backfill.rate);
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** Milliseconds since the broker has answered anything, while it should; null: nothing is under way. */
  get silence(): number | null {
    const [oldest] = this.#inFlight.values();
    return oldest === undefined ? null : performance.now() - Math.max(oldest.sentAt, this.#answeredAt);
  }

  /** Everything published that the broker has not answered: what counts for its Receive Maximum. */
  get unanswered(): number {
    return this.#inFlight.size + (this.#beside?.sentAt === undefined ? 0 : 1);
  }

  /**
   * Publishes something with QoS 1 beside the batches: `publish` is called once the broker's Receive Maximum has a place,
   * of which it takes the next one, and must not reject. Nothing happens where another one is still under way, or waits.
   */
  publishBeside(publish: () => Promise<unknown>): void {
    this.#beside ??= { publish };
    this.wake();
  }

  /** How the backlog stands; undefined while it is not known where it ends. */
  get backlog(): BacklogProgress | undefined {
    if (!this.#begun) return undefined;
    const sent = [...this.#inFlight.values()].flatMap(({ lane, batch }) => (lane === 'backfill' ? [batch] : []));
    const { lanes, unclaimed } = this.#claims;
    const inHand = [...lanes.state('backfill').queue, ...sent].filter(({ id }) => !this.#claims.isReplayed(id));
    const seconds = (performance.now() - this.#beganAt) / 1000;
    return { unclaimed, inHand, perSecond: this.#backfilled / seconds };
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
    const { outbox, link, ackTimeout, replays, returnCheckMs = RETURN_CHECK_MS } = this.#options;
    replays.startAgain();
    const unsubscribe = outbox.onStored((lanes) => {
      this.#claims.stored(lanes);
      this.wake();
    });
    const returns = setInterval(() => this.takeBack(), returnCheckMs);
    const deadline = setInterval(() => this.#checkDeadline(), Math.min(1000, ackTimeout / 4));
    const paused = aborted(pause).then(() => {
      this.#paused = true;
      if (this.#inFlight.size === 0) this.#drained.resolve(undefined);
      return this.#drained.promise;
    });
    void this.#begin();
    try {
      return await Promise.race([link.closed, paused]);
    } finally {
      this.#paused = true;
      unsubscribe();
      clearInterval(returns);
      clearInterval(deadline);
      clearTimeout(this.#rateTimer);
      this.#quota.close();
      this.#claims.end();
    }
  }

  /** There may be something to send: a batch was stored, acknowledged or settled, or a replay was asked for. */
  wake(): void {
    if (!this.#begun) return;
    this.#sendBeside();
    while (this.#maySend()) {
      const next = this.#claims.lanes.next((lane) => this.#isOpen(lane));
      if (next === undefined) break;
      this.#send(next.lane, next.batch);
    }
    if (!this.#paused) this.#claims.refill();
  }

  /** Finds out where live data begins, and takes those first on which the broker may have closed the last link. */
  async #begin(): Promise<void> {
    const { outbox, suspects, clock, failed } = this.#options;
    if (suspects.struck) await sleep(QUIET_MS, undefined, { ref: false });
    while (!this.#begun && !this.#paused) {
      try {
        const boundary = await outbox.boundary(clock.now() - LIVE_MS);
        const found = await outbox.find(suspects.ids);
        suspects.retain(found);
        this.#claims.begin(boundary);
        this.#claims.lanes.add('alert', found, true);
        this.#begun = true;
        this.#beganAt = performance.now();
      } catch (error) {
        failed(error);
        await sleep(BEGIN_RETRY_MS, undefined, { ref: false });
      }
    }
    this.wake();
  }

  get #window(): number {
    return this.#options.suspects.careful ? 1 : this.#options.window;
  }

  #maySend(): boolean {
    const { settler, quarantine } = this.#options;
    if (this.#paused || this.#quota.pauses) return false;
    const { receiveMaximum } = this.#options.link;
    if (this.unanswered >= receiveMaximum) return false;
    return this.#inFlight.size < this.#window && settler.size + quarantine.size < UNSETTLED_MAX;
  }

  /** Not beside suspects: a broker that closes the link would put the blame on them. */
  #sendBeside(): void {
    const { link, suspects } = this.#options;
    const beside = this.#beside;
    if (beside === undefined || beside.sentAt !== undefined) return;
    if (this.#paused || suspects.careful || this.#inFlight.size >= link.receiveMaximum) return;
    beside.sentAt = performance.now();
    void beside.publish().then(() => {
      this.#beside = undefined;
      this.wake();
    });
  }

  #isOpen(lane: SendLane): boolean {
    if (lane === 'alert') return true;
    if (this.#bytesInFlight >= this.#reach.size(performance.now())) return false;
    return lane !== 'backfill' || this.#mayBackfill();
  }

  #mayBackfill(): boolean {
    if (this.#backfillInFlight >= this.#pace.size) return false;
    const wait = this.#rate.wait(performance.now());
    if (wait > 0) this.#rateTimer ??= setTimeout(() => this.#rateIsFree(), wait);
    return wait === 0;
  }

  #rateIsFree(): void {
    this.#rateTimer = undefined;
    this.wake();
  }

  #quotaIsFree(): void {
    const taken = this.#quota.take();
    for (const lane of SEND_LANES) {
      const own = taken.filter((one) => one.lane === lane).map(({ batch }) => batch);
      this.#claims.lanes.add(lane, own, true);
    }
    this.wake();
  }

  #send(lane: SendLane, batch: StoredBatch): void {
    const { link, sender, compression } = this.#options;
    let message: Message;
    try {
      message = encodeBatch(batch, sender, compression, lane === 'backfill');
    } catch (error) {
      this.#setAside(batch, `the stored batch cannot be read: ${messageOf(error)}`, 'run edge-gateway buffer verify');
      this.#claims.done(batch);
      return;
    }
    const size = packetSize(message);
    if (size > link.maximumPacketSize) {
      void this.#split(batch, size);
      return;
    }
    if (lane === 'backfill') {
      this.#backfillInFlight += 1;
      this.#rate.sent(size);
    }
    this.#bytesInFlight += size;
    this.#inFlight.set(batch.id, { batch, lane, size, sentAt: performance.now() });
    const { topic, payload, properties } = message;
    void link
      .publish(topic, payload, link.protocol === '5' ? { properties } : {})
      .then((puback) => this.#answered(batch, puback));
  }

  #answered(batch: StoredBatch, { code, text }: Puback): void {
    const { settler, suspects, acknowledged } = this.#options;
    const { lane = 'live', size = 0, sentAt = 0 } = this.#inFlight.get(batch.id) ?? {};
    this.#inFlight.delete(batch.id);
    this.#answeredAt = performance.now();
    this.#bytesInFlight -= size;
    this.#reach.acknowledged(size, this.#answeredAt);
    if (lane === 'backfill') {
      this.#backfillInFlight -= 1;
      this.#pace.acknowledged(sentAt, this.#answeredAt);
    }
    if (code < 128) {
      this.#acknowledgedUpTo = Math.max(this.#acknowledgedUpTo, sentAt);
      suspects.cleared(batch.id);
      this.#quota.acknowledged(batch.id);
      if (!this.#claims.replayAnswered(batch, true)) {
        settler.add(batch.id);
        if (lane === 'backfill') this.#backfilled += batch.count;
      }
      this.#claims.done(batch);
      acknowledged();
    } else if (code === QUOTA_EXCEEDED && this.#quota.postpone(lane, batch)) {
      suspects.cleared(batch.id);
      this.#options.throttled(`${reasonText(code, text)}: ${publishHint(code)}`);
    } else {
      this.#setAside(batch, `the broker refuses it: ${reasonText(code, text)}`, publishHint(code));
      this.#claims.done(batch);
    }
    if (this.#inFlight.size === 0 && this.#paused) this.#drained.resolve(undefined);
    this.wake();
  }

  /** Replaces a batch that is larger than the broker takes by smaller ones; sets aside what cannot be. */
  async #split(batch: StoredBatch, size: number): Promise<void> {
    const { outbox, link, failed } = this.#options;
    this.#splitting.add(batch.id);
    try {
      const parts = Math.ceil(size / (link.maximumPacketSize * FILL));
      const maySplit = link.maximumPacketSize >= LEAST_LIMIT && !this.#claims.isReplayed(batch.id);
      if (maySplit && (await outbox.split(batch.id, parts))) return;
      const reason = `the packet has ${size} bytes, the broker takes ${link.maximumPacketSize}`;
      this.#setAside(batch, reason, 'raise the broker’s limit on packets');
    } catch (error) {
      failed(error);
    } finally {
      this.#splitting.delete(batch.id);
      this.#claims.done(batch);
    }
  }

  #setAside(batch: StoredBatch, reason: string, hint: string): void {
    const { sender, suspects, quarantine } = this.#options;
    suspects.cleared(batch.id);
    if (!this.#claims.replayAnswered(batch, false)) quarantine.hold(batch, sender, reason, hint);
  }

  /** Batches that were set aside and whose time has come go out first. */
  takeBack(): void {
    if (!this.#paused && this.#begun) this.#claims.takeBack(this.#inFlight.size);
  }

  #isUnderWay(id: number): boolean {
    const { settler, quarantine } = this.#options;
    return (
      this.#splitting.has(id) || this.#quota.has(id) || this.#inFlight.has(id) || settler.has(id) || quarantine.has(id)
    );
  }

  #checkDeadline(): void {
    const { link, ackTimeout, suspects } = this.#options;
    const [oldest] = this.#inFlight.values();
    if (oldest === undefined) {
      this.#checkBeside();
      return;
    }
    const isSkipped = this.#acknowledgedUpTo > oldest.sentAt;
    // Over a slow line a window takes longer than one batch may: while one answer follows the other, the line lives.
    const since = isSkipped ? oldest.sentAt : Math.max(oldest.sentAt, this.#answeredAt);
    if (performance.now() - since < ackTimeout) return;
    const hint = 'look at the broker’s log and load';
    const seconds = Math.round(ackTimeout / 100) / 10;
    const { batch } = oldest;
    if (isSkipped && suspects.skipped(batch) !== undefined) {
      this.#setAside(batch, 'the broker acknowledges later batches, but never this one', hint);
    }
    const what = isSkipped ? `seq ${batch.seq} of ${batch.machine} ${batch.kind} (but later ones)` : 'anything';
    const message = `the broker has not acknowledged ${what} for ${seconds} s`;
    link.destroy(new LinkError(message, { cause: 'silent', code: 'ACK', hint }));
  }

  /** What is beside the batches and alone: no answer to it is no answer at all. */
  #checkBeside(): void {
    const { link, ackTimeout } = this.#options;
    const sentAt = this.#beside?.sentAt;
    if (sentAt === undefined || performance.now() - Math.max(sentAt, this.#answeredAt) < ackTimeout) return;
    const message = `the broker has not acknowledged the status message for ${Math.round(ackTimeout / 100) / 10} s`;
    const hint = 'look at the broker’s log and load';
    link.destroy(new LinkError(message, { cause: 'silent', code: 'ACK', hint }));
  }
}
