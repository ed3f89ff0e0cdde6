import t from 'tap';
import { thin } from '../../src/outbox/thin.ts';
import { windowsSchema } from '../../src/wire/contract.ts';

const MINUTE = 60_000;

t.test('windows of a minute tell how many, least, greatest, mean and last', async (t) => {
  const t0 = 1_763_640_000_000;
  const { body, ...rest } = thin([
    {
      t0: t0 + 10_000,
      signals: {
        rpm: { unit: 'rev/min', t: [0, 1000.5, 49_999.9], v: [1200, 1100, 1300] },
        mode: { t: [5], v: ['AUTO'] },
      },
    },
    { t0: t0 + 59_999, signals: { rpm: { unit: 'rev/min', t: [0, 1, 2], v: [null, 5, 'broken'] } } },
    { t0: t0 + 5 * MINUTE, signals: { mode: { t: [0], v: ['MANUAL'] } } },
  ]);
  t.same(rest, { t0, count: 4, last: t0 + 5 * MINUTE });
  const rollups = JSON.parse(body);
  t.same(rollups, {
    rpm: {
      unit: 'rev/min',
      window: MINUTE,
      t: [0, MINUTE],
      n: [4, 2],
      min: [1100, 5],
      max: [1300, 5],
      mean: [1200, 5],
      last: [1300, 'broken'],
    },
    mode: {
      window: MINUTE,
      t: [0, 5 * MINUTE],
      n: [1, 1],
      min: [null, null],
      max: [null, null],
      mean: [null, null],
      last: ['AUTO', 'MANUAL'],
    },
  });
  for (const windows of Object.values(rollups)) t.ok(windowsSchema.safeParse(windows).success);
});

t.test('the last value is the latest in time, in whatever order they come', async (t) => {
  const { body } = thin([
    { t0: 5000, signals: { a: { t: [0], v: [2] } } },
    { t0: 1000, signals: { a: { t: [0], v: [1] } } },
  ]);
  t.match(JSON.parse(body), { a: { n: [2], last: [2] } });
});
