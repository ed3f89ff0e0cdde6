import { parseCondition } from '../../../src/expression/condition.ts';
import type { Observation, Quality, Value } from '../../../src/observation.ts';
import { RuleEngine, type RuleEngineOptions } from '../../../src/pipeline/rules/engine.ts';
import type { Rule, Transition } from '../../../src/pipeline/rules/rule.ts';

/** A rule for every machine that fires at once, changed as said. */
export function rule(
  condition: string,
  more: Partial<Omit<Rule, 'condition' | 'clear'>> & { clear?: string } = {},
): Rule {
  const { clear, ...rest } = more;
  return {
    ...{ name: 'r', machines: ['*'], labels: {}, for: 0, severity: 'warning' },
    ...{ latch: false, quietHours: [], shadow: false },
    ...rest,
    condition: parseCondition(condition),
    ...(clear === undefined ? {} : { clear: parseCondition(clear) }),
  };
}

/** `seconds`: event time since the epoch. */
export function observation(signal: string, seconds: number, v: Value, q: Quality = 'good'): Observation {
  return { signal, t: Math.round(seconds * 1000), ns: 0, v, q };
}

/** An engine of the machine `m` that is driven by hand. */
export class Bench {
  readonly engine: RuleEngine;

  constructor(rules: readonly Rule[], options: Partial<RuleEngineOptions> = {}) {
    this.engine = new RuleEngine({ machine: 'm', labels: {}, rules, ...options });
  }

  /** A signal takes these values, each at its second. */
  feed(signal: string, ...values: readonly (readonly [seconds: number, v: Value, q?: Quality])[]): this {
    for (const [seconds, v, q] of values) this.engine.observe(observation(signal, seconds, v, q));
    return this;
  }

  until(seconds: number): this {
    this.engine.advance(seconds * 1000);
    return this;
  }

  /** `state@second` of the transitions since the last call, in order. */
  told(): string[] {
    return this.engine.take().map(text);
  }
}

function text({ state, t, flapping, quiet, repeat }: Transition): string {
  const marks = [flapping && 'flapping', quiet && 'quiet', repeat && `repeat ${repeat}`].filter(Boolean);
  return [`${state}@${t / 1000}`, ...marks].join(' ');
}
