import { parts, withoutDuration } from './duration.ts';
import { type CallTree, type NameTree, parse, type Tree } from './parse.ts';
import { type SignalRef, type Term, termOf } from './terms.ts';
import { ANY, checkTypes } from './types.ts';

/** A rule's condition, before it is known which machine it is for. */
export interface Condition {
  readonly text: string;
  /** With `held(…)` in the place of the word `duration`. */
  readonly tree: Tree;
}

/**
 * Reads a condition such as `avg(rpm, 5m) > 5000 and not door == 'OPEN'`: what docs/rules.md describes. What is wrong
 * whatever the machines have is told here; `checkTypes` tells the rest.
 * @throws ExpressionError
 */
export function parseCondition(text: string): Condition {
  const tree = withoutDuration(parse(text));
  const [error] = checkTypes(tree, () => ANY);
  if (error !== undefined) throw error;
  return { text, tree };
}

/** A part of a condition that stands for a value. */
export interface Leaf {
  readonly term: Exclude<Term, { kind: 'bit' }>;
  readonly tree: NameTree | CallTree;
  readonly text: string;
}

/** What a condition reads, and for how long parts of it have held: each once, in the order of the text. */
export function leavesOf({ text, tree }: Condition): Leaf[] {
  const leaves = new Map<string, Leaf>();
  const visit = (part: Tree): void => {
    const isLeaf = part.kind === 'name' || part.kind === 'call';
    const term = isLeaf ? termOf(part) : undefined;
    if (term === undefined || term.kind === 'bit' || term.kind === 'held')
      for (const inner of parts(part)) visit(inner);
    if (!isLeaf || term === undefined || term.kind === 'bit') return;
    const words = text.slice(part.at, part.end);
    if (!leaves.has(words)) leaves.set(words, { term, tree: part, text: words });
  };
  visit(tree);
  return [...leaves.values()];
}

/** The signals that a condition reads; one may come several times. */
export function signalsOf(condition: Condition): SignalRef[] {
  return leavesOf(condition).flatMap(({ term }) =>
    term.kind === 'held' || term.signal === undefined ? [] : [term.signal],
  );
}
