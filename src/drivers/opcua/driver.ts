import { untilAborted } from '../../abort.ts';
import type { Cursor, MachineEvent, Notice, Reading } from '../../observation.ts';
import type { Driver, DriverContext, Vital } from '../driver.ts';
import { type Connected, connect } from './connect.ts';
import { connectionFault } from './connection-fault.ts';
import { positionOf } from './cursor.ts';
import { Life } from './life.ts';
import type { Link } from './link.ts';
import { EXPIRY_WARNING_MS, type Pki } from './pki.ts';
import { Poller } from './poller.ts';
import { once } from './reports.ts';
import { SESSION_GONE, ServiceError } from './service-error.ts';
import type { OpcuaSettings } from './settings.ts';
import { Subscriber } from './subscriber.ts';
import { survey } from './survey.ts';
import { vitalsOf } from './vitals.ts';

/** What a server answers that has no subscriptions (left). */
const CANNOT_SUBSCRIBE: ReadonlySet<string> = new Set([
  'BadServiceUnsupported',
  'BadNotSupported',
  'BadNotImplemented',
  'BadTooManySubscriptions',
  'BadRequestNotAllowed',
]);

/** A connect may take so long, and so may a server between two answers while ten thousand nodes are looked through. */
const SURVEY_MS = 5 * 60_000;

/**
 * Reads one OPC UA server. Each call of `observe` is one secure channel; what broke it is thrown, and the next call takes up
 * the session and the subscription where the server still has them. At most one session is created by a call. The cursor
 * holds the subscription and the last notification that was yielded. A stop ends session and subscription.
 */
export class OpcuaDriver implements Driver {
  readonly #settings: OpcuaSettings;
  readonly #context: DriverContext;
  readonly #pki: Pki;
  readonly #life = new Life();

  constructor(settings: OpcuaSettings, context: DriverContext, pki: Pki) {
    this.#settings = settings;
    this.#context = context;
    this.#pki = pki;
  }

  get patience(): number {
    return Math.max(this.#settings.pollInterval, this.#settings.requestTimeout) + SURVEY_MS;
  }

  async *observe(from: Cursor | undefined, signal: AbortSignal): AsyncGenerator<Reading> {
    signal.throwIfAborted();
    let connected: Connected | undefined;
    let failure: { readonly error: unknown } | undefined;
    try {
      connected = await this.#connect(signal);
      yield* this.#read(connected, from, signal);
    } catch (error) {
      failure = { error };
    } finally {
      await this.#close(connected?.link, failure?.error, signal);
    }
    // Whatever the abort broke, the abort is why.
    signal.throwIfAborted();
    if (failure === undefined) return;
    if (this.#life.available !== false) {
      this.#life.available = false;
      const origin = this.#context.clock.origin();
      yield { origin, observations: [{ signal: 'available', t: this.#now, ns: 0, v: false, q: 'good' }] };
    }
    throw connectionFault(failure.error, this.#settings.url);
  }

  vitals(): readonly Vital[] {
    return vitalsOf(this.#life, this.#settings, this.#now);
  }

  get #now(): number {
    return this.#context.clock.now();
  }

  async #connect(signal: AbortSignal): Promise<Connected> {
    const life = this.#life;
    const name = `edge-gateway ${this.#context.machine}`;
    const connected = await connect({ settings: this.#settings, pki: this.#pki, name, session: life.session }, signal);
    if (!connected.isResumed) life.sessions += 1;
    life.session = connected.link.session;
    life.connected = connected;
    connected.link.heard = () => this.#context.sign?.('answer');
    life.isUp = true;
    return connected;
  }

  async *#read(connected: Connected, from: Cursor | undefined, signal: AbortSignal): AsyncGenerator<Reading> {
    const { link, isResumed } = connected;
    const settings = this.#settings;
    const life = this.#life;
    const found = await untilAborted(survey(link), signal);
    const notices = this.#notices(connected, found.currentTime);
    if (notices.length > 0) yield { observations: [], events: notices };
    let position = positionOf(from);
    const shared = { link, survey: found, settings, context: this.#context, life };
    for (;;) {
      if (settings.mode === 'subscribe' || (settings.mode === 'auto' && this.#now >= life.barredUntil)) {
        const subscriber = new Subscriber({ ...shared, isResumed, position }, signal);
        try {
          yield* subscriber.run();
        } catch (error) {
          this.#bar(error);
          position = subscriber.position;
        }
      }
      yield* new Poller({ ...shared, position }, signal).run();
      // What was polled up to here has no gap before it.
      position = undefined;
    }
  }

  /** @throws the error, unless it says that the server cannot subscribe, and polling is allowed */
  #bar(error: unknown): void {
    const { mode, subscribeRetry } = this.#settings;
    if (mode !== 'auto' || !(error instanceof ServiceError && CANNOT_SUBSCRIBE.has(error.status))) throw error;
    this.#life.barredUntil = this.#now + subscribeRetry;
    this.#life.barReason = error.message;
  }

  #notices({ remarks, expires }: Connected, serverTime: number | undefined): MachineEvent[] {
    const now = this.#now;
    const life = this.#life;
    const told: Notice[] = remarks.map((remark) => ({ type: 'notice', t: now, ...remark }));
    for (const [code, whose, end] of [
      ['certificate-expiry', 'our own certificate', expires.own],
      ['server-certificate-expiry', 'the server’s certificate', expires.server],
    ] as const) {
      if (end === undefined || end - now > EXPIRY_WARNING_MS) continue;
      const message = `${whose} ends on ${new Date(end).toISOString().slice(0, 10)}: renew it before`;
      told.push({ type: 'notice', t: now, code, message });
    }
    const skew = serverTime === undefined ? undefined : life.skew.note(serverTime, now);
    return [...told.flatMap((notice) => once(life, notice)), ...(skew === undefined ? [] : [skew])];
  }

  /**
   * After a fault the session stays at the server, to be taken up again; a stop, or a consumer that wants no more, ends it.
   */
  async #close(link: Link | undefined, error: unknown, signal: AbortSignal): Promise<void> {
    const life = this.#life;
    life.isUp = false;
    if (link === undefined) return;
    const isFault = error !== undefined && !signal.aborted;
    if (isFault) life.mode = undefined;
    if (isFault && !(error instanceof ServiceError && SESSION_GONE.has(error.status))) return link.leave();
    life.session = undefined;
    await (isFault ? link.leave() : link.end());
  }
}
