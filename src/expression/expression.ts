import type { Value } from '../observation.ts';
import { bit, compile, type Evaluate, type Vocabulary } from './compile.ts';
import { type CallTree, ExpressionError, parse, type Tree } from './parse.ts';

/** What a signal holds now; undefined and null are unknown. */
export type Scope = (name: string) => Value | undefined;

/** A compiled expression over the signals of one machine. Pure: it may be evaluated any number of times. */
export interface Expression {
  readonly text: string;
  /** Names of the signals that it reads, each once, in the order of the text. */
  readonly names: readonly string[];
  /** What it says for what the signals hold; see `compile` for unknown values. */
  readonly evaluate: Evaluate<Scope>;
}

/**
 * Compiles text such as `alarm != 0 ? 'stopped' : rpm > 0 and door == 'CLOSED' ? 'running' : 'idle'`: the language of
 * `parse`, with names of signals (`signal('odd name')` for those that are no word) and `bit(word, n)`. Compiled to
 * closures, never evaluated as JavaScript.
 * @throws ExpressionError
 */
export function parseExpression(text: string): Expression {
  const tree = parse(text);
  const names = new Set<string>();
  const evaluate = compile(tree, signalsOnly(names));
  return { text, names: [...names], evaluate };
}

function signalsOnly(names: Set<string>): Vocabulary<Scope> {
  const signal = (name: string): Evaluate<Scope> => {
    names.add(name);
    return (scope) => scope(name) ?? null;
  };
  const words: Vocabulary<Scope> = {
    name: ({ name }) => signal(name),
    call: (tree) => (tree.name === 'signal' ? signal(nameIn(tree)) : bitOf(tree, (part) => compile(part, words))),
  };
  return words;
}

/** The text in `signal('text')`. */
function nameIn({ args: [first, ...more], at }: CallTree): string {
  if (first?.kind === 'literal' && typeof first.value === 'string' && more.length === 0) return first.value;
  throw new ExpressionError("expected one name in quotes: signal('name')", at + 1);
}

function bitOf(tree: CallTree, sub: (part: Tree) => Evaluate<Scope>): Evaluate<Scope> {
  const { name, args, at } = tree;
  if (name !== 'bit') throw new ExpressionError(`there is no function ${name}: expected signal or bit`, at + 1);
  const [word, place] = args;
  if (word === undefined || place === undefined || args.length > 2) {
    throw new ExpressionError('expected a word and the number of its bit: bit(status, 3)', at + 1);
  }
  return bit(sub(word), sub(place));
}
