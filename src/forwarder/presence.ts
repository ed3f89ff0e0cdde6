import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import type { GatewayConfig, UplinkConfig } from '../config/schema.ts';
import type { Log } from '../log.ts';
import { CONTRACT_VERSION, type Status, statusTopic } from '../wire/contract.ts';
import { PROPERTIES } from './envelope.ts';
import type { Link, Puback, Will } from './mqtt.ts';
import { LinkError, mayBlamePacket, publishHint, reasonText } from './reasons.ts';
import type { Told } from './told.ts';

/** The status message is left out after the broker has closed on it so often in a row. */
const BIRTH_STRIKES = 3;
/** Then it is tried once a link has stood for so long, doubling with each failure up to the most. */
const LATE_BIRTH_MS = 60_000;
const LATE_BIRTH_MAX_MS = 3_600_000;
/** Reason code: the broker retains nothing (MQTT 5, 3.2.2.3.5). */
const RETAIN_NOT_SUPPORTED = 154;

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

/** The retained status of the gateway: online by birth, offline by goodbye or, when the link breaks, by Last Will. */
export class Presence {
  readonly #options: PresenceOptions;
  readonly #told: Told;
  readonly #topic: string;
  #mayRetain = true;
  #strikes = 0;

  constructor(options: PresenceOptions, told: Told) {
    this.#options = options;
    this.#told = told;
    this.#topic = statusTopic(options.identity.tenant, options.identity.id);
  }

  will(): Will {
    return { topic: this.#topic, payload: this.#message('offline', 'lost'), retain: this.#mayRetain };
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
   * back. A broker that closes on it three times in a row is spared it until a link has stood for a while: it may have
   * been the line that broke.
   * @throws LinkError when the link ends first
   */
  async birth(link: Link, signal: AbortSignal): Promise<void> {
    const { config, log } = this.#options;
    if (this.#strikes >= BIRTH_STRIKES) {
      void this.#lateBirth(link);
      return;
    }
    const abort = () => link.destroy(new LinkError('given up', { cause: 'ours' }));
    const timer = setTimeout(() => link.destroy(unanswered(config.ackTimeout)), config.ackTimeout);
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    try {
      const answer = await Promise.race([this.#publish(link, 'online', 'birth'), link.closed]);
      if (answer instanceof LinkError) throw answer;
      this.#strikes = 0;
      if (answer.code >= 128) this.#refused(answer);
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

  /** Publishes `offline` at an orderly stop. Stays pending when the link ends first. */
  offline(link: Link): Promise<Puback> {
    return this.#publish(link, 'offline', 'stopped');
  }

  /** Never rejects. */
  async #lateBirth(link: Link): Promise<void> {
    const { lateBirthMs = LATE_BIRTH_MS } = this.#options;
    const over = new AbortController();
    void link.closed.then(() => over.abort());
    const delay = Math.min(LATE_BIRTH_MAX_MS, lateBirthMs * 2 ** (this.#strikes - BIRTH_STRIKES));
    const stands = await sleep(delay, true, { ref: false, signal: over.signal }).catch(() => false);
    if (!stands) return;
    const answer = await Promise.race([this.#publish(link, 'online', 'birth'), link.closed]);
    if (answer instanceof LinkError) {
      if (mayBlamePacket(answer)) this.#strikes += 1;
      return;
    }
    this.#strikes = 0;
    if (answer.code >= 128) this.#refused(answer);
  }

  #refused({ code, text }: Puback): void {
    const what = `${this.#topic}: the broker refuses the status message: ${reasonText(code, text)}: ${publishHint(code)}`;
    if (this.#told.count(what) !== undefined) this.#options.log.error(what);
  }

  #publish(link: Link, status: Status['status'], reason: Status['reason']): Promise<Puback> {
    const payload = Buffer.from(this.#message(status, reason));
    return link.publish(this.#topic, payload, { retain: this.#mayRetain, properties: PROPERTIES });
  }

  #message(status: Status['status'], reason: Status['reason']): string {
    const { identity, version, clock } = this.#options;
    const message: Status = {
      v: CONTRACT_VERSION,
      tenant: identity.tenant,
      gateway: identity.id,
      status,
      reason,
      // A Last Will is written at the connect: its time would be that of the birth.
      ...(reason === 'lost' ? {} : { t: clock.now() }),
      version,
      ...(identity.site === undefined ? {} : { site: identity.site }),
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
