import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import type { GatewayConfig, UplinkConfig } from '../config/schema.ts';
import type { Log } from '../log.ts';
import { CONTRACT_VERSION, type HeartbeatFigures, type Status, statusTopic } from '../wire/contract.ts';
import { PROPERTIES, packetSize } from './envelope.ts';
import type { Link, Puback, Will } from './mqtt.ts';
import { LinkError, mayBlamePacket, publishHint, reasonText } from './reasons.ts';
import type { Told } from './told.ts';

/** The status message is left out after the broker has closed on it so often in a row. */
const BIRTH_STRIKES = 3;
/** Then it is tried once a link has stood for so long, doubling with each failure up to the most. */
const LATE_BIRTH_MS = 60_000;
const LATE_BIRTH_MAX_MS = 3_600_000;
/** Heartbeats are left out for so long after the broker has closed on so many of them in a row. */
const HEARTBEAT_STRIKES = 3;
const HEARTBEAT_PAUSE_MS = 3_600_000;
/** Reason code: the broker retains nothing (MQTT 5, 3.2.2.3.5). */
const RETAIN_NOT_SUPPORTED = 154;
/** Reason code that a broker would refuse it with (MQTT 5, 2.4). */
const PACKET_TOO_LARGE = 149;

/** What differs from one status message to the next. */
type StatusPart = Omit<Status, 'v' | 'tenant' | 'gateway' | 'version' | 'site'> & Pick<Status, 'status' | 'reason'>;

/** Who the gateway is. */
export type Identity = Pick<GatewayConfig, 'tenant' | 'id' | 'site'>;

interface PresenceOptions {
  readonly config: UplinkConfig;
  readonly identity: Identity;
  readonly version: string;
  readonly log: Log;
  readonly clock: Clock;
  /** See `LATE_BIRTH_MS`. */
  readonly lateBirthMs?: number;
}

/** A birth that the broker has taken. */
interface Birth {
  readonly link: Link;
  /** The time that it has told, milliseconds since the epoch. */
  readonly t: number;
}

/** The retained status of the gateway: online by birth and heartbeats, offline by goodbye or, when the link breaks, by Last Will. */
export class Presence {
  readonly #options: PresenceOptions;
  readonly #told: Told;
  readonly #topic: string;
  #mayRetain = true;
  #strikes = 0;
  #heartbeatStrikes = 0;
  /** Monotonic milliseconds. */
  #noHeartbeatBefore = Number.NEGATIVE_INFINITY;
  #born: Birth | undefined;

  constructor(options: PresenceOptions, told: Told) {
    this.#options = options;
    this.#told = told;
    this.#topic = statusTopic(options.identity.tenant, options.identity.id);
  }

  will(): Will {
    // A Last Will is written at the connect: its time would be that of the birth.
    return {
      topic: this.#topic,
      payload: this.#message({ status: 'offline', reason: 'lost' }),
      retain: this.#mayRetain,
    };
  }

  /** Whether a connect failed because of something that the next one does without. */
  canDoWithout(error: unknown): boolean {
    if (!(error instanceof LinkError) || error.code !== RETAIN_NOT_SUPPORTED || !this.#mayRetain) return false;
    this.#options.log.warn(`the broker retains nothing: ${this.#topic} is seen only by those who listen already`);
    this.#mayRetain = false;
    return true;
  }

  /**
   * Publishes `online` and resolves when the broker has answered; a refusal is told, and is no reason to hold batches
   * back. A broker that closes on it three times in a row is spared it: see `lateBirth`.
   * @throws LinkError when the link ends first
   */
  async birth(link: Link, signal: AbortSignal): Promise<void> {
    const { config, log } = this.#options;
    if (this.#strikes >= BIRTH_STRIKES) return;
    const abort = () => link.destroy(new LinkError('given up', { cause: 'ours' }));
    const timer = setTimeout(() => link.destroy(unanswered(config.ackTimeout)), config.ackTimeout);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    try {
      const answer = await this.#announce(link);
      if (answer instanceof LinkError) throw answer;
    } catch (error) {
      if (error instanceof LinkError && mayBlamePacket(error)) this.#strikes += 1;
      if (this.#strikes === BIRTH_STRIKES) {
        log.error(
          `${this.#topic}: the broker closes the link on the status message: it is left out. ${publishHint(135)}`,
        );
      }
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
  }

  /** Whether the broker has taken the birth on this link, and everything of the status since. */
  mayBeat(link: Link): boolean {
    return this.#born?.link === link && performance.now() >= this.#noHeartbeatBefore;
  }

  /**
   * Publishes `online` once more, with figures; resolves when the broker has answered or the link has ended. What the broker
   * does not take is told, and nothing more of it is sent on this link.
   */
  async heartbeat(link: Link, figures: HeartbeatFigures): Promise<void> {
    const { clock, log } = this.#options;
    const { t: since } = this.#born ?? { t: clock.now() };
    const answer = await this.#publish(link, {
      status: 'online',
      reason: 'heartbeat',
      t: clock.now(),
      since,
      ...figures,
    });
    if (!(answer instanceof LinkError)) {
      this.#heartbeatStrikes = 0;
      if (answer.code < 128) return;
      this.#born = undefined;
      this.#refused(answer);
    } else if (mayBlamePacket(answer)) {
      this.#heartbeatStrikes += 1;
      if (this.#heartbeatStrikes < HEARTBEAT_STRIKES) return;
      this.#heartbeatStrikes = 0;
      this.#noHeartbeatBefore = performance.now() + HEARTBEAT_PAUSE_MS;
      const hours = HEARTBEAT_PAUSE_MS / 3_600_000;
      log.error(`${this.#topic}: the broker closes the link on heartbeats: none for ${hours} h. ${publishHint(149)}`);
    }
  }

  /** Publishes `offline` at an orderly stop; resolves when the broker has answered or the link has ended. */
  async offline(link: Link): Promise<void> {
    await this.#publish(link, { status: 'offline', reason: 'stopped', t: this.#options.clock.now() });
  }

  /**
   * Publishes a birth that was left out once the link has stood for a while: it may have been the line that broke. By then
   * batches flow, so `publishBeside` finds it a place in the broker's Receive Maximum. Never rejects.
   */
  async lateBirth(link: Link, publishBeside: (publish: () => Promise<void>) => void): Promise<void> {
    if (this.#strikes < BIRTH_STRIKES) return;
    const { lateBirthMs = LATE_BIRTH_MS } = this.#options;
    const over = new AbortController();
    void link.closed.then(() => over.abort());
    const delay = Math.min(LATE_BIRTH_MAX_MS, lateBirthMs * 2 ** (this.#strikes - BIRTH_STRIKES));
    const stands = await sleep(delay, true, { ref: false, signal: over.signal }).catch(() => false);
    if (!stands) return;
    publishBeside(async () => {
      const answer = await this.#announce(link);
      if (answer instanceof LinkError && mayBlamePacket(answer)) this.#strikes += 1;
    });
  }

  async #announce(link: Link): Promise<Puback | LinkError> {
    const t = this.#options.clock.now();
    const answer = await this.#publish(link, { status: 'online', reason: 'birth', t });
    if (answer instanceof LinkError) return answer;
    this.#strikes = 0;
    if (answer.code >= 128) this.#refused(answer);
    else this.#born = { link, t };
    return answer;
  }

  #refused({ code, text }: Puback): void {
    const what = `${this.#topic}: the broker refuses the status message: ${reasonText(code, text)}: ${publishHint(code)}`;
    if (this.#told.count(what) !== undefined) this.#options.log.error(what);
  }

  /** What is larger than the broker takes is refused here, as it would be there. */
  #publish(link: Link, status: StatusPart): Promise<Puback | LinkError> {
    const payload = Buffer.from(this.#message(status));
    if (packetSize({ topic: this.#topic, payload, properties: PROPERTIES }) > link.maximumPacketSize) {
      return Promise.resolve({ code: PACKET_TOO_LARGE });
    }
    const answer = link.publish(this.#topic, payload, { retain: this.#mayRetain, properties: PROPERTIES });
    return Promise.race([answer, link.closed]);
  }

  #message({ status, reason, ...rest }: StatusPart): string {
    const { identity, version } = this.#options;
    const message: Status = {
      v: CONTRACT_VERSION,
      tenant: identity.tenant,
      gateway: identity.id,
      status,
      reason,
      version,
      ...(identity.site === undefined ? {} : { site: identity.site }),
      ...rest,
    };
    return JSON.stringify(message);
  }
}

function unanswered(ackTimeout: number): LinkError {
  return new LinkError(`the broker has not acknowledged the status message for ${ackTimeout / 1000} s`, {
    cause: 'silent',
    code: 'ACK',
    hint: 'look at the broker’s log and load',
  });
}
