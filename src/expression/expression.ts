import jsep from 'jsep';
import { messageOf } from '../errors.ts';
import { compile, type Evaluate } from './compile.ts';

/** Text that is no expression, and where: `column` counts from 1. */
export class ExpressionError extends Error {
  readonly column: number;

  constructor(message: string, column: number) {
    super(message);
    this.name = 'ExpressionError';
    this.column = column;
  }
}

/** A compiled expression. Pure: it may be evaluated any number of times. */
export interface Expression {
  readonly text: string;
  /** Names of the signals that it reads, each once, in the order of the text. */
  readonly names: readonly string[];
  /** What it says for what the signals hold; see `compile` for unknown values. */
  readonly evaluate: Evaluate;
}

// The parser keeps its operators for the whole process: `in` binds like a comparison.
jsep.addBinaryOp('in', 7);

/** Words that people write for the parser's symbols, in any case. */
const SYMBOLS = new Map([
  ['and', '&&'],
  ['or', '||'],
  ['not', '!'],
  ['in', 'in'],
]);

/**
 * Parses text such as `alarm != 0 ? 'stopped' : rpm > 0 and door == 'CLOSED' ? 'running' : 'idle'`: numbers, text in
 * quotes, `true`, `false`, `null`, names of signals (`signal('odd name')` for those that are no word), comparisons,
 * arithmetic, `and or not` or `&& || !`, `? :`, `x in [1, 2]` and `bit(word, n)`. Compiled to closures, never evaluated as
 * JavaScript.
 * @throws ExpressionError
 */
export function parseExpression(text: string): Expression {
  const { source, columnOf } = withSymbols(text);
  const names = new Set<string>();
  try {
    const evaluate = compile(jsep(source), names);
    return { text, names: [...names], evaluate };
  } catch (error) {
    const index = error instanceof Error && 'index' in error ? Number(error.index) : 0;
    throw new ExpressionError(messageOf(error).replace(/ at character \d+$/, ''), columnOf(index));
  }
}

/** Replaces the words outside of quotes; `columnOf` leads from an index of the result to a column of the text. */
function withSymbols(text: string): { source: string; columnOf: (index: number) => number } {
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
  return { source, columnOf: (index) => index + 1 + (shifts.findLast(({ from }) => from <= index)?.by ?? 0) };
}
