import t from 'tap';
import { Ledger } from '../../src/consumer/ledger.ts';
import type { Status, WireBatch } from '../../src/wire/contract.ts';
import { eventBatch, GAP, telemetry } from './support.ts';

const status = (word: 'online' | 'offline'): Status => ({
  ...{ v: 1, tenant: 'acme', gateway: 'gw-01' },
  ...{ status: word, reason: word === 'online' ? 'birth' : 'lost' },
});
const historical = (seq: number): WireBatch => telemetry(seq, { historical: true });

/** What is missing, and what may still come, at `now` and after these. */
function holes(received: readonly (WireBatch | Status)[], now = 1000, fromStart = false) {
  const ledger = new Ledger();
  for (const one of received) 'kind' in one ? ledger.enter(one as WireBatch, 0) : ledger.status(one as Status, 0);
  const { missing, awaited } = ledger.report(fromStart, now)[0] ?? {};
  return { missing, awaited };
}

const before = [1, 2, 5, 6].map((seq) => telemetry(seq));
const live = [40, 41, 43].map((seq) => telemetry(seq));

t.test('while a backlog rises, what is above it may still come; what it has passed is missing', async (t) => {
  const all = [...before, status('online'), ...live, ...[7, 8, 10].map(historical)];
  t.same(holes(all), {
    missing: [
      [3, 4],
      [9, 9],
    ],
    awaited: [
      [11, 39],
      [42, 42],
    ],
  });
});

t.test('while a backlog falls, what is below it may still come', async (t) => {
  const all = [status('online'), ...live, ...[39, 38, 36].map(historical)];
  t.same(holes(all, 1000, true), {
    missing: [
      [37, 37],
      [42, 42],
    ],
    awaited: [[1, 35]],
  });
});

t.test('of a channel whose turn has not come, any hole may still be filled', async (t) => {
  const other = telemetry(1, { machine: 'saw', historical: true });
  t.same(holes([...before, status('online'), ...live, other]).awaited, [
    [3, 4],
    [7, 39],
    [42, 42],
  ]);
});

t.test('a backlog that is still, or that nobody has seen, brings nothing any more', async (t) => {
  const all = [...before, status('online'), ...live, historical(7)];
  t.same(holes(all, 30_000).awaited?.length, 3, 'one tells no direction');
  t.same(holes(all, 30_001).awaited, []);
  t.same(holes([...before, ...live]).awaited, []);
  const ledger = new Ledger();
  for (const batch of [...before, historical(20)]) ledger.enter(batch, 0);
  t.same(
    ledger.report()[0]?.missing,
    [
      [3, 4],
      [7, 19],
    ],
    'not asked for',
  );
});

t.test('of a gateway that went away in the middle of it the rest waits there, for as long as it takes', async (t) => {
  const gone = [...before, status('online'), ...live, historical(7), historical(8), status('offline')];
  t.same(holes(gone, 1e9).awaited, [
    [9, 39],
    [42, 42],
  ]);
  t.same(holes([...gone, status('online')], 1e9).awaited, [], 'it is back, and sends none');
  t.same(
    holes([...gone, status('online'), historical(9)]).awaited,
    [
      [3, 4],
      [10, 39],
      [42, 42],
    ],
    'and goes on',
  );
});

t.test('a heartbeat is no new connect, but one that nobody saw shows in it', async (t) => {
  const beat = (since: number): Status => ({ ...status('online'), reason: 'heartbeat', since, t: 99 });
  const all = [...before, { ...status('online'), t: 5 }, ...live, historical(7), historical(8)];
  const open = [
    [9, 39],
    [42, 42],
  ];
  t.same(holes([...all, beat(5), beat(5)]).awaited, open);
  t.same(holes([...all, status('offline'), beat(5)]).awaited, open, 'the Last Will of an older link came late');
  t.same(holes([...all, beat(6)]).awaited?.[0], [3, 4], 'it begins anew');
});

t.test('what comes although a gap names it is counted, with its observations, in whatever order', async (t) => {
  const gap = eventBatch(1, [
    { ...GAP, cause: 'budget', batches: { kind: 'telemetry', stream: 'b7k2', first: 2, last: 4 } },
  ]);
  const double = { n: { t: [0, 1], v: [1, 2] } };
  const some = [telemetry(1), telemetry(3, { signals: double }), telemetry(5)];
  for (const batches of [
    [gap, ...some],
    [...some, gap],
    [...some, gap, gap, ...some],
  ]) {
    const ledger = new Ledger();
    for (const batch of batches) t.not(ledger.enter(batch), 'conflict');
    const report = ledger.report().find(({ kind }) => kind === 'telemetry');
    t.match(report, { received: 3, explained: 2, missing: [], overTold: { batches: 1, observations: 2 } });
  }
});
