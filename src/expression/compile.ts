import type jsep from 'jsep';
import type { CoreExpression } from 'jsep';
import type { Value } from '../observation.ts';

/** What a signal holds now; undefined and null are unknown. */
export type Scope = (name: string) => Value | undefined;

/** An expression as a closure. */
export type Evaluate = (scope: Scope) => Value;

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
const BINARY: Readonly<Record<string, Binary>> = {
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
function truth(value: Value): boolean | null {
  if (typeof value === 'boolean') return value;
  return typeof value === 'number' ? value !== 0 : null;
}

/**
 * Turns a parsed tree into closures and collects the names of the signals that it reads. Unknown values follow the
 * three-valued logic of SQL: `false and unknown` is false, `true or unknown` is true, whatever else an unknown is part of
 * is unknown (`null`).
 * @throws Error for what the language does not have
 */
export function compile(tree: jsep.Expression, names: Set<string>): Evaluate {
  const node = tree as CoreExpression;
  switch (node.type) {
    case 'Literal': {
      const { value } = node;
      if (value instanceof RegExp) throw new Error('there are no regular expressions');
      return () => value;
    }
    case 'Identifier':
      return signal(node.name, names);
    case 'UnaryExpression':
      return unary(node.operator, compile(node.argument, names));
    case 'BinaryExpression': {
      const left = compile(node.left, names);
      return node.operator === 'in'
        ? member(left, list(node.right, names))
        : binary(node.operator, left, compile(node.right, names));
    }
    case 'ConditionalExpression':
      return choice(compile(node.test, names), compile(node.consequent, names), compile(node.alternate, names));
    case 'CallExpression':
      return call(node, names);
    case 'Compound':
      throw new Error('expected one expression: an operator is missing, or there is nothing');
    case 'ArrayExpression':
      throw new Error('a list may only stand behind “in”');
    default:
      throw new Error(`this language has no ${node.type}`);
  }
}

function signal(name: string, names: Set<string>): Evaluate {
  names.add(name);
  return (scope) => scope(name) ?? null;
}

function unary(operator: string, operand: Evaluate): Evaluate {
  switch (operator) {
    case '!':
      return (scope) => {
        const is = truth(operand(scope));
        return is === null ? null : !is;
      };
    case '-':
      return (scope) => {
        const value = operand(scope);
        return typeof value === 'number' ? -value : null;
      };
    default:
      throw new Error(`there is no operator ${operator}`);
  }
}

function binary(operator: string, left: Evaluate, right: Evaluate): Evaluate {
  if (operator === '&&' || operator === '||') return logic(operator === '||', left, right);
  const operate = Object.hasOwn(BINARY, operator) ? BINARY[operator] : undefined;
  if (operate === undefined) throw new Error(`there is no operator ${operator}`);
  return (scope) => {
    const [a, b] = [left(scope), right(scope)];
    return a === null || b === null ? null : operate(a, b);
  };
}

/** And, or: either side decides when it is `decisive`. */
function logic(decisive: boolean, left: Evaluate, right: Evaluate): Evaluate {
  return (scope) => {
    const first = truth(left(scope));
    if (first === decisive) return decisive;
    const second = truth(right(scope));
    if (second === decisive) return decisive;
    return first === null || second === null ? null : !decisive;
  };
}

function choice(test: Evaluate, yes: Evaluate, no: Evaluate): Evaluate {
  return (scope) => {
    const is = truth(test(scope));
    return is === null ? null : is ? yes(scope) : no(scope);
  };
}

function list(tree: jsep.Expression, names: Set<string>): Evaluate[] {
  const node = tree as CoreExpression;
  if (node.type !== 'ArrayExpression') throw new Error('expected a list behind “in”, e.g. mode in [2, 3]');
  return node.elements.flatMap((item) => (item === null ? [] : [compile(item, names)]));
}

function member(one: Evaluate, items: readonly Evaluate[]): Evaluate {
  return (scope) => {
    const value = one(scope);
    return value === null ? null : items.some((item) => isSame(value, item(scope)));
  };
}

function call({ callee, arguments: args }: jsep.CallExpression, names: Set<string>): Evaluate {
  const [first, second] = args as CoreExpression[];
  switch ((callee as CoreExpression).type === 'Identifier' ? callee['name'] : undefined) {
    case 'signal': {
      const name = first?.type === 'Literal' ? first.value : undefined;
      if (typeof name !== 'string' || args.length > 1) throw new Error("expected one name in quotes: signal('name')");
      return signal(name, names);
    }
    case 'bit':
      if (first === undefined || second === undefined || args.length > 2) {
        throw new Error('expected a word and the number of its bit: bit(status, 3)');
      }
      return bit(compile(first, names), compile(second, names));
    default:
      throw new Error(`there is no function ${callee['name'] ?? ''}: expected signal or bit`);
  }
}

function bit(word: Evaluate, place: Evaluate): Evaluate {
  return (scope) => {
    const [value, n] = [word(scope), place(scope)];
    if (!Number.isInteger(value) || !Number.isInteger(n) || Number(n) < 0) return null;
    return ((BigInt(value as number) >> BigInt(n as number)) & 1n) === 1n;
  };
}
