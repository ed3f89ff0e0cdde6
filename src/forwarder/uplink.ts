import { setTimeout as sleep } from 'node:timers/promises';
import { within } from '../abort.ts';
import { Backoff } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import type { GatewayConfig, UplinkConfig } from '../config/schema.ts';
import { explain, Fault } from '../errors.ts';
import type { Log } from '../log.ts';
import { CONTRACT_VERSION, type Status, statusTopic } from '../wire/contract.ts';
import { encodeStatus, PROPERTIES } from './envelope.ts';
import { type Link, type LinkOptions, openLink } from './mqtt.ts';
import { LinkError, mayBlamePacket, type Protocol, publishHint, reasonText, refusesVersion5 } from './reasons.ts';
import { TlsFiles } from './tls.ts';
import { Told } from './told.ts';

/** A broker that knows only 3.1.1 is asked for 5 again on a reconnect after this long. */
const ASK_FOR_5_AGAIN_MS = 3_600_000;
/** A link that lived so long was a good one, even if nothing was sent on it. */
const STABLE_MS = 30_000;
/** The status message is left out after the broker has closed on it so often in a row. */
const BIRTH_STRIKES = 3;
/** How long the last status message may take on the way out. */
const GOODBYE_MS = 200;

export type Identity = Pick<GatewayConfig, 'tenant' | 'id' | 'site'>;

export interface UplinkOptions {
  readonly config: UplinkConfig;
  readonly identity: Identity;
  /** Of the gateway program. */
  readonly version: string;
  readonly log: Log;
  readonly clock: Clock;
}

export interface UplinkStatus {
  readonly state: 'connected' | 'connecting' | 'waiting';
  /** When it came into this state, milliseconds since the epoch. */
  readonly since: number;
  readonly protocol?: Protocol;
  /** Why it is not connected, and what to do about it. */
  readonly error?: string;
  readonly nextAttemptAt?: number;
}

/** The one owner of the connection: opens it, greets the broker, and decides when to try again after it is lost. */
export class Uplink {
  readonly #options: UplinkOptions;
  readonly #files: TlsFiles;
  readonly #backoff: Backoff;
  readonly #told: Told;
  #status: UplinkStatus;
  #error: string | undefined;
  #delay = 0;
  #downSince: number;
  #connectedAt = 0;
  /** Whether the log has said that it is not connected. */
  #isOutageTold = true;
  #only311Until = 0;
  #isFallbackTold = false;
  #mayRetain = true;
  #birthStrikes = 0;
  #renewal = new AbortController();

  constructor(options: UplinkOptions) {
    const { config, log, clock } = options;
    this.#options = options;
    this.#files = new TlsFiles(config.tls, log, clock);
    this.#backoff = new Backoff(config.backoff);
    this.#told = new Told(clock);
    this.#downSince = clock.now();
    this.#status = { state: 'connecting', since: this.#downSince };
  }

  get status(): UplinkStatus {
    return this.#status;
  }

  /** Aborts when certificate files were renewed: the link should be replaced. */
  get renewed(): AbortSignal {
    return this.#renewal.signal;
  }

  /** Watches the certificate files until `signal` aborts. */
  watch(signal: AbortSignal): void {
    this.#files.watch(() => {
      this.#options.log.info('the certificate files have changed: connecting anew');
      this.#renewal.abort();
    }, signal);
  }

  /**
   * Resolves with a link on which the birth message is out; tries until it has one, or until `signal` aborts
   * (`undefined`). One call at a time.
   */
  async connect(signal: AbortSignal): Promise<Link | undefined> {
    for (;;) {
      await this.#wait(signal);
      if (signal.aborted) return undefined;
      this.#renewal = new AbortController();
      this.#enter({ state: 'connecting' });
      try {
        const link = await this.#open(signal);
        await this.#greet(link, signal);
        this.#connected(link);
        return link;
      } catch (error) {
        if (signal.aborted) return undefined;
        if (error instanceof LinkError && error.code === 154 && this.#mayRetain) {
          this.#options.log.warn(`${this.#where}: the broker retains nothing: status is published without retain`);
          this.#mayRetain = false;
          continue;
        }
        this.lost(error);
      }
    }
  }

  /** The link has carried an acknowledged batch: it works, so the next backoff starts small. */
  proven(): void {
    this.#backoff.reset();
  }

  /** The link could not be opened or has ended; the next `connect` waits. */
  lost(error: unknown): void {
    const { clock, log } = this.#options;
    const now = clock.now();
    if (this.#status.state === 'connected') {
      this.#downSince = now;
      if (performance.now() - this.#connectedAt >= STABLE_MS) {
        this.#backoff.reset();
        this.#told.forget();
      }
    }
    const heals = error instanceof LinkError ? error.heals : !(error instanceof Fault);
    this.#delay = heals ? this.#backoff.next() : this.#backoff.far();
    this.#error = explain(error);
    this.#enter({ state: 'waiting', nextAttemptAt: now + this.#delay });
    const count = this.#told.count(this.#error);
    if (count === undefined) {
      log.debug(`${this.#where}: ${this.#error}`);
      return;
    }
    this.#isOutageTold = true;
    const times = count === 1 ? '' : ` (${count} times)`;
    const next = `Next attempt in ${(this.#delay / 1000).toFixed(1)} s.`;
    log[heals ? 'warn' : 'error'](`${this.#where}: ${this.#error}${times}. ${next}`);
  }

  /** The link is replaced on purpose: the next `connect` does not wait. */
  async replace(link: Link): Promise<void> {
    this.#downSince = this.#options.clock.now();
    this.#delay = 0;
    await link.end();
  }

  /**
   * Says `offline` and leaves. Without room in the broker's Receive Maximum the link is cut, and the Last Will says it.
   * Takes at most 300 ms.
   */
  async goodbye(link: Link, inFlight: number): Promise<void> {
    if (inFlight >= link.receiveMaximum) {
      link.destroy(new LinkError('stopped', { cause: 'ours' }));
      return;
    }
    await within(GOODBYE_MS, this.#publishStatus(link, 'offline', 'stopped'));
    await link.end();
  }

  get #where(): string {
    return this.#options.config.url;
  }

  async #wait(signal: AbortSignal): Promise<void> {
    if (this.#delay === 0 || signal.aborted) return;
    const over = AbortSignal.any([signal, this.#renewal.signal]);
    try {
      await sleep(this.#delay, undefined, { signal: over });
    } catch (error) {
      if (!over.aborted) throw error;
    }
  }

  #enter(status: Pick<UplinkStatus, 'state' | 'protocol' | 'nextAttemptAt'>): void {
    const since = this.#options.clock.now();
    this.#status = { ...status, since, ...(this.#error === undefined ? {} : { error: this.#error }) };
  }

  #connected(link: Link): void {
    const { clock, log } = this.#options;
    this.#connectedAt = performance.now();
    this.#error = undefined;
    this.#enter({ state: 'connected', protocol: link.protocol });
    const seconds = ((clock.now() - this.#downSince) / 1000).toFixed(1);
    const line = `${this.#where}: connected with MQTT ${link.protocol} after ${seconds} s`;
    log[this.#isOutageTold ? 'info' : 'debug'](line);
    this.#isOutageTold = false;
  }

  async #open(signal: AbortSignal): Promise<Link> {
    const { config, clock, log } = this.#options;
    const tls = this.#files.read();
    const open = (protocol: Protocol) => openLink(this.#linkOptions(protocol, tls), signal);
    if (config.version !== 'auto') return open(config.version);
    if (clock.now() < this.#only311Until) return open('3.1.1');
    try {
      return await open('5');
    } catch (error) {
      const refuses = refusesVersion5(error);
      if (refuses === 'no') throw error;
      const link = await open('3.1.1');
      // One that just closed may have been starting up: it is asked again on the next connect.
      if (refuses === 'yes') this.#only311Until = clock.now() + ASK_FOR_5_AGAIN_MS;
      if (!this.#isFallbackTold) {
        log.warn(`${this.#where}: the broker takes only MQTT 3.1.1, in which it cannot say that it refuses a batch`);
      }
      this.#isFallbackTold = true;
      return link;
    }
  }

  #linkOptions(protocol: Protocol, tls: LinkOptions['tls']): LinkOptions {
    const { config, identity } = this.#options;
    const clientId = config.clientId ?? `${identity.tenant}-${identity.id}`;
    const { username, password, token } = config.auth ?? {};
    return {
      url: config.url,
      protocol,
      clientId,
      // A password without a user name is not allowed in 3.1.1 (3.1.2.9).
      username: username ?? (token === undefined && password === undefined ? undefined : clientId),
      password: (token ?? password)?.reveal(),
      keepalive: config.keepalive,
      connectTimeout: config.connectTimeout,
      tls,
      serverName: config.tls?.serverName,
      will: {
        topic: statusTopic(identity.tenant, identity.id),
        payload: encodeStatus(this.#statusMessage('offline', 'lost')).toString(),
        retain: this.#mayRetain,
      },
    };
  }

  /**
   * The birth message goes out before any batch.
   * @throws LinkError when the link ends on it
   */
  async #greet(link: Link, signal: AbortSignal): Promise<void> {
    const { config, log, identity } = this.#options;
    if (this.#birthStrikes >= BIRTH_STRIKES) return;
    const abort = () => link.destroy(new LinkError('given up', { cause: 'ours' }));
    const timer = setTimeout(() => link.destroy(noBirth(config.ackTimeout)), config.ackTimeout);
    signal.addEventListener('abort', abort, { once: true });
    try {
      const answer = await Promise.race([this.#publishStatus(link, 'online', 'birth'), link.closed]);
      if (answer instanceof LinkError) throw answer;
      this.#birthStrikes = 0;
      const { code, text } = answer;
      if (code < 128) return;
      const topic = statusTopic(identity.tenant, identity.id);
      const what = `${topic}: the broker refuses the status message: ${reasonText(code, text)}: ${publishHint(code)}`;
      if (this.#told.count(what) !== undefined) log.error(what);
    } catch (error) {
      if (error instanceof LinkError && mayBlamePacket(error)) this.#birthStrikes += 1;
      if (this.#birthStrikes === BIRTH_STRIKES) {
        log.error(`the broker closes the link on the status message: it is left out. ${publishHint(135)}`);
      }
      throw error;
    } finally {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    }
  }

  #publishStatus(link: Link, status: Status['status'], reason: Status['reason']) {
    const { identity } = this.#options;
    return link.publish(statusTopic(identity.tenant, identity.id), encodeStatus(this.#statusMessage(status, reason)), {
      retain: this.#mayRetain,
      properties: PROPERTIES,
    });
  }

  #statusMessage(status: Status['status'], reason: Status['reason']): Status {
    const { identity, version, clock } = this.#options;
    return {
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
  }
}

function noBirth(ackTimeout: number): LinkError {
  return new LinkError(`the broker has not acknowledged the status message for ${ackTimeout / 1000} s`, {
    cause: 'silent',
    code: 'ACK',
    hint: 'look at the broker’s log and load',
  });
}
