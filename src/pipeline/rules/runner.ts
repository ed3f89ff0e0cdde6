import { messageOf } from '../../errors.ts';
import { truth } from '../../expression/compile.ts';
import type { Value } from '../../observation.ts';
import type { EventClock } from './clock.ts';
import { type Compiled, compileCondition, type Surroundings } from './compile.ts';
import { alertIn, Life, type Step } from './life.ts';
import type { OpenAlert, Rule, Severity, Transition, TransitionState } from './rule.ts';
import type { Slot } from './slot.ts';

/** One rule at one machine. */
export class RuleRunner {
  readonly rule: Rule;
  /** When to look at it again if nothing is observed. */
  wake = Number.NEGATIVE_INFINITY;
  readonly #machine: string;
  readonly #condition: Compiled;
  readonly #clear: Compiled | undefined;
  readonly #life: Life;
  readonly #emit: (transition: Transition) => void;
  /** Of the evaluation that is under way. */
  #clock: EventClock = { now: 0, until: 0, start: 0 };
  #isDisabled = false;

  constructor(machine: string, rule: Rule, surroundings: Surroundings, emit: (transition: Transition) => void) {
    this.rule = rule;
    this.#machine = machine;
    this.#emit = emit;
    this.#condition = compileCondition(rule.condition, surroundings);
    this.#clear = rule.clear === undefined ? undefined : compileCondition(rule.clear, surroundings);
    this.#life = new Life(rule, (state, step) => this.#tell(state, step));
  }

  /** The length of the longest window, ms. */
  get history(): number {
    return Math.max(this.#condition.history, this.#clear?.history ?? 0);
  }

  /** Slots whose every observation matters, and those of which only another value does. */
  get inputs(): { readonly observed: ReadonlySet<Slot>; readonly read: ReadonlySet<Slot> } {
    const both = this.#clear === undefined ? [this.#condition] : [this.#condition, this.#clear];
    const observed = new Set(both.flatMap((condition) => [...condition.observed]));
    const read = both.flatMap((condition) => [...condition.read]).filter((slot) => !observed.has(slot));
    return { observed, read: new Set(read) };
  }

  /** Looks at the condition now. A rule that fails is disabled and tells so; it never throws. */
  evaluate(clock: EventClock): void {
    if (this.#isDisabled) return;
    this.#clock = clock;
    try {
      const is = look(this.#condition, clock);
      const isOver = this.#clear === undefined ? is === false : look(this.#clear, clock) === true && is !== true;
      this.#life.step(is, isOver, clock);
      // A moment is looked at once: what would be due again at once is due a millisecond later.
      this.wake = Math.max(clock.now + 1, this.#due(clock));
    } catch (error) {
      this.#isDisabled = true;
      this.wake = Number.POSITIVE_INFINITY;
      this.#emit(this.#transition('disabled', { reason: messageOf(error) }, {}));
    }
  }

  /** See `Life.acknowledge`. */
  acknowledge(clock: EventClock, by: string): boolean {
    this.#clock = clock;
    return this.#life.acknowledge(clock.now, by);
  }

  /** The alert that is on; undefined when there is none. */
  open(): OpenAlert | undefined {
    const { name: rule, severity, summary, shadow } = this.rule;
    const life = this.#life;
    if (!life.isOpen) return undefined;
    return {
      ...{ id: this.#idOf(life.ordinal), machine: this.#machine, rule, severity, shadow, since: life.since },
      ...{ state: life.isLatched ? 'latched' : 'firing', acknowledged: life.isAcknowledged },
      ...(summary === undefined ? {} : { summary }),
    };
  }

  snapshot(): Value {
    return {
      words: this.#words(),
      severity: this.rule.severity,
      shadow: this.rule.shadow,
      wake: Number.isFinite(this.wake) ? this.wake : null,
      life: this.#life.snapshot(),
      held: this.#helds().map((held) => held.snapshot()),
    };
  }

  /** Takes up a life that was kept. Of a rule that says something else now it is not: what was on is told to be over. */
  restore(snapshot: Value, clock: EventClock): void {
    const { words, wake, life, held } = snapshot as unknown as Kept;
    if (words !== this.#words()) {
      const end = endOfKept(this.#machine, this.rule.name, snapshot, clock.now, 'the rule was changed');
      if (end !== undefined) this.#emit(end);
      return;
    }
    this.#life.restore(life);
    this.wake = wake ?? Number.POSITIVE_INFINITY;
    for (const [i, one] of this.#helds().entries()) one.restore(held[i] ?? null);
  }

  #helds() {
    return [...this.#condition.helds, ...(this.#clear?.helds ?? [])];
  }

  /** What a kept life belongs to: a rule that reads otherwise is another one. */
  #words(): string {
    return JSON.stringify([this.rule.condition.text, this.rule.clear?.text ?? null]);
  }

  #due(clock: EventClock): number {
    let next = this.#life.wake(clock);
    for (const timed of this.#condition.timed) next = Math.min(next, timed.wake(clock));
    for (const timed of this.#clear?.timed ?? []) next = Math.min(next, timed.wake(clock));
    return next;
  }

  #idOf(ordinal: string): string {
    return `${this.rule.name}:${this.#machine}:${ordinal}`;
  }

  #tell(state: TransitionState, step: Step): void {
    this.#emit(this.#transition(state, step, this.#values()));
  }

  #values(): Record<string, Value> {
    return Object.fromEntries(this.#condition.leaves.map(({ text, evaluate }) => [text, evaluate(this.#clock)]));
  }

  #transition(state: TransitionState, step: Step, values: Record<string, Value>): Transition {
    const { name: rule, severity, summary, shadow } = this.rule;
    const [machine, life] = [this.#machine, this.#life];
    const { now } = this.#clock;
    // A rule may fail with no alert that this could be a step of.
    const own = state !== 'disabled' || life.isOpen;
    return {
      ...{ rule, machine, id: this.#idOf(own ? life.ordinal : `${now}`), state, t: now },
      ...{ since: own ? life.since : now, severity, values },
      ...(summary === undefined ? {} : { summary }),
      ...(shadow ? { shadow } : {}),
      ...(life.isFlapping ? { flapping: true } : {}),
      ...step,
    };
  }
}

interface Kept {
  readonly words: string;
  readonly severity: Severity;
  readonly shadow: boolean;
  readonly wake: number | null;
  readonly life: Value;
  readonly held: readonly Value[];
}

/** The end of an alert whose rule is no more, from what was kept of it; undefined where there was none. */
export function endOfKept(
  machine: string,
  rule: string,
  snapshot: Value,
  t: number,
  reason: string,
): Transition | undefined {
  const { life, severity, shadow } = snapshot as unknown as Kept;
  const { isOpen, ordinal, since } = alertIn(life);
  if (!isOpen) return undefined;
  const common = { rule, machine, id: `${rule}:${machine}:${ordinal}`, state: 'resolved', t, since, severity } as const;
  return { ...common, values: {}, reason, ...(shadow ? { shadow } : {}) };
}

function look({ helds, evaluate }: Compiled, clock: EventClock): boolean | null {
  for (const held of helds) held.update(clock);
  return truth(evaluate(clock));
}
