import t from 'tap';
import { parseExpression } from '../../src/expression/expression.ts';
import { ExpressionError } from '../../src/expression/parse.ts';
import type { Value } from '../../src/observation.ts';

const SIGNALS: Readonly<Record<string, Value>> = {
  rpm: 1200,
  zero: 0,
  door: 'CLOSED',
  on: true,
  off: false,
  word: 0b1010,
  'odd name': 7,
  lost: null,
  inside: 3,
};

function value(text: string): Value {
  return parseExpression(text).evaluate((name) => SIGNALS[name]);
}

/** Text and what it says about the signals above. */
const CASES: readonly (readonly [string, Value])[] = [
  ["rpm > 0 and door == 'CLOSED' ? 'running' : 'idle'", 'running'],
  ['NOT on OR rpm < 5', false],
  ['not off && rpm >= 1200', true],
  ['(rpm - 200) / 10 * 2 % 7', 4],
  ['-rpm', -1200],
  ['rpm in [1, 1200]', true],
  ["door IN ['OPEN', 'CLOSED']", true],
  ['inside in [1, 2]', false],
  ["signal('odd name') + 1", 8],
  ['bit(word, 3)', true],
  ['bit(word, 2) or bit(word, 1)', true],
  ['word & 2', 2],
  ['on == 1', true],
  ['0 == off', true],
  ["door == 'and not or'", false],
  ["zero ? 'yes' : 'no'", 'no'],
  // What is unknown stays unknown, unless the other side decides.
  ['lost > 5', null],
  ['missing == 1', null],
  ['lost == null', null],
  ['off and lost', false],
  ['on and lost', null],
  ['on or lost', true],
  ['off or lost', null],
  ['not lost', null],
  ["lost ? 'yes' : 'no'", null],
  ['lost in [1]', null],
  // What makes no sense is unknown too, never an exception.
  ['door > 5', null],
  ['rpm / zero', null],
  ['-door', null],
  ['not door', null],
  ['bit(rpm / 7, 1)', null],
  ['bit(word, -1)', null],
];

for (const [text, expected] of CASES) t.same(value(text), expected, text);

t.same(parseExpression("a > b and signal('c d') == a").names, ['a', 'b', 'c d'], 'tells the signals that it reads');

/** Text that is no expression, where that shows, and the word of the message that tells. */
const WRONG: readonly (readonly [string, number, RegExp])[] = [
  ['', 1, /one expression/],
  ['rpm >', 6, /Expected expression/],
  ['on and and off', 8, /Unexpected|Expected/],
  ['rpm = 5', 5, /Unexpected/],
  ['rpm 5', 1, /operator is missing/],
  ['rpm ** 2', 1, /no operator \*\*/],
  ['`x`', 1, /Unexpected/],
  ['rpm.value', 1, /no MemberExpression/],
  ['this', 1, /no ThisExpression/],
  ['[1]', 1, /behind “in”/],
  ['rpm in 5', 1, /a list behind “in”/],
  ["require('fs')", 1, /no function require/],
  ["constructor('x')", 1, /no function constructor/],
  ['bit(word)', 1, /a word and the number/],
  ['signal(rpm)', 1, /one name in quotes/],
  ['(rpm', 5, /Unclosed/],
];

for (const [text, column, message] of WRONG) {
  t.test(`refuses: ${text}`, async (test) => {
    try {
      parseExpression(text);
      test.fail('was taken');
    } catch (error) {
      if (!(error instanceof ExpressionError)) throw error;
      test.match(error.message, message);
      test.equal(error.column, column);
    }
  });
}

t.test('names of Object.prototype are signals like any other', async (test) => {
  test.equal(
    parseExpression('toString == 1').evaluate((name) => (name === 'toString' ? 1 : undefined)),
    true,
  );
});
