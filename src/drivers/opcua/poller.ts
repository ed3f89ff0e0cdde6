import { setTimeout as sleep } from 'node:timers/promises';
import {
  AttributeIds,
  type DataValue,
  promoteOpaqueStructure,
  ReadRequest,
  type ReadResponse,
  TimestampsToReturn,
} from 'node-opcua-client';
import { untilAborted } from '../../abort.ts';
import type { Gap, MachineEvent, Observation, Reading } from '../../observation.ts';
import type { DriverContext } from '../driver.ts';
import { StateFromRule } from '../state-rule.ts';
import { Browser } from './browse.ts';
import { type Position, toCursor } from './cursor.ts';
import { decode } from './decode.ts';
import { fingerprint, type Item } from './items.ts';
import type { Life } from './life.ts';
import type { Link } from './link.ts';
import type { Watched } from './monitored.ts';
import { modelOf, refusal, refusals, unknown } from './reports.ts';
import { resolve } from './resolve.ts';
import type { OpcuaSettings } from './settings.ts';
import { read, type Survey } from './survey.ts';

/** Skipped polls are gathered for this long. */
const GATHER_MS = 60_000;
const CURRENT_TIME = 'i=2258';
/** The node is the problem, not its value. */
const NOT_READABLE = /^Bad(NodeId|AttributeId|NotReadable|UserAccessDenied|SecurityModeInsufficient|DataEncoding)/;

export interface PollerOptions {
  readonly link: Link;
  readonly survey: Survey;
  readonly settings: OpcuaSettings;
  readonly context: DriverContext;
  readonly life: Life;
  readonly position: Position | undefined;
}

/**
 * Reads all items every `pollInterval` and yields those whose value or quality has changed; for servers that cannot
 * subscribe. Deadlines are begin + n × interval: one that has passed is skipped and told as a gap.
 */
export class Poller {
  readonly #options: PollerOptions;
  readonly #signal: AbortSignal;
  readonly #last = new Map<number, string>();
  readonly #watched = new Map<number, Watched>();

  constructor(options: PollerOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  /** Returns when subscribing is to be tried (again). @throws what a request threw; the abort reason */
  async *run(): AsyncGenerator<Reading> {
    const { settings, life } = this.#options;
    let items = await this.#resolve();
    let resolved = this.#now;
    const rule = settings.state === undefined ? undefined : new StateFromRule(settings.state);
    yield this.#first(items);
    const isRefused = (item: Item, i: number) => refusal(item, this.#watched.get(i)) !== undefined;
    for (let due = performance.now(); settings.mode === 'poll' || this.#now < life.barredUntil; ) {
      const observations = await this.#poll(items);
      observations.push(...(rule?.derive(observations) ?? []));
      const events: MachineEvent[] = [
        ...refusals(life, { items, watched: this.#watched }, this.#now),
        ...this.#skipped(),
      ];
      yield { observations, events, cursor: toCursor(this.#place(items)) };
      due = this.#next(due);
      if (this.#now - resolved >= settings.retryItems && items.some(isRefused)) {
        resolved = this.#now;
        const again = await this.#resolve();
        const isOther = fingerprint(again, settings) !== fingerprint(items, settings);
        items = again;
        if (isOther) yield this.#begin(items);
      }
      await sleep(Math.max(0, due - performance.now()), undefined, { signal: this.#signal });
    }
    yield { observations: [], events: this.#skipped(true) };
  }

  get #now(): number {
    return this.#options.context.clock.now();
  }

  async #resolve(): Promise<Item[]> {
    const { link, settings, survey, context } = this.#options;
    const nodesPerCall = Math.min(settings.itemsPerCall, survey.limits.browse);
    const browser = new Browser({ link, nodesPerCall, tell: (line) => context.log.info(line) });
    return resolve({ browser, settings, namespaces: survey.namespaces }, this.#signal);
  }

  #first(items: readonly Item[]): Reading {
    const { life, position } = this.#options;
    const now = this.#now;
    const begun = this.#begin(items);
    const events: MachineEvent[] = [...begun.events];
    if (life.mode !== 'polling') {
      const why = life.barReason;
      events.push({ type: 'driver', t: now, state: 'polling', ...(why === undefined ? {} : { message: why }) });
      const message = `cannot subscribe, so it polls and tries again later: ${why}`;
      if (why !== undefined) events.push({ type: 'notice', t: now, code: 'subscribe-fallback', message });
    }
    life.mode = 'polling';
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
    const available: Observation[] =
      life.available === true ? [] : [{ signal: 'available', t: now, ns: 0, v: true, q: 'good' }];
    life.available = true;
    return { observations: [...available, ...begun.observations], events, cursor: toCursor(this.#place(items)) };
  }

  /** What is read from now on: its values are told whatever they were. */
  #begin(items: readonly Item[]) {
    const { life, survey, settings } = this.#options;
    const now = this.#now;
    this.#last.clear();
    this.#watched.clear();
    const missing = items.filter(({ nodeId }) => nodeId === undefined);
    return {
      observations: missing.map((item) => unknown(item, now)),
      events: [modelOf(items, survey, life, settings, now)],
    };
  }

  #place(items: readonly Item[]): Position {
    return {
      subscription: undefined,
      sequence: 0,
      items: fingerprint(items, this.#options.settings),
      inputs: {},
      startTime: this.#options.survey.startTime,
      heard: this.#now,
    };
  }

  async #poll(items: readonly Item[]): Promise<Observation[]> {
    const { link, settings, survey, life } = this.#options;
    const found = items.flatMap((item, i) => (item.nodeId === undefined ? [] : [{ item, i, nodeId: item.nodeId }]));
    const perCall = Math.min(settings.itemsPerCall, survey.limits.read);
    const observations: Observation[] = [];
    for (let begin = 0; begin < found.length; begin += perCall) {
      const chunk = found.slice(begin, begin + perCall);
      const request = new ReadRequest({
        maxAge: 0,
        timestampsToReturn: TimestampsToReturn.Both,
        nodesToRead: chunk.map(({ nodeId }) => ({ nodeId, attributeId: AttributeIds.Value })),
      });
      const { results } = await untilAborted(link.request<ReadResponse>(request), this.#signal);
      await this.#promote(results ?? []);
      for (const [k, { item, i }] of chunk.entries()) observations.push(...this.#changed(item, i, results?.[k]));
    }
    if (found.length === 0) await read(link, [CURRENT_TIME]);
    life.heard = this.#now;
    return observations;
  }

  async #promote(values: DataValue[]): Promise<void> {
    const { link, context } = this.#options;
    try {
      await untilAborted(promoteOpaqueStructure(link.session, values), link.lost);
    } catch (error) {
      link.lost.throwIfAborted();
      context.log.debug({ err: error }, 'a structure of unknown type');
    }
  }

  /** The observations of an item whose value or quality is another than at the last poll. */
  #changed(item: Item, i: number, data: DataValue | undefined): Observation[] {
    if (data === undefined) return [];
    if (NOT_READABLE.test(data.statusCode.name)) this.#watched.set(i, { ok: false, status: data.statusCode.name });
    else this.#watched.delete(i);
    const observations = decode(item, data, this.#now);
    const key = JSON.stringify(observations.map(({ signal, v, q }) => [signal, v, q]));
    if (this.#last.get(i) === key) return [];
    this.#last.set(i, key);
    return observations;
  }

  /** The next deadline that is still to come; those that have passed are counted. Both by `performance.now()`. */
  #next(due: number): number {
    const { pollInterval } = this.#options.settings;
    const late = Math.max(0, Math.floor((performance.now() - due) / pollInterval));
    const { life } = this.#options;
    if (late > 0) {
      if (life.skipped.polls === 0) life.skipped.from = this.#now - late * pollInterval;
      life.skipped.polls += late;
      life.missedPolls += late;
    }
    return due + (late + 1) * pollInterval;
  }

  #skipped(isLast = false): Gap[] {
    const now = this.#now;
    const { skipped } = this.#options.life;
    // A clock that was set back must not withhold it.
    const isGathering = Math.abs(now - skipped.toldAt) < GATHER_MS;
    if (skipped.polls === 0 || (isGathering && !isLast)) return [];
    const detail = { polls: skipped.polls };
    const gap: Gap = {
      type: 'gap',
      t: now,
      cause: 'poll-skipped',
      from: Math.min(skipped.from, now),
      to: now,
      count: null,
      exact: false,
      detail,
    };
    skipped.polls = 0;
    skipped.toldAt = now;
    return [gap];
  }
}
