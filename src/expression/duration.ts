import { type CallTree, ExpressionError, type Tree } from './parse.ts';

/**
 * Puts `held(…)` in the place of the word `duration`: how long the other terms of its AND have held. Thus
 * `state == 'stopped' and duration > 600` becomes `state == 'stopped' and held(state == 'stopped') > 600`.
 * @throws ExpressionError where there is nothing that could last
 */
export function withoutDuration(tree: Tree): Tree {
  if (tree.kind === 'name' && tree.name === 'duration') {
    const message = "duration needs something that lasts beside it: state == 'stopped' and duration > 600";
    throw new ExpressionError(message, tree.at + 1);
  }
  if (tree.kind !== 'binary' || tree.operator !== '&&') return mapped(tree, withoutDuration);
  const terms = conjuncts(tree);
  const lasting = terms.filter((term) => !comparesDuration(term)).map(withoutDuration);
  const [first, ...more] = lasting;
  if (first === undefined || lasting.length === terms.length) return mapped(tree, withoutDuration);
  const rest = more.reduce((left, right) => and(left, right), first);
  const held: CallTree = { kind: 'call', name: 'held', args: [rest], at: rest.at, end: rest.end };
  return terms.map((term) => (comparesDuration(term) ? filled(term, held) : withoutDuration(term))).reduce(and);
}

function and(left: Tree, right: Tree): Tree {
  return { kind: 'binary', operator: '&&', left, right, at: left.at, end: right.end };
}

/** The terms of an AND of any number. */
function conjuncts(tree: Tree): Tree[] {
  return tree.kind === 'binary' && tree.operator === '&&'
    ? [...conjuncts(tree.left), ...conjuncts(tree.right)]
    : [tree];
}

/** Whether the word stands in it, other than inside of an AND or OR of its own. */
function comparesDuration(tree: Tree): boolean {
  if (tree.kind === 'name') return tree.name === 'duration';
  if (tree.kind === 'binary' && (tree.operator === '&&' || tree.operator === '||')) return false;
  return parts(tree).some(comparesDuration);
}

function filled(tree: Tree, held: Tree): Tree {
  if (tree.kind === 'name') return tree.name === 'duration' ? { ...held, at: tree.at, end: tree.end } : tree;
  return mapped(tree, (part) => filled(part, held));
}

/** What a tree is directly made of, in the order of the text. */
export function parts(tree: Tree): readonly Tree[] {
  switch (tree.kind) {
    case 'literal':
    case 'name':
      return [];
    case 'unary':
      return [tree.operand];
    case 'binary':
      return [tree.left, tree.right];
    case 'choice':
      return [tree.test, tree.yes, tree.no];
    case 'member':
      return [tree.one, ...tree.items];
    case 'call':
      return tree.args;
  }
}

function mapped(tree: Tree, change: (part: Tree) => Tree): Tree {
  switch (tree.kind) {
    case 'literal':
    case 'name':
      return tree;
    case 'unary':
      return { ...tree, operand: change(tree.operand) };
    case 'binary':
      return { ...tree, left: change(tree.left), right: change(tree.right) };
    case 'choice':
      return { ...tree, test: change(tree.test), yes: change(tree.yes), no: change(tree.no) };
    case 'member':
      return { ...tree, one: change(tree.one), items: tree.items.map(change) };
    case 'call':
      return { ...tree, args: tree.args.map(change) };
  }
}
