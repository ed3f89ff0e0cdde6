import { bit, compile, type Evaluate, type Vocabulary } from '../../expression/compile.ts';
import { type Condition, leavesOf } from '../../expression/condition.ts';
import { parts } from '../../expression/duration.ts';
import type { CallTree, NameTree, Tree } from '../../expression/parse.ts';
import { type SignalRef, type Term, termOf } from '../../expression/terms.ts';
import type { Value } from '../../observation.ts';
import type { Moments } from '../statistics/moments.ts';
import type { EventClock, Timed } from './clock.ts';
import { Held } from './held.ts';
import type { Slot } from './slot.ts';
import { wakeAt } from './wake.ts';

/** What conditions are compiled against. */
export interface Surroundings {
  slotOf(signal: SignalRef): Slot;
  /** How unusual a signal is, or the whole machine; undefined where that is not known. */
  score(signal: SignalRef | undefined): number | undefined;
}

/** A condition of one machine: closures over the slots of its signals. */
export interface Compiled {
  readonly evaluate: Evaluate<EventClock>;
  /** What it reads, by the words for it. */
  readonly leaves: readonly { readonly text: string; readonly evaluate: Evaluate<EventClock> }[];
  /** Slots whose every observation matters. */
  readonly observed: ReadonlySet<Slot>;
  /** Slots of which only another value matters. */
  readonly read: ReadonlySet<Slot>;
  /** To be updated before the condition is evaluated, in this order. */
  readonly helds: readonly Held[];
  readonly timed: readonly Timed[];
  /** The length of the longest window, ms. */
  readonly history: number;
}

/** Something that changes by nobody's observation is looked at this often. */
const SCORE_EVERY_MS = 1000;

export function compileCondition(condition: Condition, surroundings: Surroundings): Compiled {
  const words = new Words(condition.tree, surroundings);
  const evaluate = compile(condition.tree, words);
  const { observed, read, helds, timed, history } = words;
  const leaves = leavesOf(condition).map(({ text, tree }) => ({ text, evaluate: compile(tree, words) }));
  return { evaluate, leaves, observed, read, helds, timed, history };
}

/** What has no conditions inside. */
type Plain = Exclude<Term, { kind: 'held' | 'bit' }>;

class Words implements Vocabulary<EventClock> {
  readonly observed = new Set<Slot>();
  readonly read = new Set<Slot>();
  readonly helds: Held[] = [];
  readonly timed: Timed[] = [];
  history = 0;
  readonly #surroundings: Surroundings;
  readonly #called = new Map<CallTree, Evaluate<EventClock>>();
  readonly #made = new Map<string, Evaluate<EventClock>>();
  /** The numbers that calls are directly compared with. */
  readonly #limits: ReadonlyMap<Tree, readonly number[]>;

  constructor(tree: Tree, surroundings: Surroundings) {
    this.#surroundings = surroundings;
    this.#limits = limitsIn(tree);
  }

  name(tree: NameTree): Evaluate<EventClock> {
    return this.#term({ kind: 'signal', signal: { signal: tree.name } });
  }

  call(tree: CallTree): Evaluate<EventClock> {
    const known = this.#called.get(tree);
    if (known !== undefined) return known;
    const evaluate = this.#call(tree, this.#limits.get(tree) ?? []);
    this.#called.set(tree, evaluate);
    return evaluate;
  }

  #call(tree: CallTree, limits: readonly number[]): Evaluate<EventClock> {
    const term = termOf(tree);
    if (term.kind === 'age') this.#wakeByAge(this.#surroundings.slotOf(term.signal), limits);
    if (term.kind === 'bit') return bit(compile(term.word, this), compile(term.place, this));
    if (term.kind !== 'held') return this.#term(term);
    const held = new Held(compile(term.condition, this), limits);
    this.helds.push(held);
    this.timed.push(held);
    return (clock) => held.seconds(clock);
  }

  /** What is written twice is looked at once. */
  #term(term: Plain): Evaluate<EventClock> {
    const key = JSON.stringify(term);
    const evaluate = this.#made.get(key) ?? this.#make(term);
    this.#made.set(key, evaluate);
    return evaluate;
  }

  #make(term: Plain): Evaluate<EventClock> {
    switch (term.kind) {
      case 'signal': {
        const slot = this.#surroundings.slotOf(term.signal);
        this.read.add(slot);
        return () => slot.value;
      }
      case 'quality': {
        const slot = this.#surroundings.slotOf(term.signal);
        this.read.add(slot);
        return () => slot.quality;
      }
      case 'age': {
        const slot = this.#surroundings.slotOf(term.signal);
        this.observed.add(slot);
        return ({ now, start }) => Math.max(0, now - Math.max(slot.usableAt, start)) / 1000;
      }
      case 'anomaly': {
        const { score } = this.#surroundings;
        if (term.signal !== undefined) this.observed.add(this.#surroundings.slotOf(term.signal));
        this.timed.push({ wake: ({ now, until }) => Math.max(now + SCORE_EVERY_MS, until) });
        return () => score(term.signal) ?? null;
      }
      case 'window':
        return this.#window(term);
    }
  }

  #wakeByAge(slot: Slot, limits: readonly number[]): void {
    this.timed.push({ wake: (clock) => wakeAt(Math.max(slot.usableAt, clock.start), limits, clock) });
  }

  #window(term: Extract<Term, { kind: 'window' }>): Evaluate<EventClock> {
    const slot = this.#surroundings.slotOf(term.signal);
    this.observed.add(slot);
    this.history = Math.max(this.history, term.window);
    const { window, evaluate } = look(slot, term);
    this.timed.push({ wake: ({ now }) => window.wake(now) });
    return evaluate;
  }
}

function look(slot: Slot, { name, window: ms, argument }: Extract<Term, { kind: 'window' }>) {
  const by = <Kind extends { wake(now: number): number }>(window: Kind, read: (of: Kind, now: number) => Value) => ({
    window,
    evaluate: ({ now }: EventClock): Value => read(window, now),
  });
  switch (name) {
    case 'avg':
      return by(slot.moments(ms), (window, now) => meanOf(window.moments(now)));
    case 'min':
      return by(slot.moments(ms), (window, now) => extreme(window.moments(now).min));
    case 'max':
      return by(slot.moments(ms), (window, now) => extreme(window.moments(now).max));
    case 'stddev':
      return by(slot.moments(ms), (window, now) => window.moments(now).stddev);
    case 'count':
      return by(slot.count(ms), (window, now) => window.count(now));
    case 'zscore':
      return by(slot.moments(ms), (window, now) => {
        const moments = window.moments(now);
        const { stddev } = moments;
        const isKnown = typeof slot.value === 'number' && stddev !== null && stddev > 0;
        return isKnown ? ((slot.value as number) - moments.mean) / stddev : null;
      });
    case 'rate':
      return by(slot.line(ms), (window, now) => window.rate(now));
    case 'trend':
      return by(slot.line(ms), (window, now) => window.trend(now));
    case 'changes':
      return by(slot.changes(ms), (window, now) => window.changes(now));
    case 'ewma':
      return by(slot.ewma(ms), (window) => window.mean());
    case 'percentile':
      return by(slot.percentile(ms, Number(argument)), (window, now) => window.percentile(now));
    case 'time_in':
      return by(slot.timeIn(ms, argument ?? null), (window, now) => window.seconds(now));
  }
}

function meanOf({ n, mean }: Moments): number | null {
  return n === 0 ? null : mean;
}

/** The least and the most of nothing are infinite. */
function extreme(value: number): number | null {
  return Number.isFinite(value) ? value : null;
}

/** The plain numbers that times are compared with, by the call: their moments are known beforehand. */
function limitsIn(tree: Tree): Map<Tree, number[]> {
  const limits = new Map<Tree, number[]>();
  const visit = (part: Tree): void => {
    if (part.kind === 'binary' && /^[<>]=?$/.test(part.operator)) {
      const sides = [part.left, part.right];
      const call = sides.find(({ kind }) => kind === 'call');
      const limit = sides.find(({ kind }) => kind === 'literal');
      if (call !== undefined && limit?.kind === 'literal' && typeof limit.value === 'number') {
        limits.set(call, [...(limits.get(call) ?? []), limit.value]);
      }
    }
    for (const inner of parts(part)) visit(inner);
  };
  visit(tree);
  return limits;
}
