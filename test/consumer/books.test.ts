import t from 'tap';
import { Books } from '../../src/consumer/books.ts';
import { bookLines } from '../../src/consumer/books-text.ts';
import { Ledger } from '../../src/consumer/ledger.ts';
import type { RollupBatch, WireBatch } from '../../src/wire/contract.ts';
import { seededRandom } from '../support/random.ts';
import { eventBatch, GAP, SEED, telemetry } from './support.ts';

const HOUR = 3_600_000;
/** 2025-11-20T12:00Z */
const T0 = 1_763_640_000_000;

/** The books after these batches. */
function booksOf(batches: readonly WireBatch[], late = false) {
  const ledger = new Ledger();
  const books = new Books();
  for (const batch of batches) {
    ledger.enter(batch);
    books.add({ batch, late });
  }
  return books.report(ledger.report());
}

t.test('a batch is in the hour of its latest entry, an observation in its own', async (t) => {
  const snapshot = { n: { t: [0, HOUR, 2 * HOUR - 1], v: [1, 2, 3] }, m: { t: [2 * HOUR, HOUR], v: [4, 5] } };
  const [machine] = booksOf([telemetry(1, { signals: snapshot }), telemetry(2, { t0: T0 + 2 * HOUR })]);
  t.match(machine, {
    machine: 'acme/gw-01/vmc-3',
    total: { batches: 2, observations: 6, missing: 0, gaps: {} },
    earlier: undefined,
    hours: [
      { hour: '2025-11-20T12:00Z', batches: 0, observations: 1 },
      { hour: '2025-11-20T13:00Z', batches: 0, observations: 3 },
      { hour: '2025-11-20T14:00Z', batches: 2, observations: 2 },
    ],
  });
});

t.test('counts what is historical, late and rolled up', async (t) => {
  const windows = { window: 60_000, t: [0, HOUR], n: [600, 400], min: [1, 1], max: [2, 2], mean: [1, 1], last: [1, 1] };
  const rollup = { ...telemetry(1), kind: 'rollup', rollups: { n: windows } } as unknown as RollupBatch;
  const [machine] = booksOf([telemetry(1, { historical: true }), rollup], true);
  t.match(machine, {
    total: { batches: 2, observations: 1, rolledUp: 1000, historical: 1, late: 1 },
    hours: [
      { batches: 1, rolledUp: 600, historical: 1, late: 0 },
      { batches: 1, rolledUp: 400, historical: 0, late: 1 },
    ],
  });
});

t.test('what is missing lies in the hours between its neighbours, evenly', async (t) => {
  const at = (hours: number) => ({ t0: T0 + hours * HOUR });
  const [machine] = booksOf([
    telemetry(1, at(0.1)),
    telemetry(3, at(0.2)),
    telemetry(11, at(0.5)),
    telemetry(22, at(3)),
  ]);
  t.match(machine, {
    total: { missing: 18 },
    hours: [
      { hour: '2025-11-20T12:00Z', batches: 3, missing: 10 },
      { hour: '2025-11-20T13:00Z', batches: 0, missing: 4 },
      { hour: '2025-11-20T14:00Z', batches: 0, missing: 4 },
      { hour: '2025-11-20T15:00Z', batches: 1, missing: 0 },
    ],
  });
});

t.test('a gap is told in each hour that it reaches into, its count once', async (t) => {
  const gap = { ...GAP, from: T0 + HOUR / 2, to: T0 + 2 * HOUR, count: 9 };
  const [machine] = booksOf([
    eventBatch(1, [gap, { ...GAP, from: null, to: T0, count: null }, { ...GAP, cause: 'budget', from: T0, to: T0 }]),
  ]);
  t.strictSame(machine?.total.gaps, {
    'agent-overrun': { gaps: 2, observations: 9, uncounted: 1 },
    budget: { gaps: 1, observations: 3, uncounted: 0 },
  });
  t.strictSame(
    machine?.hours.map(({ gaps }) => gaps),
    [
      {
        'agent-overrun': { gaps: 2, observations: 3, uncounted: 1 },
        budget: { gaps: 1, observations: 3, uncounted: 0 },
      },
      { 'agent-overrun': { gaps: 1, observations: 6, uncounted: 0 } },
    ],
  );
});

t.test(`the hours of a machine make up its total, however old the oldest are (seed ${SEED})`, async (t) => {
  const random = seededRandom(SEED);
  const batches = Array.from({ length: 3000 }, (_, i) => {
    const t0 = T0 + Math.floor(random() * 60 * 24) * HOUR;
    if (i % 50 > 0) return telemetry(i * 2, i % 3 === 0 ? { t0, historical: true } : { t0 });
    return eventBatch(i, [{ ...GAP, from: t0, to: t0 + Math.floor(random() * 1000 * HOUR), count: 1000 }]);
  });
  const [machine] = booksOf(batches, true);
  const parts = [machine?.earlier, ...(machine?.hours ?? [])];
  t.equal(machine?.hours.length, 31 * 24);
  for (const key of ['batches', 'observations', 'historical', 'late', 'missing'] as const) {
    t.equal(
      parts.reduce((sum, part) => sum + (part?.[key] ?? 0), 0),
      machine?.total[key],
      key,
    );
  }
  const lost = parts.reduce((sum, part) => sum + (part?.gaps['agent-overrun']?.observations ?? 0), 0);
  t.equal(lost, machine?.total.gaps['agent-overrun']?.observations);
});

t.test('times without sense take neither memory nor the program', async (t) => {
  const huge = Number.MAX_SAFE_INTEGER;
  const [machine] = booksOf([
    telemetry(1, { t0: -huge }),
    telemetry(9, { t0: huge, signals: { n: { t: [-1e300, 1e300], v: [1, 2] } } }),
    eventBatch(1, [
      { ...GAP, from: -huge, to: huge, count: huge },
      { ...GAP, from: huge, to: 0 },
    ]),
  ]);
  t.match(machine?.total, { batches: 3, observations: 3, missing: 7 });
  t.ok((machine?.hours.length ?? 0) <= 31 * 24);
});

t.test('the table has the hours out of the ordinary and a total for each machine', async (t) => {
  const at = (hours: number) => ({ t0: T0 + hours * HOUR });
  const books = booksOf([
    telemetry(1, at(0)),
    telemetry(2, at(1)),
    telemetry(4, at(1)),
    eventBatch(1, [{ ...GAP, cause: 'link-down', from: T0 + 2 * HOUR, to: T0 + 2 * HOUR, count: null }]),
    telemetry(1, { machine: 'saw' }),
  ]);
  t.strictSame(bookLines(books), [
    'hour (UTC)           batches  observations  missing  historical  late  gaps',
    'acme/gw-01/vmc-3',
    '  2025-11-20T13:00Z        2             2        1           0     0',
    '  2025-11-20T14:00Z        0             0        0           0     0  1 link-down (nobody knows how many)',
    '  total                    4             3        1           0     0  1 link-down (nobody knows how many)',
    'acme/gw-01/saw',
    '  total                    1             1        0           0     0',
  ]);
  t.strictSame(bookLines([]), []);
});

t.test('of many such hours those with something missing are told', async (t) => {
  const gaps = Array.from({ length: 100 }, (_, i) => ({ ...GAP, from: T0 + i * HOUR, to: T0 + i * HOUR }));
  const end = { t0: T0 + 99 * HOUR };
  const lines = bookLines(booksOf([eventBatch(1, gaps), telemetry(1, end), telemetry(3, end)]));
  t.equal(lines.length, 2 + 48 + 2);
  t.match(lines.at(-3), /^ {2}2025-11-24T15:00Z .* 1 {11}0 /);
  t.match(lines.at(-2), /^ {2}and 52 more such hours: --json has all/);
});
