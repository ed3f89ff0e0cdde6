import t from 'tap';
import { ChannelWreck } from '../../src/outbox/adopt.ts';
import type { SalvagedBatch } from '../../src/outbox/salvage.ts';
import { SeqRanges } from '../../src/seq-ranges.ts';

const BODY = Buffer.from('body');
const NONE = new SeqRanges();

function row(seq: number, more: Partial<SalvagedBatch> = {}): SalvagedBatch {
  const t0 = seq * 1000;
  return { channel: 1, seq, lane: 1, t0, count: 10, synced: 1, storedAt: t0, isDelivered: false, body: BODY, ...more };
}

function wreck(nextSeq: number | null, removed: number, rows: readonly SalvagedBatch[]): ChannelWreck {
  const one = new ChannelWreck({ machine: 'm1', kind: 'telemetry', stream: 's', nextSeq, removed });
  for (const each of rows) one.take(each);
  return one;
}

const rows = (first: number, last: number) => Array.from({ length: last - first + 1 }, (_, i) => row(first + i));

t.test('what was deleted after its delivery is no loss, in whatever order it was deleted', async (t) => {
  for (const [what, one] of [
    ['oldest first', wreck(101, 40, rows(41, 100))],
    ['newest first', wreck(101, 10, rows(1, 90))],
    ['but for one that is held', wreck(101, 39, [row(1), ...rows(41, 100)])],
    ['all of it', wreck(101, 100, [])],
    ['delivered, body and all', wreck(2, 0, [row(1, { isDelivered: true, body: null })])],
  ] as const) {
    t.same(one.losses(NONE), { losses: [], lost: 0 }, what);
  }
});

t.test('holes are lost, with the times next to them; the lowest that are not there were deleted', async (t) => {
  t.same(wreck(101, 40, [...rows(41, 59), ...rows(65, 98)]).losses(NONE), {
    losses: [
      { first: 60, last: 64, from: 59_000, to: 65_000, count: null },
      { first: 99, last: 100, from: 98_000, to: null, count: null },
    ],
    lost: 7,
  });
  t.same(wreck(101, 40, rows(51, 100)).losses(NONE), {
    losses: [{ first: 41, last: 50, from: null, to: 51_000, count: null }],
    lost: 10,
  });
  t.same(wreck(101, 40, []).losses(NONE), {
    losses: [{ first: 41, last: 100, from: null, to: null, count: null }],
    lost: 60,
  });
});

t.test('where deleted and lost cannot be told apart, every hole is named', async (t) => {
  // Newest first: 91 to 100 were deleted, 41 to 50 are lost.
  const { losses, lost } = wreck(101, 10, [...rows(1, 40), ...rows(51, 90)]).losses(NONE);
  t.match(losses, [
    { first: 41, last: 50 },
    { first: 91, last: 100 },
  ]);
  t.equal(lost, 10);
});

t.test('a body that cannot be read is lost with its exact count, up to the start of the next batch', async (t) => {
  const bodiless = [row(3, { body: null }), row(4, { body: null }), row(9, { body: null })];
  const one = wreck(10, 0, [...rows(1, 2), ...bodiless.slice(0, 2), ...rows(5, 8), ...bodiless.slice(2)]);
  t.same(one.losses(NONE), {
    losses: [
      { first: 3, last: 4, from: 3000, to: 5000, count: 20 },
      { first: 9, last: 9, from: 9000, to: null, count: 10 },
    ],
    lost: 3,
  });
});

t.test('what the outbox has already is not lost', async (t) => {
  const here = new SeqRanges();
  for (const seq of [3, 6, 7]) here.add(seq);
  const one = wreck(10, 0, [...rows(1, 2), row(3, { body: null }), ...rows(4, 5), ...rows(8, 9)]);
  t.same(one.losses(here), { losses: [], lost: 0 });
});

t.test(
  'of a channel of which only the name is left, all holes are named, and those between batches counted',
  async (t) => {
    const one = wreck(null, 0, [...rows(51, 60), ...rows(63, 70)]);
    t.match(one.losses(NONE), {
      losses: [
        { first: 1, last: 50, from: null },
        { first: 61, last: 62 },
      ],
      lost: 2,
    });
    t.equal(one.nextSeq, 71);
  },
);
