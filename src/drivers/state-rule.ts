import { z } from 'zod';
import { isSame } from '../expression/compile.ts';
import { parseExpression } from '../expression/expression.ts';
import { ExpressionError } from '../expression/parse.ts';
import type { Observation, Value } from '../observation.ts';

/** The canonical states of a machine. */
export const STATES = ['running', 'idle', 'stopped'] as const;
export type MachineState = (typeof STATES)[number];

const values = z.union([
  z.union([z.string(), z.number(), z.boolean()]).transform((value) => [value]),
  z.array(z.union([z.string(), z.number(), z.boolean()])).min(1),
]);

const table = z
  .strictObject({
    from: z.string().min(1).describe('Signal whose value decides'),
    running: values.optional(),
    idle: values.optional(),
    stopped: values.optional(),
    otherwise: z.enum(STATES).optional().describe('For every other value; left out: unknown'),
  })
  .transform((rule) => ({ kind: 'table', ...rule }) as const);

const expression = z
  .string()
  .min(1)
  .transform((text, context) => {
    try {
      return { kind: 'expression', expression: parseExpression(text) } as const;
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      const message = `at character ${error.column}: ${error.message}`;
      context.addIssue({ code: 'custom', message, params: { character: error.column } });
      return z.NEVER;
    }
  });

/**
 * A driver's `state` key: how `state` follows from the machine's other signals. Text is an expression that gives
 * `running`, `idle` or `stopped`, e.g. `alarm != 0 ? 'stopped' : spindle_on ? 'running' : 'idle'`; a mapping is a table over
 * one signal: `{ from: mode, running: [2, 3], idle: 0, otherwise: stopped }`.
 */
export const stateRule = () => z.union([expression, table]).meta({ title: 'expression or table' });

export type StateRule = z.output<ReturnType<typeof stateRule>>;

/** The signals that a rule reads. */
export function stateInputs(rule: StateRule): readonly string[] {
  return rule.kind === 'table' ? [rule.from] : rule.expression.names;
}

/** Follows a machine's signals and derives `state` from them. One instance for a connection: the first is always told. */
export class StateFromRule {
  readonly #evaluate: (scope: (name: string) => Value | undefined) => Value;
  readonly #inputs: ReadonlySet<string>;
  readonly #known = new Map<string, Value>();
  /** Undefined until the first was told. */
  #told: Value | undefined;

  constructor(rule: StateRule) {
    this.#evaluate = rule.kind === 'expression' ? rule.expression.evaluate : lookUp(rule);
    this.#inputs = new Set(stateInputs(rule));
  }

  /**
   * The `state` that follows from a reading's observations, wherever it changes: stamped like the observation that
   * changed it. What came at one moment counts as one. Unknown is null of quality bad.
   */
  derive(observations: readonly Observation[]): Observation[] {
    const states: Observation[] = [];
    for (const [i, { signal, v, q, t, ns }] of observations.entries()) {
      if (!this.#inputs.has(signal)) continue;
      this.#known.set(signal, q === 'bad' ? null : v);
      if (this.#isSameMoment(observations, i)) continue;
      const result = this.#evaluate((name) => this.#known.get(name));
      const state = STATES.find((name) => name === result) ?? null;
      if (state === this.#told) continue;
      this.#told = state;
      states.push({ signal: 'state', t, ns, v: state, q: state === null ? 'bad' : 'good' });
    }
    return states;
  }

  /** Whether another input of the same moment follows. */
  #isSameMoment(observations: readonly Observation[], i: number): boolean {
    const current = observations[i];
    for (let next = i + 1; next < observations.length; next++) {
      const later = observations[next];
      if (later?.t !== current?.t || later?.ns !== current?.ns) return false;
      if (later !== undefined && this.#inputs.has(later.signal)) return true;
    }
    return false;
  }
}

function lookUp(rule: Extract<StateRule, { kind: 'table' }>) {
  return (scope: (name: string) => Value | undefined): Value => {
    const value = scope(rule.from) ?? null;
    if (value === null) return null;
    return STATES.find((state) => rule[state]?.some((listed) => isSame(value, listed))) ?? rule.otherwise ?? null;
  };
}
