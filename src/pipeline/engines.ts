import type { Observation, Value } from '../observation.ts';
import { RuleEngine } from './rules/engine.ts';
import type { Rule, Transition } from './rules/rule.ts';

/** What the engines of a machine have made of its observations since they were last asked. */
export interface Derived {
  /** Of signals that the machine does not have itself. */
  readonly observations: readonly Observation[];
  readonly transitions: readonly Transition[];
}

export interface EnginesOptions {
  readonly machine: string;
  readonly labels: Readonly<Record<string, string>>;
  /** All that there are. */
  readonly rules: readonly Rule[];
}

/** An observation further ahead than this is a clock gone wrong: event time would wait for it to come. */
const MAX_AHEAD_MS = 86_400_000;
/** How far event time stays behind the clock where nothing is observed: what is on its way comes in its own time. */
const LAG_MS = 1000;
/** After a start what the machine has kept comes first; event time waits so long for it. */
const START_GRACE_MS = 60_000;

/**
 * All that is computed of one machine's observations: rules, features, rollups, OEE, anomaly scores. In event time, and a
 * deterministic function of what it is handed, so that a restart that takes up its state and its history goes on as if there had been none.
 */
export class Engines {
  readonly machine: string;
  readonly #rules: RuleEngine;
  /** The newest event time, and when it came, by the steady clock. */
  #newest = Number.NEGATIVE_INFINITY;
  #newestCame = 0;

  constructor({ machine, labels, rules }: EnginesOptions) {
    this.machine = machine;
    this.#rules = new RuleEngine({ machine, labels, rules });
  }

  /** Whether there is nothing to compute. */
  get isIdle(): boolean {
    return this.#rules.rules.length === 0;
  }

  /** How far back they look, ms. */
  get history(): number {
    return this.#rules.history;
  }

  /** Signals of other machines that they read: hand their observations to `observeOther`. */
  get foreign(): readonly { readonly machine: string; readonly signal: string }[] {
    return this.#rules.foreign;
  }

  /** Whether a signal is one that the engines make, and not one of the machine. */
  isDerived(_signal: string): boolean {
    return false;
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
    this.#rules.observe(observation);
    return true;
  }

  observeOther(machine: string, observation: Observation): void {
    this.#rules.observeOther(machine, observation);
  }

  /** Event time goes on while nothing is observed, as fast as the steady clock. */
  advance(now: number): void {
    if (this.#newest === Number.NEGATIVE_INFINITY) return;
    const passed = now - this.#newestCame - LAG_MS;
    if (passed > 0) this.#rules.advance(Math.round(this.#newest + passed));
  }

  take(): Derived {
    return { observations: [], transitions: this.#rules.take() };
  }

  /** Somebody has seen the alert of a rule. Whether there was one. */
  acknowledge(rule: string, now: number, by: string): boolean {
    this.advance(now);
    return this.#rules.acknowledge(rule, this.#rules.now, by);
  }

  /** What a restart must not forget, as JSON. */
  snapshot(): Value {
    return { rules: this.#rules.snapshot() };
  }

  restore(state: Value): void {
    const { rules = null } = state as { rules?: Value };
    this.#rules.restore(rules);
  }

  /** It was brought to where it was before a start, at `now`. */
  started(now: number): void {
    if (Number.isFinite(this.#rules.now)) this.#newest = Math.max(this.#newest, this.#rules.now);
    this.#newestCame = now + START_GRACE_MS;
  }

  /** Takes an observation of the history: nothing comes of it. */
  warm(observation: Observation): void {
    this.#rules.warm(observation);
  }
}
