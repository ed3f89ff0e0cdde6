import { selects } from '../../expression/selector.ts';
import type { SignalRef } from '../../expression/terms.ts';
import type { Observation, Value } from '../../observation.ts';
import type { OpenAlert, Rule, Transition } from './rule.ts';
import { endOfKept, RuleRunner } from './runner.ts';
import { Slot } from './slot.ts';

export interface RuleEngineOptions {
  /** Id of the machine. */
  readonly machine: string;
  readonly labels: Readonly<Record<string, string>>;
  /** All that there are: those that are for this machine are picked. */
  readonly rules: readonly Rule[];
  /** What `anomaly(signal)` and `anomaly(machine)` (undefined) say; asked anew at most once a second of event time. */
  readonly score?: (signal: string | undefined) => number | undefined;
}

/** Rules that depend on a slot. */
interface Node {
  readonly slot: Slot;
  /** By every observation. */
  readonly observing: RuleRunner[];
  /** By another value only. */
  readonly reading: RuleRunner[];
}

const NOTHING: readonly Transition[] = [];

/**
 * Evaluates the rules of one machine in event time: a deterministic function of what it is handed, without a clock of
 * its own.
 *
 * Time is the newest `t` that it was handed and never goes back; an observation that is older than its signal's last one
 * goes into windows only. Before time moves on, everything that is due in between is done at its own moment, in order.
 * Whoever owns the engine must keep back observations whose time is plainly wrong (years ahead): the engine would wait
 * for that time to come.
 *
 * After a restart: `restore` a snapshot, `warm` it with the `history` before the moment of the snapshot, oldest first,
 * and `observe` what came after. Transitions are then the same, with the same ids, as without the restart.
 */
export class RuleEngine {
  readonly machine: string;
  readonly #runners: readonly RuleRunner[];
  readonly #nodes = new Map<string, Node>();
  /** Signals of other machines, by machine. */
  readonly #foreign = new Map<string, Map<string, Node>>();
  readonly #clock = { now: Number.NEGATIVE_INFINITY, until: Number.NEGATIVE_INFINITY, start: Number.NEGATIVE_INFINITY };
  /** No rule is due before. */
  #earliest = Number.NEGATIVE_INFINITY;
  #transitions: Transition[] = [];

  constructor({ machine, labels, rules, score }: RuleEngineOptions) {
    this.machine = machine;
    const own = rules.filter((rule) => selects(rule, machine, labels));
    const emit = (transition: Transition) => {
      this.#transitions.push(transition);
    };
    const surroundings = {
      slotOf: (signal: SignalRef) => this.#nodeOf(signal).slot,
      score: (signal: SignalRef | undefined) => score?.(signal?.signal),
    };
    this.#runners = own.map((rule) => new RuleRunner(machine, rule, surroundings, emit));
    const nodes = new Map([...this.#allNodes()].map((node) => [node.slot, node]));
    for (const runner of this.#runners) {
      const { observed, read } = runner.inputs;
      for (const slot of observed) nodes.get(slot)?.observing.push(runner);
      for (const slot of read) nodes.get(slot)?.reading.push(runner);
    }
  }

  /** Names of the rules that are for this machine. */
  get rules(): readonly string[] {
    return this.#runners.map(({ rule }) => rule.name);
  }

  /** How far back windows look, ms: what `warm` needs. */
  get history(): number {
    return Math.max(0, ...this.#runners.map((runner) => runner.history));
  }

  /** Event time; -Infinity before there was any. */
  get now(): number {
    return this.#clock.now;
  }

  /** The signals of other machines that rules of this one read: hand their observations to `observeOther`. */
  get foreign(): readonly Required<SignalRef>[] {
    return [...this.#foreign].flatMap(([machine, nodes]) => [...nodes.keys()].map((signal) => ({ machine, signal })));
  }

  /** Takes an observation of this machine and evaluates the rules that depend on it. */
  observe(observation: Observation): void {
    const { t } = observation;
    if (t > this.#clock.now) this.#moveTo(t, false);
    const node = this.#nodes.get(observation.signal);
    if (node !== undefined) this.#take(node, observation);
  }

  /**
   * Takes an observation of another machine. It does not move time, since every machine has a clock of its own: where this
   * one is quiet, `advance` it first.
   */
  observeOther(machine: string, observation: Observation): void {
    const node = this.#foreign.get(machine)?.get(observation.signal);
    if (node !== undefined) this.#take(node, observation);
  }

  /** Moves time on where nothing is observed, so that durations, ages and windows go on. A time that has passed is none. */
  advance(t: number): void {
    if (t > this.#clock.now) this.#moveTo(t, true);
    else if (t === this.#clock.now) this.#runDue(t, true);
  }

  /** The transitions since the last call, in order. */
  take(): readonly Transition[] {
    if (this.#transitions.length === 0) return NOTHING;
    const transitions = this.#transitions;
    this.#transitions = [];
    return transitions;
  }

  /** Somebody has seen the alert of a rule, at event time `t` or now, whichever is later. Whether there was one. */
  acknowledge(rule: string, t: number, by: string): boolean {
    this.advance(t);
    return this.#runners.find((runner) => runner.rule.name === rule)?.acknowledge(this.#clock, by) ?? false;
  }

  /** The alerts that are on. */
  open(): OpenAlert[] {
    return this.#runners.flatMap((runner) => runner.open() ?? []);
  }

  /** What a restart must not forget, as JSON; small, since windows are filled again by `warm` as far as that can be. */
  snapshot(): Value {
    const { now, start } = this.#clock;
    if (!Number.isFinite(now)) return null;
    const kept = (nodes: ReadonlyMap<string, Node>) =>
      Object.fromEntries([...nodes].map(([signal, { slot }]) => [signal, slot.snapshot()]));
    return {
      now,
      start,
      signals: kept(this.#nodes),
      others: Object.fromEntries([...this.#foreign].map(([machine, nodes]) => [machine, kept(nodes)])),
      rules: Object.fromEntries(this.#runners.map((runner) => [runner.rule.name, runner.snapshot()])),
    };
  }

  /** Takes up a snapshot, of the same rules or of others: alerts of rules that are no more are told to be over. */
  restore(snapshot: Value): void {
    if (snapshot === null) return;
    const { now, start, signals, others, rules } = snapshot as unknown as Kept;
    this.#clock.now = this.#clock.until = now;
    this.#clock.start = start;
    for (const [signal, { slot }] of this.#nodes) slot.restore(signals[signal]);
    for (const [machine, nodes] of this.#foreign) {
      for (const [signal, { slot }] of nodes) slot.restore(others[machine]?.[signal]);
    }
    for (const runner of this.#runners) {
      const kept = rules[runner.rule.name];
      if (kept !== undefined) runner.restore(kept, this.#clock);
    }
    const known = new Set(this.rules);
    for (const [name, kept] of Object.entries(rules)) {
      const end = known.has(name) ? undefined : endOfKept(this.machine, name, kept, now, 'the rule was removed');
      if (end !== undefined) this.#transitions.push(end);
    }
    this.#earliest = Number.NEGATIVE_INFINITY;
  }

  /** Takes an observation of the past, of this machine or of another, that no rule is evaluated for. */
  warm(observation: Observation, machine = this.machine): void {
    if (machine === this.machine) this.#pass(observation.t);
    const nodes = machine === this.machine ? this.#nodes : this.#foreign.get(machine);
    nodes?.get(observation.signal)?.slot.warm(observation);
  }

  #take({ slot, observing, reading }: Node, observation: Observation): void {
    const isChange = slot.observe(observation);
    for (let i = 0; i < observing.length; i++) this.#evaluate(observing[i] as RuleRunner);
    if (!isChange) return;
    for (let i = 0; i < reading.length; i++) this.#evaluate(reading[i] as RuleRunner);
  }

  #evaluate(runner: RuleRunner): void {
    runner.evaluate(this.#clock);
    if (runner.wake < this.#earliest) this.#earliest = runner.wake;
  }

  #moveTo(t: number, isInclusive: boolean): void {
    if (this.#earliest <= t) this.#runDue(t, isInclusive);
    this.#pass(t);
  }

  #pass(t: number): void {
    if (t <= this.#clock.now) return;
    this.#clock.now = this.#clock.until = t;
    if (this.#clock.start === Number.NEGATIVE_INFINITY) this.#clock.start = t;
  }

  /** Does what is due before a time, or also at it, each at its own moment. */
  #runDue(until: number, isInclusive: boolean): void {
    if (this.#clock.start === Number.NEGATIVE_INFINITY) this.#clock.start = until;
    this.#clock.until = until;
    for (;;) {
      const next = this.#nextRunner();
      this.#earliest = next?.wake ?? Number.POSITIVE_INFINITY;
      if (next === undefined || next.wake > until || (next.wake === until && !isInclusive)) break;
      const now = Math.max(this.#clock.now, next.wake);
      // What waits since before there was any time is looked at when time begins.
      this.#clock.now = now === Number.NEGATIVE_INFINITY ? until : now;
      next.evaluate(this.#clock);
    }
  }

  #nextRunner(): RuleRunner | undefined {
    let next: RuleRunner | undefined;
    for (const runner of this.#runners) {
      if (runner.wake < (next?.wake ?? Number.POSITIVE_INFINITY)) next = runner;
    }
    return next;
  }

  #nodeOf({ machine, signal }: SignalRef): Node {
    let nodes = this.#nodes;
    if (machine !== undefined && machine !== this.machine) {
      nodes = this.#foreign.get(machine) ?? new Map();
      this.#foreign.set(machine, nodes);
    }
    const node = nodes.get(signal) ?? { slot: new Slot(), observing: [], reading: [] };
    nodes.set(signal, node);
    return node;
  }

  *#allNodes(): Generator<Node> {
    yield* this.#nodes.values();
    for (const nodes of this.#foreign.values()) yield* nodes.values();
  }
}

interface Kept {
  readonly now: number;
  readonly start: number;
  readonly signals: Readonly<Record<string, Value>>;
  readonly others: Readonly<Record<string, Readonly<Record<string, Value>>>>;
  readonly rules: Readonly<Record<string, Value>>;
}
