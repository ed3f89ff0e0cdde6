import t from 'tap';
import { parseCondition } from '../../../src/expression/condition.ts';
import { ExpressionError } from '../../../src/expression/parse.ts';
import type { Value } from '../../../src/observation.ts';
import { seededRandom } from '../../support/random.ts';
import { Bench, observation, rule } from './support.ts';

const SEED = Number(process.env['SEED'] ?? 7);
const TEXTS = process.env['LONG'] === '1' ? 100_000 : 5000;

const TOKENS = [
  ...[
    'x',
    'state',
    'duration',
    'machine',
    '5',
    '0',
    '-1.5',
    '1e3',
    '30s',
    '5m',
    '60ms',
    "'running'",
    '"a b"',
    'true',
    'null',
  ],
  ...[
    'and',
    'or',
    'not',
    'in',
    '&&',
    '||',
    '!',
    '==',
    '!=',
    '<',
    '>=',
    '=',
    '+',
    '-',
    '*',
    '/',
    '%',
    '&',
    '**',
    '?',
    ':',
  ],
  ...['(', ')', '[', ']', ',', '.', ';', '`', '\\', '{', '$', 'ü', 'this', '__proto__', 'constructor', 'toString'],
  ...['avg(x, 5m)', 'max(x, 1s)', 'percentile(x, 50, 1m)', "time_in(state, 'running', 1h)", 'changes(state, 1h)'],
  ...[
    'age(x)',
    'quality(x)',
    'held(',
    'bit(x, 3)',
    "signal('x')",
    "signal('p', 'x')",
    'anomaly(machine)',
    'zscore(x, 1h)',
  ],
];

const VALUES: readonly Value[] = [0, 1, -5, 1e300, -1e-300, 'running', '', true, false, null, [1], { a: 1 }];

t.test(`no text and no value makes the rules throw (SEED=${SEED})`, async (test) => {
  const random = seededRandom(SEED);
  const pick = <Item>(items: readonly Item[]) => items[Math.floor(random() * items.length)] as Item;
  let [taken, told] = [0, 0];
  const strange: string[] = [];
  for (let i = 0; i < TEXTS; i++) {
    const text = Array.from({ length: 1 + Math.floor(random() * 9) }, () => pick(TOKENS)).join(
      random() < 0.9 ? ' ' : '',
    );
    try {
      parseCondition(text);
    } catch (error) {
      const isTold = error instanceof ExpressionError && error.column >= 1 && error.column <= text.length + 1;
      if (!isTold) strange.push(`${text}: ${error}`);
      continue;
    }
    taken += 1;
    const bench = new Bench([rule(text, { for: 1000 })], { score: () => random() });
    let seconds = 1e9;
    for (let step = 0; step < 20; step++) {
      seconds += Math.floor(random() * 100) - 10;
      const [signal, v, q] = [pick(['x', 'state', 'y']), pick(VALUES), pick(['good', 'bad'] as const)];
      bench.engine.observe(observation(signal, seconds, v, q));
      bench.until(seconds + 5);
    }
    const transitions = bench.engine.take();
    told += transitions.length;
    if (transitions.some(({ state }) => state === 'disabled')) strange.push(`${text}: ${transitions.at(-1)?.reason}`);
  }
  test.same(strange, []);
  test.ok(taken > TEXTS / 100, `${taken} of ${TEXTS} texts are conditions`);
  test.ok(told > 0, `${told} transitions`);
});
