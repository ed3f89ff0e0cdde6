import t from 'tap';
import { countOf, Ledger } from '../../src/consumer/ledger.ts';
import { seededRandom } from '../support/random.ts';
import { eventBatch, GAP, SEED, shuffled, telemetry } from './support.ts';

const T0 = 1_763_640_000_000;

t.test(`random order, duplicates and losses on many channels agree with a naive count (seed ${SEED})`, async (t) => {
  const random = seededRandom(SEED);
  for (let run = 0; run < 20; run++) {
    const sent = ['a', 'b', 'c'].flatMap((machine) =>
      ['s1', 's2'].flatMap((stream) =>
        Array.from({ length: 5 + Math.floor(random() * 40) }, (_, i) => telemetry(i + 1, { machine, stream })),
      ),
    );
    const arrived = sent.filter(() => random() > 0.2);
    const repeated = arrived.filter(() => random() < 0.3);
    const ledger = new Ledger();
    const seen = new Set<string>();
    for (const batch of shuffled([...arrived, ...repeated], random)) {
      const key = `${batch.machine}/${batch.stream}/${batch.seq}`;
      const verdict = ledger.enter(structuredClone(batch));
      if (verdict !== (seen.has(key) ? 'duplicate' : 'new')) t.fail(`run ${run}: ${key} is told to be ${verdict}`);
      seen.add(key);
    }
    for (const { channel, machine, first, last, received, missing } of ledger.report(true)) {
      const own = arrived.filter((batch) => channel === `acme/gw-01/${batch.machine}/telemetry/${batch.stream}`);
      const seqs = own.map(({ seq }) => seq);
      const lost = Array.from({ length: Math.max(...seqs) }, (_, i) => i + 1).filter((seq) => !seqs.includes(seq));
      t.strictSame(
        { machine, first, last, received, lost: countOf(missing) },
        {
          machine: own[0]?.machine,
          first: Math.min(...seqs),
          last: Math.max(...seqs),
          received: own.length,
          lost: lost.length,
        },
        `run ${run}, ${channel}`,
      );
    }
  }
});

t.test('names what is missing between the first and the last seen, and from 1 on demand', async (t) => {
  const ledger = new Ledger();
  for (const seq of [4, 9, 5, 7]) ledger.enter(telemetry(seq));
  const channel = { channel: 'acme/gw-01/vmc-3/telemetry/b7k2', machine: 'vmc-3', kind: 'telemetry' };
  const none = { overTold: { batches: 0, observations: 0 }, awaited: [], awaitedBetween: [] };
  const report = { ...channel, first: 4, last: 9, received: 4, explained: 0, ...none };
  const holes = [
    [6, 6],
    [8, 8],
  ];
  const then = [T0, T0];
  t.strictSame(ledger.report(), [{ ...report, missing: holes, missingBetween: [then, then] }]);
  t.strictSame(ledger.report(true), [{ ...report, missing: [[1, 3], ...holes], missingBetween: [then, then, then] }]);
});

/** A gap that names batches of the machine. */
const gapOf = (first: number, last: number, more: object = {}) => ({
  ...GAP,
  cause: 'budget',
  batches: { kind: 'telemetry', stream: 'b7k2', first, last, ...more },
});

t.test('what a gap names is explained, whenever it comes; what is left is missing', async (t) => {
  const before = new Ledger();
  before.enter(eventBatch(1, [gapOf(3, 5)]));
  const after = new Ledger();
  for (const ledger of [before, after]) for (const seq of [1, 2, 5, 9]) ledger.enter(telemetry(seq));
  after.enter(eventBatch(1, [gapOf(3, 5)]));
  for (const ledger of [before, after]) {
    const own = ledger.report().find(({ kind }) => kind === 'telemetry');
    t.match(own, { first: 1, last: 9, received: 4, explained: 2, missing: [[6, 8]] });
  }
});

t.test('a gap tells of batches behind the last one that came', async (t) => {
  const ledger = new Ledger();
  ledger.enter(telemetry(1));
  ledger.enter(eventBatch(1, [gapOf(4, 9)]));
  t.match(ledger.report(), [{ last: 1, explained: 6, missing: [[2, 3]] }, { kind: 'event' }]);
});

t.test('a gap before the first batch that came does not move what is judged', async (t) => {
  const ledger = new Ledger();
  ledger.enter(eventBatch(1, [gapOf(1, 3)]));
  t.match(ledger.report()[1], { first: 0, last: 0, received: 0, explained: 3, missing: [] });
  ledger.enter(telemetry(7));
  t.match(ledger.report()[1], { first: 7, explained: 3, missing: [] });
  t.match(ledger.report(true)[1], { missing: [[4, 6]] });
});

t.test('a gap explains the kind and the stream that it names, of its own machine, and nothing else', async (t) => {
  const ledger = new Ledger();
  for (const seq of [1, 5]) {
    for (const change of [{}, { stream: 'old' }, { machine: 'other' }, { gateway: 'other' }]) {
      ledger.enter(telemetry(seq, change));
    }
  }
  ledger.enter(eventBatch(1, [gapOf(2, 4, { stream: 'old' }), gapOf(2, 3, { kind: 'rollup' })]));
  ledger.enter(eventBatch(1, [gapOf(2, 4)]));
  t.strictSame(
    ledger.report().map(({ channel, explained, missing }) => [channel, explained, countOf(missing)]),
    [
      ['acme/gw-01/vmc-3/telemetry/b7k2', 0, 3],
      ['acme/gw-01/vmc-3/telemetry/old', 3, 0],
      ['acme/gw-01/other/telemetry/b7k2', 0, 3],
      ['acme/other/vmc-3/telemetry/b7k2', 0, 3],
      ['acme/gw-01/vmc-3/event/b7k2', 0, 0],
      ['acme/gw-01/vmc-3/rollup/b7k2', 2, 0],
    ],
    'a batch of events that came before, or in conflict, explains nothing more',
  );
});

t.test(`holes, gaps and latecomers in any order agree with a naive count (seed ${SEED})`, async (t) => {
  const random = seededRandom(SEED);
  for (let run = 0; run < 100; run++) {
    const ledger = new Ledger();
    const received = new Set([1, 60]);
    const named = new Set<number>();
    const batches: (() => void)[] = [];
    for (let seq = 1; seq <= 60; seq++) if (random() < 0.5) received.add(seq);
    for (let i = 0; i < 6; i++) {
      const first = 1 + Math.floor(random() * 55);
      const last = first + Math.floor(random() * 6);
      for (let seq = first; seq <= last; seq++) named.add(seq);
      batches.push(() => ledger.enter(eventBatch(i + 1, [gapOf(first, last)])));
    }
    for (const seq of received) batches.push(() => ledger.enter(telemetry(seq)));
    for (const enter of shuffled(batches, random)) enter();
    const own = ledger.report().find(({ kind }) => kind === 'telemetry');
    const lost = Array.from({ length: 60 }, (_, i) => i + 1).filter((seq) => !received.has(seq));
    t.strictSame(
      [own?.explained, own?.missing.flatMap(([a, b]) => Array.from({ length: b - a + 1 }, (_, i) => a + i))],
      [lost.filter((seq) => named.has(seq)).length, lost.filter((seq) => !named.has(seq))],
      `run ${run}`,
    );
  }
});

t.test('kinds are numbered apart', async (t) => {
  const ledger = new Ledger();
  t.equal(ledger.enter(telemetry(1)), 'new');
  t.equal(ledger.enter(eventBatch(1, [])), 'new');
  t.equal(ledger.report().length, 2);
});

t.test('the same key with other content is a conflict; other keys of the envelope are none', async (t) => {
  const ledger = new Ledger();
  ledger.enter(telemetry(1));
  t.equal(ledger.enter(telemetry(1, { signals: { n: { t: [0], v: [2] } } })), 'conflict');
  t.equal(ledger.enter(telemetry(1, { t0: 0 })), 'conflict');
  t.equal(ledger.enter(telemetry(1, { historical: true })), 'duplicate');
});

t.test('content is remembered for the latest batches only; what is older is still a duplicate', async (t) => {
  const ledger = new Ledger(2);
  for (const seq of [1, 2, 3]) ledger.enter(telemetry(seq));
  t.equal(ledger.enter(telemetry(1, { t0: 0 })), 'duplicate');
  t.equal(ledger.enter(telemetry(2, { t0: 0 })), 'conflict');
});
