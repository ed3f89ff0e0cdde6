import t from 'tap';
import { Orderer, type Released } from '../../src/consumer/orderer.ts';
import { seededRandom } from '../support/random.ts';
import { eventBatch, SEED, shuffled, telemetry } from './support.ts';

const seqs = (released: readonly Released[]) => released.map(({ batch }) => batch.seq);
const late = (released: readonly Released[]) => released.map((item) => item.late);

t.test(
  `whatever the order of arrival, each batch comes out once and in order unless marked late (seed ${SEED})`,
  async (t) => {
    const random = seededRandom(SEED);
    for (let run = 0; run < 50; run++) {
      const orderer = new Orderer({ maxWait: 10, maxHeld: 1 + Math.floor(random() * 20) });
      const batches = ['a', 'b'].flatMap((machine) =>
        Array.from({ length: 40 }, (_, i) => telemetry(i + 1, { machine })).filter(() => random() > 0.1),
      );
      let now = 0;
      const released: Released[] = [];
      for (const batch of shuffled(batches, random)) {
        now += Math.floor(random() * 3);
        released.push(...orderer.push(batch, now), ...orderer.expire(now));
        t.ok(orderer.held <= 20);
      }
      released.push(...orderer.flush());
      t.equal(orderer.held, 0);
      t.equal(new Set(released.map(({ batch }) => batch)).size, batches.length, `run ${run}: all of them`);
      t.equal(released.length, batches.length, `run ${run}: once`);
      const highest: Record<string, number> = {};
      for (const { batch, late } of released) {
        const last = highest[batch.machine] ?? 0;
        if (late !== batch.seq < last) t.fail(`run ${run}: seq ${batch.seq} after ${last} is marked ${late}`);
        highest[batch.machine] = Math.max(last, batch.seq);
      }
    }
  },
);

t.test('holds back what comes too early until the hole is filled', async (t) => {
  const orderer = new Orderer();
  t.strictSame(seqs(orderer.push(telemetry(1), 0)), [1]);
  t.strictSame(seqs(orderer.push(telemetry(3), 0)), []);
  t.strictSame(seqs(orderer.push(telemetry(4), 0)), []);
  const released = orderer.push(telemetry(2), 1);
  t.strictSame(
    [seqs(released), late(released)],
    [
      [2, 3, 4],
      [false, false, false],
    ],
  );
});

t.test('gives up on a hole after the time, and takes what was missing as late', async (t) => {
  const orderer = new Orderer({ maxWait: 100, maxHeld: 10 });
  orderer.push(telemetry(1), 0);
  orderer.push(telemetry(3), 10);
  orderer.push(telemetry(6), 50);
  t.strictSame(orderer.expire(109), []);
  t.strictSame(seqs(orderer.expire(110)), [3]);
  t.strictSame(seqs(orderer.expire(150)), [6]);
  const [latecomer] = orderer.push(telemetry(2), 151);
  t.match(latecomer, { late: true, batch: { seq: 2 } });
});

t.test('gives up on a hole when too many wait, where most wait', async (t) => {
  const orderer = new Orderer({ maxWait: 1e9, maxHeld: 3 });
  for (const machine of ['a', 'b']) orderer.push(telemetry(1, { machine }), 0);
  orderer.push(telemetry(3, { machine: 'a' }), 0);
  orderer.push(telemetry(4, { machine: 'a' }), 0);
  orderer.push(telemetry(9, { machine: 'b' }), 0);
  const released = orderer.push(telemetry(8, { machine: 'b' }), 0);
  t.equal(orderer.held, 2);
  t.strictSame(
    released.map(({ batch }) => `${batch.machine}${batch.seq}`),
    ['a3', 'a4'],
  );
});

t.test('one channel does not wait for another', async (t) => {
  const orderer = new Orderer();
  orderer.push(telemetry(1), 0);
  orderer.push(telemetry(3), 0);
  t.strictSame(seqs(orderer.push(telemetry(1, { stream: 'other' }), 0)), [1]);
  t.strictSame(seqs(orderer.push(eventBatch(5, []), 0)), [5]);
});
