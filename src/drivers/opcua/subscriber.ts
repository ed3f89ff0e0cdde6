import { type NotificationMessage, promoteOpaqueStructure } from 'node-opcua-client';
import { untilAborted } from '../../abort.ts';
import { Fault } from '../../errors.ts';
import type { MachineEvent, Observation, Reading } from '../../observation.ts';
import type { DriverContext } from '../driver.ts';
import { stateInputs } from '../state-rule.ts';
import { Browser } from './browse.ts';
import { following, isBefore, type Position, toCursor } from './cursor.ts';
import { fingerprint, type Item } from './items.ts';
import type { Life, Subscribed } from './life.ts';
import type { Link } from './link.ts';
import { unwatch, watch } from './monitored.ts';
import { digest, valuesOf } from './notifications.ts';
import { type Published, Publisher } from './publisher.ts';
import { modelOf, once, refusal, refusals, revisions, unknown } from './reports.ts';
import { resolve } from './resolve.ts';
import { ServiceError } from './service-error.ts';
import type { OpcuaSettings } from './settings.ts';
import { create, granted, monitorOf, recollect, remove, transfer } from './subscription.ts';
import { type Survey, survey as surveyOf } from './survey.ts';

/** Missing notifications that are asked for one by one; a longer hole is a gap. */
const MAX_REPUBLISHED = 1000;
/** The subscription is now another session's, or waits for one. */
const TRANSFERRED = 'GoodSubscriptionTransferred';
/** The server has ended the subscription; its session may live on. */
const SUBSCRIPTION_GONE: ReadonlySet<string> = new Set(['BadNoSubscription', 'BadSubscriptionIdInvalid']);
/** Ticks of the server's clock that may be late before its values count as standing still. */
const MISSED_BEATS = 3;
/** The watchdogs are looked at this often, at least. */
const LOOK_MS = 1000;
export interface SubscriberOptions {
  readonly link: Link;
  readonly isResumed: boolean;
  readonly survey: Survey;
  readonly settings: OpcuaSettings;
  readonly context: DriverContext;
  readonly life: Life;
  readonly position: Position | undefined;
}

/**
 * Reads by one subscription. Takes the last one up again where the server still has it: what was notified since is asked
 * for again, and nothing is missing. Else makes a new one; what happened since the position is a gap then. Ends by throwing.
 */
export class Subscriber {
  readonly #options: SubscriberOptions;
  readonly #signal: AbortSignal;
  #survey: Survey;
  #position: Position | undefined;
  /** When the consumer last came back for more, the server's clock last ticked, and nodes were last resolved: `performance.now()`. */
  #pulled = 0;
  #ticked = 0;
  #lastResolved: number;

  constructor(options: SubscriberOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    this.#survey = options.survey;
    this.#position = options.position;
    this.#lastResolved = performance.now();
  }

  async *run(): AsyncGenerator<Reading> {
    let isResumed = this.#options.isResumed;
    for (;;) {
      const { subscribed, isContinued } = await this.#enter(isResumed);
      this.#options.life.subscribed = subscribed;
      const publisher = this.#publish(subscribed);
      try {
        yield* this.#pass(this.#first(subscribed, isContinued));
        if (isContinued) yield* this.#catchUp(subscribed, publisher);
        yield* this.#follow(subscribed, publisher);
      } catch (error) {
        if (error instanceof ServiceError && SUBSCRIPTION_GONE.has(error.status)) subscribed.isSuspect = true;
        throw error;
      } finally {
        publisher.stop();
      }
      // The model has changed: everything is resolved and made anew.
      subscribed.isSuspect = true;
      isResumed = true;
      this.#survey = await surveyOf(this.#options.link);
    }
  }

  /** Where reading has got to. */
  get position(): Position | undefined {
    return this.#position;
  }

  get #now(): number {
    return this.#options.context.clock.now();
  }

  /** The subscription to read: the last one where that can be, else a new one. */
  async #enter(isResumed: boolean): Promise<{ subscribed: Subscribed; isContinued: boolean }> {
    const { link, settings, life } = this.#options;
    const options = { link, settings, survey: this.#survey };
    const position = this.#position;
    const kept = life.subscribed;
    const isSame = kept !== undefined && isSameServer(kept.survey, this.#survey);
    const isWanted = kept?.isSuspect === false && kept.id === position?.subscription;
    if (isSame && isWanted && isResumed) return { subscribed: kept, isContinued: true };
    const items = isSame && !kept.isSuspect ? kept.items : await this.#resolve();
    const taken = await this.#takeOver(items, isSame && isWanted ? kept : undefined);
    if (taken !== undefined) return { subscribed: taken, isContinued: true };
    // First: a server may have room for one, and what is notified next belongs to the new one.
    if (kept !== undefined && isResumed) await remove(link, kept.id);
    return { subscribed: await create(options, items), isContinued: false };
  }

  /** Takes over the subscription of another session, or of an earlier process. */
  async #takeOver(items: readonly Item[], kept: Subscribed | undefined): Promise<Subscribed | undefined> {
    const { link, settings, life } = this.#options;
    const options = { link, settings, survey: this.#survey };
    const position = this.#position;
    if (position?.subscription === undefined || position.startTime !== this.#survey.startTime) return undefined;
    if (position.startTime === null || position.items !== fingerprint(items, settings) || life.subscribed?.isSuspect)
      return undefined;
    const { subscription } = position;
    if (!(await transfer(options, subscription))) return undefined;
    const subscribed = kept ?? (await recollect(options, items, { ...position, subscription }));
    if (subscribed === undefined) await remove(link, subscription);
    return subscribed;
  }

  async #resolve(): Promise<Item[]> {
    const { link, settings, context } = this.#options;
    this.#lastResolved = performance.now();
    const nodesPerCall = Math.min(settings.itemsPerCall, this.#survey.limits.browse);
    const browser = new Browser({ link, nodesPerCall, tell: (line) => context.log.info(line) });
    return resolve({ browser, settings, namespaces: this.#survey.namespaces }, this.#signal);
  }

  #publish(subscribed: Subscribed): Publisher {
    const { link, settings } = this.#options;
    const { id, keepAlive, lifetime } = subscribed;
    const publisher = new Publisher({
      link,
      subscription: id,
      patience: Math.min(settings.dataAge, lifetime, granted(link.session.timeout, settings.sessionTimeout)),
      publishTimeout: 4 * keepAlive + settings.requestTimeout,
      now: () => this.#now,
    });
    this.#pulled = performance.now();
    this.#ticked = this.#pulled;
    publisher.start();
    return publisher;
  }

  /** Says what is read, and what was lost on the way to it. */
  #first(subscribed: Subscribed, isContinued: boolean): Reading {
    const { settings, life } = this.#options;
    const now = this.#now;
    const position = this.#position;
    const events: MachineEvent[] = [];
    const observations: Observation[] =
      life.available === true ? [] : [{ signal: 'available', t: now, ns: 0, v: true, q: 'good' }];
    life.available = true;
    life.heard = now;
    if (!isContinued || life.mode === undefined) {
      events.push(modelOf(subscribed.items, this.#survey, life, settings, now));
    }
    if (life.mode !== 'streaming') events.push({ type: 'driver', t: now, state: 'streaming' });
    life.mode = 'streaming';
    life.barReason = undefined;
    if (!isContinued) {
      if (position !== undefined) {
        events.push({
          type: 'gap',
          t: now,
          cause: 'link-down',
          from: position.heard,
          to: now,
          count: null,
          exact: false,
        });
      }
      const revised = revisions(subscribed, settings);
      const message = revised === undefined ? '' : `the server ${revised}`;
      if (message !== '') events.push(...once(life, { type: 'notice', t: now, code: 'revised', message }));
      for (const [i, item] of subscribed.items.entries()) {
        if (refusal(item, subscribed.watched.get(i)) !== undefined) observations.push(unknown(item, now));
      }
      this.#position = { ...this.#place(subscribed, now), sequence: 0 };
    }
    events.push(...refusals(life, subscribed, now));
    return { observations, events, cursor: toCursor(this.#place(subscribed, now)) };
  }

  /** Where reading is, once the server was heard at `heard`. */
  #place({ id, print }: Subscribed, heard: number): Position {
    const { sequence, inputs } = this.#position?.subscription === id ? this.#position : { sequence: 0, inputs: {} };
    return { subscription: id, sequence, items: print, inputs, startTime: this.#survey.startTime, heard };
  }

  /** What was notified while nobody listened. */
  async *#catchUp(subscribed: Subscribed, publisher: Publisher): AsyncGenerator<Reading> {
    for (;;) {
      const message = await publisher.republish(following(this.#position?.sequence ?? 0));
      if (message === undefined) return;
      yield* this.#digest(subscribed, publisher, message, undefined);
    }
  }

  /** Yields what is notified, until the model changes. */
  async *#follow(subscribed: Subscribed, publisher: Publisher): AsyncGenerator<Reading> {
    const { settings } = this.#options;
    const look = Math.min(LOOK_MS, settings.retryItems, settings.dataAge / 3);
    for (;;) {
      this.#signal.throwIfAborted();
      const published = await publisher.next(look);
      this.#signal.throwIfAborted();
      this.#options.context.sign?.(publisher.heard === this.#options.life.heard ? 'turn' : 'answer');
      this.#options.life.heard = publisher.heard;
      if (published !== undefined) yield* this.#take(subscribed, publisher, published);
      const overflow = this.#options.life.overflows.take(this.#now);
      if (overflow !== undefined) yield* this.#pass({ observations: [], events: [overflow] });
      this.#watchSilence(subscribed, publisher);
      if (performance.now() - this.#lastResolved < settings.retryItems) continue;
      if (subscribed.isOutdated) return;
      if (yield* this.#retry(subscribed)) return;
    }
  }

  async *#take(
    subscribed: Subscribed,
    publisher: Publisher,
    { message, available }: Published,
  ): AsyncGenerator<Reading> {
    const now = this.#now;
    const isKeepAlive = (message.notificationData ?? []).length === 0;
    let expected = following(this.#position?.sequence ?? 0);
    for (let i = 0; isBefore(expected, message.sequenceNumber) && i < MAX_REPUBLISHED; i++) {
      const missing = await publisher.republish(expected);
      if (missing === undefined) {
        const kept = available.find((one) => isBefore(expected, one) && isBefore(one, message.sequenceNumber));
        if (kept === undefined) break;
        yield* this.#pass(this.#hole(subscribed, expected, kept, now));
        expected = kept;
      } else {
        yield* this.#digest(subscribed, publisher, missing, undefined);
        expected = following(expected);
      }
    }
    if (isBefore(expected, message.sequenceNumber)) {
      yield* this.#pass(this.#hole(subscribed, expected, message.sequenceNumber, now));
    }
    if (isKeepAlive) return;
    // Republished before: only acknowledged again.
    if (isBefore(message.sequenceNumber, expected)) publisher.acknowledge(message.sequenceNumber);
    else yield* this.#digest(subscribed, publisher, message, now);
  }

  /** Notifications that the server no longer has. */
  #hole(subscribed: Subscribed, from: number, to: number, now: number): Reading {
    const heard = this.#position?.heard ?? now;
    const last = to === 1 ? from : to - 1;
    this.#position = { ...this.#place(subscribed, now), sequence: last };
    const detail = { fromSequence: from, toSequence: last };
    const gap = {
      type: 'gap',
      t: now,
      cause: 'link-down',
      from: heard,
      to: now,
      count: null,
      exact: false,
      detail,
    } as const;
    return { observations: [], events: [gap], cursor: toCursor(this.#position) };
  }

  /** One notification as a reading. `arrived` is when, by our clock; undefined where it was asked for again. */
  async *#digest(
    subscribed: Subscribed,
    publisher: Publisher,
    message: NotificationMessage,
    arrived: number | undefined,
  ): AsyncGenerator<Reading> {
    await this.#promote(message);
    const now = this.#now;
    const { observations, notices, isTick, isModelChanged, ended } = digest(message, subscribed, this.#options.life, {
      arrived,
      now,
    });
    // One that is asked for again tells of a loss that was mended by taking it back.
    const isOld = arrived === undefined && ended === TRANSFERRED;
    if (ended !== undefined && !isOld) throw this.#ended(subscribed, ended);
    if (isTick) {
      this.#ticked = performance.now();
      subscribed.ticks += 1;
    }
    subscribed.isOutdated ||= isModelChanged;
    const place = this.#place(subscribed, arrived ?? now);
    const inputs = { ...place.inputs, ...this.#inputs(observations) };
    this.#position = { ...place, sequence: message.sequenceNumber, inputs };
    yield* this.#pass({ observations, events: notices, cursor: toCursor(this.#position) });
    publisher.acknowledge(message.sequenceNumber);
  }

  #inputs(observations: readonly Observation[]): Position['inputs'] {
    const { state } = this.#options.settings;
    const names = state === undefined ? [] : stateInputs(state);
    return Object.fromEntries(observations.flatMap(({ signal, v }) => (names.includes(signal) ? [[signal, v]] : [])));
  }

  /** Structures of types that only the server knows are decoded by its own definition; what fails stays unknown. */
  async #promote(message: NotificationMessage): Promise<void> {
    const { link, context } = this.#options;
    try {
      await untilAborted(promoteOpaqueStructure(link.session, valuesOf(message)), link.lost);
    } catch (error) {
      link.lost.throwIfAborted();
      context.log.debug({ err: error }, 'a structure of unknown type');
    }
  }

  /** Tries the refused signals again. True when the address space has become another one. */
  async *#retry(subscribed: Subscribed): AsyncGenerator<Reading, boolean> {
    const refused = subscribed.items.flatMap((item, i) =>
      refusal(item, subscribed.watched.get(i)) === undefined ? [] : [i],
    );
    this.#lastResolved = performance.now();
    if (refused.length === 0) return false;
    const { link, settings, life } = this.#options;
    const items = await this.#resolve();
    const isOther = items.some(({ signal, nodeId }, i) => {
      const current = subscribed.items[i];
      if (signal !== current?.signal) return true;
      return !refused.includes(i) && nodeId?.toString() !== current.nodeId?.toString();
    });
    if (isOther || items.length !== subscribed.items.length) return true;
    const isFound = items.some(({ nodeId }, i) => nodeId?.toString() !== subscribed.items[i]?.nodeId?.toString());
    subscribed.items = items;
    subscribed.print = fingerprint(items, settings);
    const monitor = monitorOf({ link, settings, survey: this.#survey }, subscribed.id);
    await unwatch(monitor, subscribed.dead.splice(0));
    const results = await watch(
      monitor,
      refused.flatMap((handle) => (items[handle] === undefined ? [] : [{ handle, item: items[handle] }])),
    );
    for (const [handle, result] of results) subscribed.watched.set(handle, result);
    const events: MachineEvent[] = refusals(life, subscribed, this.#now);
    if (isFound) events.unshift(modelOf(items, this.#survey, life, settings, this.#now));
    if (events.length > 0) yield* this.#pass({ observations: [], events });
    return false;
  }

  /** @throws Fault when the server has been silent for too long while it was asked */
  #watchSilence(subscribed: Subscribed, publisher: Publisher): void {
    const { url, dataAge } = this.#options.settings;
    const now = performance.now();
    const silent = now - Math.max(publisher.heardAt, this.#pulled);
    if (silent > dataAge) {
      const hint = 'check that the server runs and the network; it is connected anew';
      throw new Fault('machine', `${url}: nothing from the server for ${Math.round(silent / 1000)} s`, { hint });
    }
    const still = now - this.#ticked;
    if (
      subscribed.ticks < 2 ||
      subscribed.heartbeat === undefined ||
      still <= dataAge + MISSED_BEATS * subscribed.heartbeat
    )
      return;
    subscribed.isSuspect = true;
    const hint = 'the subscription is made anew';
    throw new Fault(
      'machine',
      `${url}: the server answers, but its values have stood still for ${Math.round(still / 1000)} s`,
      { hint },
    );
  }

  #ended(subscribed: Subscribed, status: string): Fault {
    // It lives on, in another session or in none: it can be taken back.
    subscribed.isSuspect = status !== TRANSFERRED;
    const what = subscribed.isSuspect ? 'ended the subscription' : 'taken the subscription from the session';
    const { url } = this.#options.settings;
    return new Fault('machine', `${url}: the server has ${what} (${status})`, {
      hint: 'it is made anew, or taken back',
    });
  }

  async *#pass(reading: Reading): AsyncGenerator<Reading> {
    const begun = performance.now();
    yield reading;
    this.#pulled = performance.now();
    // What nobody pulls cannot tick.
    this.#ticked += this.#pulled - begun;
  }
}

/** Whether ids of sessions, subscriptions and nodes mean the same. */
function isSameServer(a: Survey, b: Survey): boolean {
  return a.startTime === b.startTime && a.namespaces.join('\n') === b.namespaces.join('\n');
}
