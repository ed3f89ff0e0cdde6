import { setTimeout as sleep } from 'node:timers/promises';
import { within } from '../abort.ts';
import { Backoff } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import type { UplinkConfig } from '../config/schema.ts';
import { explain, Fault } from '../errors.ts';
import type { Log } from '../log.ts';
import type { HeartbeatFigures } from '../wire/contract.ts';
import { clientIdOf, linkOptions } from './link-options.ts';
import { type Link, openLink } from './mqtt.ts';
import { type Identity, Presence } from './presence.ts';
import { LinkError, type Protocol, refusesVersion5 } from './reasons.ts';
import { TlsFiles } from './tls.ts';
import { Told } from './told.ts';

/** A broker that knows only 3.1.1 is asked for 5 again on a reconnect after this long. */
const ASK_FOR_5_AGAIN_MS = 3_600_000;
/** A broker that has spoken 5 is not asked for 3.1.1 for so long, unless it says that it does not know 5. */
const KNOWS_5_MS = 600_000;
/** A link that lived so long was a good one, even if nothing was sent on it. */
const STABLE_MS = 30_000;
/**
 * Links that the broker closed young, in a row, before another client with the same id is suspected: where nothing was
 * under way at the last close, and where something was. Then a batch may be the cause, too.
 */
const IDLE_CLOSES = 3;
const BUSY_CLOSES = 5;
/** How long the last status message may take on the way out. */
const GOODBYE_MS = 200;

export interface UplinkOptions {
  readonly config: UplinkConfig;
  readonly identity: Identity;
  /** Of the gateway program. */
  readonly version: string;
  readonly log: Log;
  readonly clock: Clock;
  /** Source of the jitter, 0 to 1. */
  readonly random?: () => number;
  /** How long a link stands before a status message that was left out is tried, in milliseconds. */
  readonly lateBirthMs?: number;
}

/** What was under way when a link ended. */
export interface LinkEnding {
  /** Batches without an acknowledgement. */
  readonly inFlight: number;
  /** Whether one of them is known as the likely cause. */
  readonly isExplained: boolean;
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
  readonly #presence: Presence;
  #status: UplinkStatus;
  #error: string | undefined;
  #delay = 0;
  #downSince: number;
  #connectedAt = 0;
  /** When it came into its state, `performance.now()`. */
  #enteredAt = performance.now();
  /** Whether the log has said that it is not connected. */
  #isOutageTold = true;
  #only311Until = 0;
  /** When a link of MQTT 5 stood last. */
  #spoke5At = Number.NEGATIVE_INFINITY;
  #isFallbackTold = false;
  #youngCloses = 0;
  #renewal = new AbortController();

  constructor(options: UplinkOptions) {
    const { config, log, clock, random } = options;
    this.#options = options;
    this.#files = new TlsFiles(config.tls, log, clock);
    this.#backoff = new Backoff(config.backoff, random);
    this.#told = new Told(clock);
    this.#presence = new Presence(options, this.#told);
    this.#downSince = clock.now();
    this.#status = { state: 'connecting', since: this.#downSince };
  }

  get status(): UplinkStatus {
    return this.#status;
  }

  /** Milliseconds that it has been in its state beyond what that may take; 0 while it is connected. */
  get overdue(): number {
    const { connectTimeout, ackTimeout } = this.#options.config;
    const { state } = this.#status;
    // Two versions of the protocol may be tried, and then the broker has to take the birth.
    const allowed = state === 'connecting' ? 2 * connectTimeout + ackTimeout : this.#delay;
    return state === 'connected' ? 0 : Math.max(0, performance.now() - this.#enteredAt - allowed);
  }

  /** Aborts when certificate files were renewed: the link should be replaced. */
  get renewed(): AbortSignal {
    return this.#renewal.signal;
  }

  /** Watches the certificate files until `signal` aborts. */
  watch(signal: AbortSignal): void {
    this.#files.watch(() => {
      if (this.#renewal.signal.aborted) return;
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
        await this.#presence.birth(link, signal);
        this.#connected(link);
        return link;
      } catch (error) {
        if (signal.aborted) return undefined;
        if (!this.#presence.canDoWithout(error)) this.lost(error);
      }
    }
  }

  /** The link has carried an acknowledged batch: it works, so the next backoff starts small. */
  proven(): void {
    this.#backoff.reset();
  }

  /** The link could not be opened, or has ended; the next `connect` waits. */
  lost(cause: unknown, ending: LinkEnding = { inFlight: 0, isExplained: false }): void {
    const { clock, log } = this.#options;
    const now = clock.now();
    const wasConnected = this.#status.state === 'connected';
    if (wasConnected) this.#downSince = now;
    if (this.#status.protocol === '5') this.#spoke5At = now;
    const error = wasConnected ? this.#judgeLife(cause, ending) : cause;
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
    const fields = error instanceof Fault ? {} : { err: error };
    log[heals ? 'warn' : 'error'](fields, `${this.#where}: ${this.#error}${times}. ${next}`);
  }

  /** What the end of an established link says; a link that lived long makes good for what was before. */
  #judgeLife(cause: unknown, { inFlight, isExplained }: LinkEnding): unknown {
    if (performance.now() - this.#connectedAt >= STABLE_MS) {
      this.#backoff.reset();
      this.#told.forget();
      this.#youngCloses = 0;
      return cause;
    }
    if (isExplained) {
      this.#youngCloses = 0;
      return cause;
    }
    const isClose = cause instanceof LinkError && cause.why === 'closed';
    this.#youngCloses = isClose ? this.#youngCloses + 1 : 0;
    if (this.#youngCloses < (inFlight === 0 ? IDLE_CLOSES : BUSY_CLOSES)) return cause;
    // Mosquitto 2.0 and brokers of 3.1.1 close the older of two links with one id without a word.
    return new LinkError('the broker closes the link again and again', {
      cause: 'closed',
      hint: `if another client connects with the id ${clientIdOf(this.#options.config, this.#options.identity)}, give each its own uplink.clientId`,
      heals: false,
    });
  }

  /** The link is replaced on purpose: the next `connect` does not wait. */
  async replace(link: Link): Promise<void> {
    this.#downSince = this.#options.clock.now();
    this.#delay = 0;
    await link.end();
  }

  /** Publishes a birth that was left out, beside the batches. Never rejects. */
  lateBirth(link: Link, publishBeside: (publish: () => Promise<void>) => void): Promise<void> {
    return this.#presence.lateBirth(link, publishBeside);
  }

  /** Whether the status may be sent again on this link. */
  mayBeat(link: Link): boolean {
    return this.#presence.mayBeat(link);
  }

  /** Publishes the status again, with figures. Resolves when the broker has answered or the link has ended. */
  beat(link: Link, figures: HeartbeatFigures): Promise<void> {
    return this.#presence.heartbeat(link, figures);
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
    await within(GOODBYE_MS, this.#presence.offline(link));
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
    this.#enteredAt = performance.now();
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
    const { config, identity, clock, log } = this.#options;
    const tls = this.#files.read();
    const will = this.#presence.will();
    const open = (protocol: Protocol) => openLink({ ...linkOptions(config, identity, protocol, tls), will }, signal);
    if (config.version !== 'auto') return open(config.version);
    if (clock.now() < this.#only311Until) return open('3.1.1');
    try {
      return await open('5');
    } catch (error) {
      const refuses = refusesVersion5(error);
      if (refuses === 'no') throw error;
      // It knows 5: it is the line that breaks before the greeting.
      if (refuses === 'perhaps' && clock.now() - this.#spoke5At < KNOWS_5_MS) throw error;
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
}
