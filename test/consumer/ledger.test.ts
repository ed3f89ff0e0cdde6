import t from 'tap';
import { countOf, Ledger } from '../../src/consumer/ledger.ts';
import { seededRandom } from '../support/random.ts';
import { eventBatch, SEED, shuffled, telemetry } from './support.ts';

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
  const report = { ...channel, first: 4, last: 9, received: 4 };
  const holes = [
    [6, 6],
    [8, 8],
  ];
  t.strictSame(ledger.report(), [{ ...report, missing: holes }]);
  t.strictSame(ledger.report(true), [{ ...report, missing: [[1, 3], ...holes] }]);
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
