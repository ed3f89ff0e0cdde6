import { within } from '../abort.ts';
import type { Clock } from '../clock.ts';
import type { UplinkConfig } from '../config/schema.ts';
import { explain } from '../errors.ts';
import type { Log } from '../log.ts';
import type { LaneStats, Outbox, OutboxStats, Recall } from '../outbox/outbox.ts';
import { LIVE_MS } from './claims.ts';
import type { Commands } from './commands.ts';
import { type BacklogProgress, Delivery } from './delivery.ts';
import type { Sender } from './envelope.ts';
import { type HeartbeatOptions, sendHeartbeats } from './heartbeat.ts';
import { SEND_LANES, type SendLane } from './lanes.ts';
import type { Link } from './mqtt.ts';
import type { Identity } from './presence.ts';
import { Quarantine } from './quarantine.ts';
import type { LinkError } from './reasons.ts';
import { type Replay, Replays } from './replay.ts';
import { Settler } from './settler.ts';
import { STRIKES, Suspects } from './suspects.ts';
import { Told } from './told.ts';
import { Uplink, type UplinkStatus } from './uplink.ts';

/** At a stop, acknowledgements of what is in flight are waited for so long. */
const STOP_ACK_MS = 900;
/** And the commit of those that came, so long. */
const STOP_SETTLE_MS = 200;

export interface ForwarderOptions {
  readonly outbox: Outbox;
  readonly uplink: UplinkConfig;
  readonly identity: Identity;
  /** Of the gateway program, for the status message. */
  readonly version: string;
  readonly log: Log;
  /** The wall clock. */
  readonly clock: Clock;
  /** One that is never set back, by which the outbox says when a batch was stored; default: the same. */
  readonly steady?: Clock;
  /** How often batches that were set aside are looked for, in milliseconds. */
  readonly returnCheckMs?: number;
  /** Source of the backoff’s jitter, 0 to 1. */
  readonly random?: () => number;
  /** How long a link stands before a status message that was left out is tried, in milliseconds. */
  readonly lateBirthMs?: number;
  /** Told of what the cloud had the gateway do. */
  readonly commanded?: (detail: Readonly<Record<string, unknown>>) => void;
  /** Without it there are no heartbeats. */
  readonly heartbeat?: HeartbeatOptions;
}

export interface ForwarderStatus extends UplinkStatus {
  /** Batches published and not acknowledged. */
  readonly inFlight: number;
  /** Batches acknowledged since the start. */
  readonly acknowledged: number;
}

/** What waits in a lane. */
export interface LaneStatus extends Omit<LaneStats, 'oldest'> {
  readonly lane: SendLane;
  /** Milliseconds until it is empty at the present rate; null: not known, or it does not get emptier. */
  readonly emptyIn: number | null;
}

/**
 * Outbox → MQTT: the only consumer of the outbox's undelivered batches. A batch is settled only after its PUBACK, so
 * each arrives at least once, and again with the same key after a lost acknowledgement. Within a lane, batches are
 * published in commit order, except those that the broker refused and that are offered again later.
 */
export class Forwarder {
  readonly #options: ForwarderOptions;
  readonly #uplink: Uplink;
  readonly #settler: Settler;
  readonly #quarantine: Quarantine;
  readonly #suspects = new Suspects();
  readonly #replays = new Replays(() => this.#delivery?.wake());
  readonly #sender: Sender;
  readonly #told: Told;
  readonly #steady: Clock;
  #commands: Commands | undefined;
  #delivery: Delivery | undefined;
  #acknowledged = 0;

  constructor(options: ForwarderOptions) {
    const { outbox, uplink, identity, version, log, clock, steady = clock, random, lateBirthMs } = options;
    this.#options = options;
    this.#steady = steady;
    this.#told = new Told(steady);
    this.#uplink = new Uplink({
      config: uplink,
      identity,
      version,
      log,
      clock,
      ...(random === undefined ? {} : { random }),
      ...(lateBirthMs === undefined ? {} : { lateBirthMs }),
    });
    this.#settler = new Settler(outbox, () => this.#delivery?.wake(), this.#failed);
    this.#quarantine = new Quarantine(outbox, log, steady, this.#failed);
    this.#sender = { tenant: identity.tenant, gateway: identity.id };
  }

  /**
   * Runs until `signal` aborts, then lets what is in flight be acknowledged, settles it, says `offline` and leaves:
   * within 1.4 s, whatever the broker does. Never throws.
   */
  async run(signal: AbortSignal): Promise<void> {
    this.#uplink.watch(signal);
    while (!signal.aborted) {
      const link = await this.#uplink.connect(signal);
      if (link !== undefined) await this.#deliver(link, signal);
    }
    await within(STOP_SETTLE_MS, this.#settler.flush());
  }

  status(): ForwarderStatus {
    return { ...this.#uplink.status, inFlight: this.#delivery?.inFlight ?? 0, acknowledged: this.#acknowledged };
  }

  /** Milliseconds without progress beyond what the config allows; null: there is nothing to do. */
  get stalledFor(): number | null {
    if (this.#uplink.status.state !== 'connected') return this.#uplink.overdue;
    const silence = this.#delivery?.silence ?? null;
    return silence === null ? null : Math.max(0, silence - this.#options.uplink.ackTimeout);
  }

  /** Sends delivered batches once more, beside everything else; undefined when too many replays wait already. */
  replay(request: Recall): Replay | undefined {
    const replay = this.#replays.add(request);
    this.#delivery?.wake();
    return replay;
  }

  /** Offers refused batches again at once, of all machines or one. Resolves to their number. */
  async retryRefused(machine?: string): Promise<number> {
    const released = await this.#options.outbox.release(machine);
    this.#delivery?.takeBack();
    return released;
  }

  /** What waits in each lane, where the outbox stands like this. @throws Fault when the outbox cannot be read */
  async lanes({ backlog }: OutboxStats): Promise<LaneStatus[]> {
    const { outbox } = this.#options;
    const progress: BacklogProgress = this.#delivery?.backlog ?? {
      unclaimed: [{ after: 0, upTo: await outbox.boundary(this.#steady.now() - LIVE_MS) }],
      inHand: [],
      perSecond: 0,
    };
    const ranges = await Promise.all(progress.unclaimed.map(({ after, upTo }) => outbox.weigh(after, upTo)));
    const inHand = progress.inHand.map(({ count, bytes }) => ({ batches: 1, observations: count, bytes }));
    const backfill = [...ranges, ...inHand].reduce(plus, { batches: 0, observations: 0, bytes: 0 });
    const weights = { alert: backlog.alert, live: minus(backlog.live, backfill), backfill };
    return SEND_LANES.map((lane) => {
      const { batches, observations, bytes } = weights[lane];
      const pace = lane === 'backfill' && progress.perSecond > 0 ? (observations * 1000) / progress.perSecond : null;
      return { lane, batches, observations, bytes, emptyIn: batches === 0 ? 0 : pace };
    });
  }

  /** One link’s life: from its birth message to its end. */
  async #deliver(link: Link, signal: AbortSignal): Promise<void> {
    const delivery = this.#newDelivery(link);
    this.#delivery = delivery;
    const pause = new AbortController();
    const overdue = Promise.withResolvers<undefined>();
    let timer: NodeJS.Timeout | undefined;
    const stop = () => {
      pause.abort();
      timer = setTimeout(overdue.resolve, STOP_ACK_MS, undefined);
    };
    const replace = () => pause.abort();
    const { renewed } = this.#uplink;
    signal.addEventListener('abort', stop, { once: true });
    renewed.addEventListener('abort', replace, { once: true });
    if (signal.aborted) stop();
    if (renewed.aborted) replace();
    void this.#attachCommands(link).catch(this.#failed);
    void this.#uplink.lateBirth(link, (publish) => delivery.publishBeside(publish));
    const ended = new AbortController();
    const { heartbeat } = this.#options;
    if (heartbeat !== undefined) {
      const way = { uplink: this.#uplink, link, delivery };
      void sendHeartbeats(heartbeat, way, this.#failed, AbortSignal.any([pause.signal, ended.signal]));
    }
    try {
      const end = await Promise.race([delivery.run(pause.signal), overdue.promise]);
      if (end !== undefined) this.#lost(end, delivery);
      else if (signal.aborted) await this.#uplink.goodbye(link, delivery.unanswered);
      else await this.#uplink.replace(link);
    } finally {
      ended.abort();
      clearTimeout(timer);
      signal.removeEventListener('abort', stop);
      renewed.removeEventListener('abort', replace);
      this.#delivery = undefined;
    }
  }

  /** Where commands are not allowed, the code that reads them is not loaded: 4 MB. */
  async #attachCommands(link: Link): Promise<void> {
    const { uplink, identity, log, clock, commanded = () => undefined } = this.#options;
    if (!uplink.commands) return;
    const loaded = await import('./commands.ts');
    this.#commands ??= new loaded.Commands({
      identity,
      log,
      clock,
      told: this.#told,
      replay: (request) => this.replay(request),
      commanded,
    });
    await this.#commands.attach(link);
  }

  #newDelivery(link: Link): Delivery {
    const { outbox, uplink, log, returnCheckMs } = this.#options;
    return new Delivery({
      outbox,
      link,
      sender: this.#sender,
      compression: uplink.compression,
      window: Math.min(uplink.window, link.receiveMaximum),
      ackTimeout: uplink.ackTimeout,
      settler: this.#settler,
      suspects: this.#suspects,
      quarantine: this.#quarantine,
      replays: this.#replays,
      clock: this.#steady,
      backfill: uplink.backfill,
      acknowledged: () => {
        this.#acknowledged += 1;
        this.#uplink.proven();
      },
      throttled: (reason) => {
        const what = `${uplink.url}: the broker takes no more for now: ${reason}. Sending goes on after a pause`;
        if (this.#told.count(what) !== undefined) log.warn(what);
      },
      failed: this.#failed,
      ...(returnCheckMs === undefined ? {} : { returnCheckMs }),
    });
  }

  #lost(error: LinkError, delivery: Delivery): void {
    const { poison, isExplained } = this.#suspects.lost(error, delivery.unacknowledged());
    if (poison !== undefined) {
      const reason = `the broker closed the link ${STRIKES} times in a row when it was sent: ${error.message}`;
      const hint = 'check its size and topic against the limits and the ACL of the broker';
      this.#quarantine.hold(poison, this.#sender, reason, hint);
    }
    this.#uplink.lost(error, { inFlight: delivery.inFlight, isExplained });
  }

  /** The outbox breaks for good or closes: whoever owns it acts. What cannot be read now is asked for again. */
  readonly #failed = (error: unknown): void => {
    const text = `the outbox does not answer: ${explain(error)}`;
    if (this.#told.count(text) !== undefined) this.#options.log.error(text);
  };
}

type Weight = Omit<LaneStats, 'oldest'>;

function plus(a: Weight, b: Weight): Weight {
  return {
    batches: a.batches + b.batches,
    observations: a.observations + b.observations,
    bytes: a.bytes + b.bytes,
  };
}

/** Never below nothing: what is weighed moves on between two questions. */
function minus(a: Weight, b: Weight): Weight {
  return {
    batches: Math.max(0, a.batches - b.batches),
    observations: Math.max(0, a.observations - b.observations),
    bytes: Math.max(0, a.bytes - b.bytes),
  };
}
