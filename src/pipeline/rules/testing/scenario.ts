import type { Observation } from '../../../observation.ts';
import { RuleEngine } from '../engine.ts';
import { type Rule, type Transition, type TransitionState, UNPUBLISHED } from '../rule.ts';
import type { Input } from './series.ts';

/** What machines send, and what is to come of it. Times are milliseconds after the start. */
export interface Scenario {
  readonly rules: readonly Rule[];
  /** When it starts, milliseconds since the epoch. */
  readonly start: number;
  /** When it ends. */
  readonly until: number;
  readonly machines: readonly SimulatedMachine[];
  readonly acknowledge: readonly { readonly at: number; readonly machine: string; readonly rule: string }[];
  /** All steps of alerts, in any order, without `pending` and `cancelled` where none of these is expected. */
  readonly expected: readonly Expected[];
  /** How far a step may be from its time. */
  readonly tolerance: number;
}

export interface SimulatedMachine {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly series: ReadonlyMap<string, readonly Input[]>;
}

export interface Expected {
  readonly at: number;
  readonly machine: string;
  readonly rule: string;
  readonly state: TransitionState;
}

/** What came and was expected, what was expected and did not come, what came and was not expected; each by time. */
export interface Outcome {
  readonly met: number;
  readonly missing: readonly Expected[];
  readonly unexpected: readonly (Expected & Pick<Transition, 'values' | 'reason'>)[];
}

/** Runs a scenario through the engines of its machines. Pure. */
export function play(scenario: Scenario): Outcome {
  const told = transitionsOf(scenario);
  const wanted = new Set(scenario.expected.map(({ state }) => state));
  const open = told.filter(({ state }) => wanted.has(state) || !UNPUBLISHED.includes(state));
  const missing: Expected[] = [];
  for (const expected of scenario.expected) {
    const found = nearest(expected, open, scenario);
    if (found === undefined) missing.push(expected);
    else open.splice(open.indexOf(found), 1);
  }
  const unexpected = open.map(({ t, machine, rule, state, values, reason }) => ({
    ...{ at: t - scenario.start, machine, rule, state, values },
    ...(reason === undefined ? {} : { reason }),
  }));
  return { met: scenario.expected.length - missing.length, missing, unexpected };
}

function nearest(
  expected: Expected,
  told: readonly Transition[],
  { start, tolerance }: Scenario,
): Transition | undefined {
  const distance = ({ t }: Transition) => Math.abs(t - start - expected.at);
  return told
    .filter(({ rule, machine, state }) => {
      return rule === expected.rule && machine === expected.machine && state === expected.state;
    })
    .filter((one) => distance(one) <= tolerance)
    .sort((a, b) => distance(a) - distance(b))[0];
}

function transitionsOf({ rules, start, until, machines, acknowledge }: Scenario): Transition[] {
  const engines = machines.map(({ id, labels }) => new RuleEngine({ machine: id, labels, rules }));
  const steps = [
    ...machines.flatMap(({ id, series }) =>
      [...series].flatMap(([signal, inputs]) =>
        inputs.map(({ t, v }) => ({ at: t, machine: id, observed: { signal, v } })),
      ),
    ),
    ...acknowledge.map(({ at, machine, rule }) => ({ at, machine, acknowledged: rule })),
  ];
  const moments = Map.groupBy(steps, ({ at }) => at);
  for (const at of [...moments.keys()].sort((a, b) => a - b)) {
    if (at > until) break;
    const t = start + at;
    for (const step of moments.get(at) ?? []) {
      for (const engine of engines) {
        if ('observed' in step) {
          const { signal, v } = step.observed;
          const observation = { signal, t, ns: 0, v, q: v === null ? 'bad' : 'good' } as const;
          if (engine.machine === step.machine) engine.observe(observation);
          else observeOther(engine, step.machine, observation);
        } else if (engine.machine === step.machine) {
          engine.acknowledge(step.acknowledged, t, 'test');
        }
      }
    }
    for (const engine of engines) engine.advance(t);
  }
  for (const engine of engines) engine.advance(start + until);
  return engines.flatMap((engine) => engine.take()).sort((a, b) => a.t - b.t);
}

/** Another machine's observation comes at the time that it is, also where the machine itself says nothing. */
function observeOther(engine: RuleEngine, machine: string, observation: Observation): void {
  if (!engine.foreign.some((one) => one.machine === machine && one.signal === observation.signal)) return;
  engine.advance(observation.t);
  engine.observeOther(machine, observation);
}
