import jsep, { type CoreExpression } from 'jsep';
import { messageOf } from '../errors.ts';

/** Text that is no expression, and where: `column` counts from 1. */
export class ExpressionError extends Error {
  readonly column: number;

  constructor(message: string, column: number) {
    super(message);
    this.name = 'ExpressionError';
    this.column = column;
  }
}

/** Where a part stands in the text: from `at` up to, not including, `end`, both counted from 0. */
interface Place {
  readonly at: number;
  readonly end: number;
}

export interface LiteralTree extends Place {
  readonly kind: 'literal';
  /** Durations are in seconds. */
  readonly value: number | string | boolean | null;
  /** Written with a unit, e.g. `5m`. */
  readonly isDuration: boolean;
}

export interface NameTree extends Place {
  readonly kind: 'name';
  readonly name: string;
}

export interface UnaryTree extends Place {
  readonly kind: 'unary';
  readonly operator: '!' | '-';
  readonly operand: Tree;
}

export interface BinaryTree extends Place {
  readonly kind: 'binary';
  readonly operator: BinaryOperator;
  readonly left: Tree;
  readonly right: Tree;
}

export interface ChoiceTree extends Place {
  readonly kind: 'choice';
  readonly test: Tree;
  readonly yes: Tree;
  readonly no: Tree;
}

/** `one in [items]` */
export interface MemberTree extends Place {
  readonly kind: 'member';
  readonly one: Tree;
  readonly items: readonly Tree[];
}

export interface CallTree extends Place {
  readonly kind: 'call';
  readonly name: string;
  readonly args: readonly Tree[];
}

/** What a text says, before anyone knows what its names and functions mean. */
export type Tree = LiteralTree | NameTree | UnaryTree | BinaryTree | ChoiceTree | MemberTree | CallTree;

const BINARY_OPERATORS = [
  ...['&&', '||', '==', '===', '!=', '!==', '<', '<=', '>', '>='],
  ...['+', '-', '*', '/', '%', '&'],
] as const;
export type BinaryOperator = (typeof BINARY_OPERATORS)[number];

/** Words that people write for the parser's symbols, in any case. */
const SYMBOLS = new Map([
  ['and', '&&'],
  ['or', '||'],
  ['not', 'not'],
  ['in', 'in'],
]);

const SECONDS: Readonly<Record<string, number>> = { ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 };
const DURATION = /(\d+(?:\.\d+)?)(ms|s|m|h|d)(?![\w$])/y;
// As the parser ends a word: what is taken for the operator here and not there would never be passed over.
const NOT = /not(?=[\0-\x7f])(?![\w$])/y;

// The parser keeps its operators for the whole process. `in` binds like a comparison; the word `not` weaker than one, as
// in SQL, which a unary operator cannot: it is a binary one here, with nothing on its left.
jsep.addBinaryOp('in', 7);
jsep.addBinaryOp('not', 2.5, true);

/** Deeper ones could exhaust the stack. */
const MAX_LENGTH = 4000;

/** The parser's own class, which its types leave out. */
type Scanner = jsep.HookScope & { index: number; parse(): jsep.Expression };
const { Jsep } = jsep as unknown as { Jsep: new (text: string) => Scanner };

/** Notes where each token stands, reads durations, and sees the nothing before a `not`. */
class Parser extends Jsep {
  override gobbleToken = (): jsep.PossibleExpression => {
    this.gobbleSpaces();
    const at = this.index;
    const node = this.#nothing() ?? this.#duration() ?? super.gobbleToken();
    if (node && node['at'] === undefined) {
      node['at'] = at;
      node['end'] = at + this.expr.slice(at, this.index).trimEnd().length;
    }
    return node;
  };

  #nothing(): jsep.Expression | undefined {
    NOT.lastIndex = this.index;
    return NOT.test(this.expr) ? { type: 'Nothing' } : undefined;
  }

  #duration(): jsep.Expression | undefined {
    DURATION.lastIndex = this.index;
    const [text, number, unit] = DURATION.exec(this.expr) ?? [];
    if (text === undefined) return undefined;
    this.index += text.length;
    return { type: 'Literal', value: Number(number) * (SECONDS[unit as string] as number), isDuration: true };
  }
}

/**
 * Parses text such as `rpm > 5000 and not door in ['OPEN', 'AJAR']`: numbers, durations (`30s`, `5m`: ms, s, m, h, d), text
 * in quotes, `true`, `false`, `null`, names, functions, comparisons, arithmetic, `and or not` or `&& || !`, `? :` and
 * `x in [1, 2]`. `not` binds weaker than a comparison, `!` as tightly as a minus sign.
 * @throws ExpressionError
 */
export function parse(text: string): Tree {
  if (text.length > MAX_LENGTH) throw new ExpressionError(`longer than ${MAX_LENGTH} characters`, MAX_LENGTH);
  const { source, offsetOf } = withSymbols(text);
  try {
    return new Grower(offsetOf).grow(new Parser(source).parse());
  } catch (error) {
    if (error instanceof ExpressionError) throw error;
    const index = error instanceof Error && 'index' in error ? Number(error.index) : 0;
    const message = messageOf(error).replace(/ at character \d+$/, '');
    throw new ExpressionError(
      message === 'Unexpected "="' ? `${message}: two make a comparison, ==` : message,
      offsetOf(index) + 1,
    );
  }
}

/** Replaces the words outside of quotes; `offsetOf` leads from an index of the result to one of the text. */
function withSymbols(text: string): { source: string; offsetOf: (index: number) => number } {
  const shifts: { readonly from: number; readonly by: number }[] = [];
  let by = 0;
  const source = text.replace(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[A-Za-z_$][\w$]*/g, (word, at: number) => {
    const symbol = SYMBOLS.get(word.toLowerCase());
    if (symbol === undefined) return word;
    const end = at - by + symbol.length;
    by += word.length - symbol.length;
    shifts.push({ from: end, by });
    return symbol;
  });
  return { source, offsetOf: (index) => index + (shifts.findLast(({ from }) => from <= index)?.by ?? 0) };
}

/** Turns the parser's tree into ours, and refuses what the language does not have. */
class Grower {
  readonly #offsetOf: (index: number) => number;

  constructor(offsetOf: (index: number) => number) {
    this.#offsetOf = offsetOf;
  }

  grow(expression: jsep.Expression): Tree {
    const node = expression as CoreExpression;
    const place = { at: this.#offsetOf(startOf(node)), end: this.#offsetOf(endOf(node)) };
    const refuse = (message: string) => new ExpressionError(message, place.at + 1);
    switch (node.type) {
      case 'Literal': {
        const { value } = node;
        if (value instanceof RegExp) throw refuse('there are no regular expressions');
        return { kind: 'literal', ...place, value, isDuration: 'isDuration' in node };
      }
      case 'Identifier':
        if (node.name === 'not') throw refuse('“not” needs something behind it');
        return { kind: 'name', ...place, name: node.name };
      case 'UnaryExpression': {
        const { operator } = node;
        if (operator !== '!' && operator !== '-') throw refuse(`there is no operator ${operator}`);
        return { kind: 'unary', ...place, operator, operand: this.grow(node.argument) };
      }
      case 'BinaryExpression':
        return this.#binary(node, place, refuse);
      case 'ConditionalExpression': {
        const [test, yes, no] = [this.grow(node.test), this.grow(node.consequent), this.grow(node.alternate)];
        return { kind: 'choice', ...place, test, yes, no };
      }
      case 'CallExpression': {
        const callee = node.callee as CoreExpression;
        if (callee.type !== 'Identifier') throw refuse('expected the name of a function before the bracket');
        return {
          kind: 'call',
          ...place,
          name: callee.name,
          args: node.arguments.map((one) => this.#given(one, place)),
        };
      }
      case 'Compound':
        throw refuse('expected one expression: an operator is missing, or there is nothing');
      case 'ArrayExpression':
        throw refuse('a list may only stand behind “in”');
      default:
        if ((node as jsep.Expression).type === 'Nothing') throw refuse('“not” needs something behind it');
        throw refuse(`this language has no ${node.type}`);
    }
  }

  #binary({ operator, left, right }: jsep.BinaryExpression, place: Place, refuse: (message: string) => Error): Tree {
    if (operator === 'not') {
      if (left.type !== 'Nothing') throw refuse('“not” needs an operator before it, or brackets around “not …”');
      return { kind: 'unary', ...place, operator: '!', operand: this.grow(right) };
    }
    if (operator === 'in') {
      if (right.type !== 'ArrayExpression') throw refuse('expected a list behind “in”, e.g. mode in [2, 3]');
      const items = (right as jsep.ArrayExpression).elements.map((item) => this.#given(item, place));
      return { kind: 'member', ...place, one: this.grow(left), items };
    }
    const known = BINARY_OPERATORS.find((name) => name === operator);
    if (known === undefined) throw refuse(`there is no operator ${operator}`);
    return { kind: 'binary', ...place, operator: known, left: this.grow(left), right: this.grow(right) };
  }

  #given(item: jsep.Expression | null, { at }: Place): Tree {
    if (!item) throw new ExpressionError('something is missing between two commas', at + 1);
    return this.grow(item);
  }
}

/** Only tokens know where they stand; what is made of several begins with its first and ends with its last. */
function startOf(node: jsep.Expression): number {
  if (typeof node['at'] === 'number') return node['at'];
  const first = node['left'] ?? node['test'];
  return isExpression(first) ? startOf(first) : 0;
}

function endOf(node: jsep.Expression): number {
  if (typeof node['end'] === 'number') return node['end'];
  const last = node['right'] ?? node['alternate'];
  return isExpression(last) ? endOf(last) : 0;
}

function isExpression(value: unknown): value is jsep.Expression {
  return typeof value === 'object' && value !== null && 'type' in value;
}
