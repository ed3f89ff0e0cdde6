import type { Value } from '../observation.ts';
import type { BinaryOperator, CallTree, NameTree, Tree } from './parse.ts';

/** An expression as a closure over whatever its names are looked up in. */
export type Evaluate<Scope> = (scope: Scope) => Value;

/** What names and functions mean. Both throw ExpressionError for what there is not. */
export interface Vocabulary<Scope> {
  name(tree: NameTree): Evaluate<Scope>;
  call(tree: CallTree): Evaluate<Scope>;
}

type Binary = (left: Value, right: Value) => Value;

const number = (operate: (left: number, right: number) => number): Binary => {
  return (left, right) => {
    if (typeof left !== 'number' || typeof right !== 'number') return null;
    const result = operate(left, right);
    return Number.isFinite(result) ? result : null;
  };
};

const order = (compare: (left: number | string, right: number | string) => boolean): Binary => {
  return (left, right) => {
    const comparable = (typeof left === 'number' || typeof left === 'string') && typeof left === typeof right;
    return comparable ? compare(left, right as typeof left) : null;
  };
};

/** Equality in which a coil is 1 or 0, as a PLC has it. */
export function isSame(left: Value, right: Value): boolean {
  if (typeof left === 'boolean' && typeof right === 'number') return Number(left) === right;
  if (typeof left === 'number' && typeof right === 'boolean') return left === Number(right);
  return left === right;
}

const equal: Binary = isSame;
const unequal: Binary = (left, right) => !isSame(left, right);

/** What has an unknown on either side is unknown, and so is what makes no sense: a comparison of number and text, 1 / 0. */
const BINARY: Readonly<Record<Exclude<BinaryOperator, '&&' | '||'>, Binary>> = {
  '==': equal,
  '===': equal,
  '!=': unequal,
  '!==': unequal,
  '<': order((left, right) => left < right),
  '<=': order((left, right) => left <= right),
  '>': order((left, right) => left > right),
  '>=': order((left, right) => left >= right),
  '+': number((left, right) => left + right),
  '-': number((left, right) => left - right),
  '*': number((left, right) => left * right),
  '/': number((left, right) => left / right),
  '%': number((left, right) => left % right),
  '&': number((left, right) => Number(BigInt(Math.trunc(left)) & BigInt(Math.trunc(right)))),
};

/** Truth of a value: numbers as in a PLC (0 is false); text has none. */
export function truth(value: Value): boolean | null {
  if (typeof value === 'boolean') return value;
  return typeof value === 'number' ? value !== 0 : null;
}

/**
 * Turns a tree into closures. Unknown values follow the three-valued logic of SQL: `false and unknown` is false, `true or
 * unknown` is true, whatever else an unknown is part of is unknown (`null`).
 * @throws ExpressionError for what the vocabulary does not have
 */
export function compile<Scope>(tree: Tree, words: Vocabulary<Scope>): Evaluate<Scope> {
  const sub = (part: Tree) => compile(part, words);
  switch (tree.kind) {
    case 'literal':
      return () => tree.value;
    case 'name':
      return words.name(tree);
    case 'call':
      return words.call(tree);
    case 'unary':
      return tree.operator === '!' ? not(sub(tree.operand)) : negative(sub(tree.operand));
    case 'binary':
      return binary(tree.operator, sub(tree.left), sub(tree.right));
    case 'choice':
      return choice(sub(tree.test), sub(tree.yes), sub(tree.no));
    case 'member':
      return member(sub(tree.one), tree.items.map(sub));
  }
}

function not<Scope>(operand: Evaluate<Scope>): Evaluate<Scope> {
  return (scope) => {
    const is = truth(operand(scope));
    return is === null ? null : !is;
  };
}

function negative<Scope>(operand: Evaluate<Scope>): Evaluate<Scope> {
  return (scope) => {
    const value = operand(scope);
    return typeof value === 'number' ? -value : null;
  };
}

function binary<Scope>(operator: BinaryOperator, left: Evaluate<Scope>, right: Evaluate<Scope>): Evaluate<Scope> {
  if (operator === '&&' || operator === '||') return logic(operator === '||', left, right);
  const operate = BINARY[operator];
  return (scope) => {
    const a = left(scope);
    if (a === null) return null;
    const b = right(scope);
    return b === null ? null : operate(a, b);
  };
}

/** And, or: either side decides when it is `decisive`. */
function logic<Scope>(decisive: boolean, left: Evaluate<Scope>, right: Evaluate<Scope>): Evaluate<Scope> {
  return (scope) => {
    const first = truth(left(scope));
    if (first === decisive) return decisive;
    const second = truth(right(scope));
    if (second === decisive) return decisive;
    return first === null || second === null ? null : !decisive;
  };
}

function choice<Scope>(test: Evaluate<Scope>, yes: Evaluate<Scope>, no: Evaluate<Scope>): Evaluate<Scope> {
  return (scope) => {
    const is = truth(test(scope));
    return is === null ? null : is ? yes(scope) : no(scope);
  };
}

function member<Scope>(one: Evaluate<Scope>, items: readonly Evaluate<Scope>[]): Evaluate<Scope> {
  return (scope) => {
    const value = one(scope);
    return value === null ? null : items.some((item) => isSame(value, item(scope)));
  };
}

/** Whether bit `n` of a word is set, counted from the lowest. */
export function bit<Scope>(word: Evaluate<Scope>, place: Evaluate<Scope>): Evaluate<Scope> {
  return (scope) => {
    const [value, n] = [word(scope), place(scope)];
    if (!Number.isInteger(value) || !Number.isInteger(n) || Number(n) < 0) return null;
    return ((BigInt(value as number) >> BigInt(n as number)) & 1n) === 1n;
  };
}
