import { type CallTree, ExpressionError, type NameTree, type Tree } from './parse.ts';

/** A signal that a condition names: one of the machine that the rule is for, or of another. */
export interface SignalRef {
  readonly machine?: string;
  readonly signal: string;
}

/** Functions over the values of a signal in the time before now. */
export const WINDOWS = [
  ...['avg', 'min', 'max', 'stddev', 'count', 'zscore', 'rate', 'trend', 'changes', 'ewma'],
  ...['percentile', 'time_in'],
] as const;
export type WindowName = (typeof WINDOWS)[number];

const FUNCTIONS = [...WINDOWS, 'signal', 'age', 'quality', 'anomaly', 'held', 'bit'] as const;

/** What a name or a function call of a condition means. */
export type Term =
  | { readonly kind: 'signal' | 'age' | 'quality'; readonly signal: SignalRef }
  | {
      readonly kind: 'window';
      readonly name: WindowName;
      readonly signal: SignalRef;
      /** Milliseconds. */
      readonly window: number;
      /** The percentage of `percentile`, the value of `time_in`. */
      readonly argument?: number | string | boolean;
    }
  /** The score of the whole machine where there is no signal. */
  | { readonly kind: 'anomaly'; readonly signal?: SignalRef }
  /** Seconds for which a condition has been true. */
  | { readonly kind: 'held'; readonly condition: Tree }
  | { readonly kind: 'bit'; readonly word: Tree; readonly place: Tree };

/** A name that means nothing here, and those that would. */
export class UnknownName extends ExpressionError {
  readonly word: string;
  readonly candidates: readonly string[];

  constructor(message: string, column: number, word: string, candidates: readonly string[]) {
    super(message, column);
    this.name = 'UnknownName';
    this.word = word;
    this.candidates = candidates;
  }
}

/** The shortest window: its sixtieth part is one millisecond. */
const MIN_WINDOW_SECONDS = 0.06;
const MAX_WINDOW_SECONDS = 7 * 86_400;

/** @throws ExpressionError for what the language does not have */
export function termOf(tree: NameTree | CallTree): Term {
  if (tree.kind === 'name') return { kind: 'signal', signal: { signal: tree.name } };
  const { name, args, at } = tree;
  const wrong = (example: string) => new ExpressionError(`expected ${example}`, at + 1);
  const [first, second] = args;
  switch (name) {
    case 'signal':
      return { kind: 'signal', signal: signalOf(tree) };
    case 'age':
    case 'quality':
      if (first === undefined || args.length > 1) throw wrong(`a signal: ${name}(rpm)`);
      return { kind: name, signal: signalOf(first) };
    case 'anomaly':
      if (first === undefined || args.length > 1) throw wrong('a signal or the word machine: anomaly(machine)');
      return first.kind === 'name' && first.name === 'machine'
        ? { kind: 'anomaly' }
        : { kind: 'anomaly', signal: signalOf(first) };
    case 'held':
      if (first === undefined || args.length > 1) throw wrong("a condition: held(state == 'stopped')");
      return { kind: 'held', condition: first };
    case 'bit':
      if (first === undefined || second === undefined || args.length > 2) {
        throw wrong('a word and the number of its bit: bit(status, 3)');
      }
      return { kind: 'bit', word: first, place: second };
    default: {
      const known = WINDOWS.find((window) => window === name);
      if (known !== undefined) return windowOf(known, tree);
      throw new UnknownName(`there is no function ${name}`, at + 1, name, FUNCTIONS);
    }
  }
}

function windowOf(name: WindowName, { args, at }: CallTree): Term {
  const [first, ...rest] = args;
  const [last, ...between] = rest.toReversed();
  if (first === undefined || last === undefined) throw new ExpressionError(`expected ${EXAMPLES[name]}`, at + 1);
  if (last.kind !== 'literal' || !last.isDuration || typeof last.value !== 'number') {
    throw new ExpressionError(`expected a duration such as 5m: ${EXAMPLES[name]}`, last.at + 1);
  }
  if (last.value < MIN_WINDOW_SECONDS || last.value > MAX_WINDOW_SECONDS) {
    throw new ExpressionError('expected a window from 60ms to 7d', last.at + 1);
  }
  const common = { kind: 'window', name, signal: signalOf(first), window: Math.round(last.value * 1000) } as const;
  if (name !== 'percentile' && name !== 'time_in') {
    if (between.length > 0) throw new ExpressionError(`expected ${EXAMPLES[name]}`, at + 1);
    return common;
  }
  const [argument, ...more] = between;
  const value = argument?.kind === 'literal' && !argument.isDuration ? argument.value : null;
  const isRight =
    name === 'percentile' ? typeof value === 'number' && value > 0 && value < 100 : value !== null && more.length === 0;
  if (!isRight || value === null) throw new ExpressionError(`expected ${EXAMPLES[name]}`, (argument?.at ?? at) + 1);
  return { ...common, argument: value };
}

const EXAMPLES: Readonly<Record<WindowName, string>> = {
  ...(Object.fromEntries(WINDOWS.map((name) => [name, `a signal and a duration: ${name}(rpm, 5m)`])) as Record<
    WindowName,
    string
  >),
  percentile: 'a signal, a percentage between 0 and 100, and a duration: percentile(rpm, 95, 5m)',
  time_in: "a signal, a value, and a duration: time_in(state, 'running', 5m)",
};

/** A name, `signal('odd name')` or `signal('press-2', 'state')`. */
function signalOf(tree: Tree): SignalRef {
  if (tree.kind === 'name') return { signal: tree.name };
  const wrong = () =>
    new ExpressionError("expected a signal: rpm, signal('odd name') or signal('press-2', 'state')", tree.at + 1);
  if (tree.kind !== 'call' || tree.name !== 'signal') throw wrong();
  const names = tree.args.map((arg) => (arg.kind === 'literal' && typeof arg.value === 'string' ? arg.value : ''));
  const [first, second] = names;
  if (first === undefined || names.length > 2 || names.includes('')) throw wrong();
  return second === undefined ? { signal: first } : { machine: first, signal: second };
}
