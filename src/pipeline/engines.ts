import { matcher } from '../expression/selector.ts';
import type { MachineEvent, Observation, Value } from '../observation.ts';
import { AnomalyEngine } from './anomaly/engine.ts';
import { type AnomalySettings, UNUSUAL } from './anomaly/tuning.ts';
import { isDerived } from './derived-names.ts';
import { FeatureEngine, type FeatureSettings } from './features/feature-engine.ts';
import { NOTHING_DERIVED } from './no-engines.ts';
import { eventsOf, OeeEngine, type OeeSettings } from './oee/oee-engine.ts';
import { type OeePeriod, oeeObservations } from './oee/period.ts';
import { Reducer, type SendSettings } from './rollups/reducer.ts';
import { type RollupBody, RollupEngine, type RollupSettings } from './rollups/rollup-engine.ts';
import { RuleEngine } from './rules/engine.ts';
import type { OpenAlert, Rule, Transition } from './rules/rule.ts';
import { EventOrder, type OrderedSink } from './statistics/event-order.ts';

/** What the engines of a machine have made of its observations since they were last asked. */
export interface Derived {
  /** Of signals that the machine does not have itself. */
  readonly observations: readonly Observation[];
  readonly transitions: readonly Transition[];
  readonly rollups: readonly RollupBody[];
  readonly events: readonly MachineEvent[];
}

/** What is computed of every machine, as the config has it. */
export interface EngineSettings {
  /** All that there are: each machine picks its own. */
  readonly rules: readonly Rule[];
  readonly features?: (FeatureSettings & { readonly lateness: number }) | undefined;
  readonly rollups?: (RollupSettings & { readonly send: readonly SendSettings[] }) | undefined;
  /** The first that fits a machine is for it. */
  readonly oee?: readonly (OeeSettings & { readonly machines: readonly string[] })[];
  readonly anomaly?: AnomalySettings | undefined;
}

export interface EnginesOptions extends EngineSettings {
  readonly machine: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** An observation further ahead than this is a clock gone wrong: event time would wait for it to come. */
const MAX_AHEAD_MS = 86_400_000;
/** How far event time stays behind the clock where nothing is observed: what is on its way comes in its own time. */
const LAG_MS = 1000;
/** After a start what the machine has kept comes first; event time waits so long for it. */
const START_GRACE_MS = 60_000;
/** How long an observation is waited for where the config does not say. */
const LATENESS_MS = 2000;
/** How often the anomaly score is told, in event time. */
const SCORE_EVERY_MS = 30_000;

/**
 * All that is computed of one machine's observations: rules, features, rollups, OEE, anomaly scores. In event time, and a
 * deterministic function of what it is handed, so that a restart that takes up its state and its history goes on as if there had been none.
 */
export class Engines {
  readonly machine: string;
  readonly #rules: RuleEngine;
  readonly #features: FeatureEngine | undefined;
  readonly #rollups: RollupEngine | undefined;
  readonly #oee: OeeEngine | undefined;
  readonly #anomaly: AnomalyEngine | undefined;
  readonly #reducer: Reducer | undefined;
  /** In front of those that need the order of time; undefined where there are none. */
  readonly #order: EventOrder | undefined;
  readonly #ordered: OrderedSink;
  /** The newest event time, and when it came, by the steady clock. */
  #newest = Number.NEGATIVE_INFINITY;
  #newestCame = 0;
  /** When the anomaly score is told next, event time. */
  #scoreAt = Number.NEGATIVE_INFINITY;
  #scores: Observation[] = [];

  constructor({ machine, labels, rules, features, rollups, oee = [], anomaly }: EnginesOptions) {
    this.machine = machine;
    this.#anomaly = anomaly && new AnomalyEngine(anomaly);
    this.#rules = new RuleEngine({ machine, labels, rules, score: (signal) => this.#anomaly?.score(signal) });
    this.#features = features && new FeatureEngine(features);
    this.#rollups = rollups && rollups.signals.length > 0 ? new RollupEngine(rollups) : undefined;
    const own = oee.find(({ machines }) => matcher(machines)(machine));
    this.#oee = own && new OeeEngine(own);
    this.#reducer = rollups && rollups.send.length > 0 ? new Reducer(rollups.send) : undefined;
    const sinks: OrderedSink[] = [this.#features, this.#rollups, this.#oee].filter((one) => one !== undefined);
    this.#order = sinks.length === 0 ? undefined : new EventOrder(features?.lateness ?? LATENESS_MS);
    this.#ordered = {
      observe: (observation) => {
        for (const sink of sinks) sink.observe(observation);
      },
      advance: (before) => {
        for (const sink of sinks) sink.advance(before);
      },
    };
  }

  /** Whether there is nothing to compute. */
  get isIdle(): boolean {
    const { length } = this.#rules.rules;
    return length === 0 && this.#order === undefined && this.#anomaly === undefined && this.#reducer === undefined;
  }

  /** How far back they look, ms. */
  get history(): number {
    return Math.max(this.#rules.history, this.#features?.history ?? 0);
  }

  /** Signals of other machines that they read: hand their observations to `observeOther`. */
  get foreign(): readonly { readonly machine: string; readonly signal: string }[] {
    return this.#rules.foreign;
  }

  /** Whether all observations of a signal are sent as they are. */
  isRaw(signal: string): boolean {
    return this.#reducer?.isRaw(signal) ?? true;
  }

  /** Of a signal that is not raw: adds to `out` what is to be sent by now, of this observation and of what waited for it. */
  reduce(observation: Observation, out: Observation[]): void {
    this.#reducer?.observe(observation, out);
  }

  /** What waits to be sent, before an orderly end. */
  flush(out: Observation[]): void {
    this.#reducer?.flush(out);
  }

  /**
   * Takes an observation that came at `now` (the steady clock), while the wall clock showed `wall`. One whose time is plainly wrong is left out.
   * @returns whether it was taken
   */
  observe(observation: Observation, now: number, wall: number): boolean {
    const { t } = observation;
    if (t > this.#newest) {
      if (t > wall + MAX_AHEAD_MS && t > this.#newest + MAX_AHEAD_MS) return false;
      this.#newest = t;
      this.#newestCame = now;
    }
    if (this.#anomaly !== undefined) {
      if (t >= this.#scoreAt) this.#tellScore(t, this.#anomaly);
      this.#anomaly.observe(observation);
    }
    this.#rules.observe(observation);
    this.#order?.observe(observation, this.#ordered);
    return true;
  }

  observeOther(machine: string, observation: Observation, now: number): void {
    // Else a duration would count from when this machine was heard last.
    this.advance(now);
    this.#rules.observeOther(machine, observation);
  }

  /** Event time goes on while nothing is observed, as fast as the steady clock. */
  advance(now: number): void {
    const passed = now - this.#newestCame - LAG_MS;
    if (passed <= 0 || this.#newest === Number.NEGATIVE_INFINITY) return;
    const t = Math.round(this.#newest + passed);
    this.#anomaly?.advance(t);
    this.#rules.advance(t);
    this.#order?.advance(t, this.#ordered);
  }

  /** @param unitOf tells the unit of a signal’s numbers */
  take(unitOf: (signal: string) => string | undefined = () => undefined): Derived {
    if (this.isIdle) return NOTHING_DERIVED;
    const { periods = [], downtimes = [] } = this.#oee?.take() ?? {};
    const observations = [
      ...(this.#features?.take() ?? []),
      ...periods.flatMap(oeeObservations),
      ...this.#scores.splice(0),
    ];
    for (const observation of observations) this.#rules.observe(observation);
    return {
      observations,
      rollups: (this.#rollups?.take(unitOf) ?? []).flatMap((body) => this.#sent(body)),
      events: eventsOf(periods, downtimes),
      transitions: this.#rules.take(),
    };
  }

  /** Somebody has seen the alert of a rule. Whether there was one. */
  acknowledge(rule: string, now: number, by: string): boolean {
    this.advance(now);
    return this.#rules.acknowledge(rule, this.#rules.now, by);
  }

  /** The alerts that are on. */
  openAlerts(): readonly OpenAlert[] {
    return this.#rules.open();
  }

  /** The periods of OEE under way, as they stand. */
  oeeNow(): readonly OeePeriod[] {
    return this.#oee?.current() ?? [];
  }

  /** What a restart must not forget, as JSON. Right after `take`: what was made and not taken is not in it. */
  snapshot(): Value {
    return {
      rules: this.#rules.snapshot(),
      order: this.#order?.snapshot() ?? null,
      features: this.#features?.snapshot() ?? null,
      rollups: this.#rollups?.snapshot() ?? null,
      oee: this.#oee?.snapshot() ?? null,
      anomaly: this.#anomaly?.snapshot() ?? null,
      reducer: this.#reducer?.snapshot() ?? null,
      newest: Number.isFinite(this.#newest) ? this.#newest : null,
      scoreAt: Number.isFinite(this.#scoreAt) ? this.#scoreAt : null,
    };
  }

  /** Of new engines only. To be followed by `warm` with the history before, and `settle`. */
  restore(state: Value): void {
    const of = (part: string): Value => (state as Readonly<Record<string, Value>>)[part] ?? null;
    this.#rules.restore(of('rules'));
    this.#order?.restore(of('order'));
    this.#features?.restore(of('features'));
    this.#rollups?.restore(of('rollups'));
    this.#oee?.restore(of('oee'));
    this.#anomaly?.restore(of('anomaly'));
    this.#reducer?.restore(of('reducer'));
    this.#newest = (of('newest') as number | null) ?? Number.NEGATIVE_INFINITY;
    this.#scoreAt = (of('scoreAt') as number | null) ?? Number.NEGATIVE_INFINITY;
  }

  /** Takes an observation of the history: nothing comes of it. */
  warm(observation: Observation): void {
    this.#rules.warm(observation);
    if (!isDerived(observation.signal)) this.#order?.warm(observation, this.#warming);
  }

  /** Ends the history. */
  settle(): void {
    this.#order?.settle(this.#warming);
    this.#features?.settle();
  }

  /** It was brought to where it was before a start, at `now`. */
  started(now: number): void {
    this.#newestCame = now + START_GRACE_MS;
  }

  readonly #warming: OrderedSink = {
    observe: (observation) => this.#features?.warm(observation),
    advance: () => undefined,
  };

  /** The score of the machine at each multiple of an interval and, while it is unusual, the signals that make it. */
  #tellScore(now: number, anomaly: AnomalyEngine): void {
    const t = Math.floor(now / SCORE_EVERY_MS) * SCORE_EVERY_MS;
    this.#scoreAt = t + SCORE_EVERY_MS;
    anomaly.advance(t);
    const score = anomaly.score();
    if (score === undefined) return;
    this.#scores.push({ signal: 'anomaly.machine', t, ns: 0, v: Math.round(score * 1000) / 1000, q: 'good' });
    if (score < UNUSUAL) return;
    const v = anomaly.contributors().map(({ signal, share }) => ({ signal, share: Math.round(share * 1000) / 1000 }));
    this.#scores.push({ signal: 'anomaly.contributors', t, ns: 0, v, q: 'good' });
  }

  /** Without the signals of which nothing at all is to be sent. */
  #sent(body: RollupBody): RollupBody[] {
    if (this.#reducer === undefined) return [body];
    const sent = Object.entries(body.rollups).filter(([signal]) => this.#reducer?.sendsRollups(signal));
    const count = sent.reduce((sum, [, { t }]) => sum + t.length, 0);
    return count === 0 ? [] : [{ ...body, count, rollups: Object.fromEntries(sent) }];
  }
}
