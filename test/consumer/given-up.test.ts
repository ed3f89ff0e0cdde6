import t from 'tap';
import { Books } from '../../src/consumer/books.ts';
import { Inbox } from '../../src/consumer/inbox.ts';
import { encodeBatch } from '../../src/forwarder/envelope.ts';
import { LANES, type Outbox, type StoredBatch, type WhenFull } from '../../src/outbox/outbox.ts';
import { batch, open } from '../outbox/support.ts';
import { seededRandom } from '../support/random.ts';
import { SEED } from './support.ts';

const NOW = 1_763_640_000_000;
const SECONDS = 1500;
const COUNT = 400;

const random = seededRandom(SEED);

/** Sends everything that is left, as the forwarder does, to a consumer, behind what was under way. */
async function deliver(outbox: Outbox, underWay: readonly StoredBatch[] = []) {
  const inbox = new Inbox({ maxWait: 0, maxHeld: 0 });
  const books = new Books();
  const sender = { tenant: 'acme', gateway: 'gw-01', stream: outbox.stream };
  const send = async (batches: readonly StoredBatch[]) => {
    for (const { topic, payload } of batches.map((stored) => encodeBatch(stored, sender, 'none', true))) {
      for (const received of inbox.take(topic, payload, 0)) {
        if (received.type !== 'batch') throw new Error(`${topic}: ${received.type}`);
        books.add(received);
      }
    }
    await outbox.settle(batches.map(({ id }) => id));
  };
  await send(underWay);
  for (const lane of LANES) {
    for (;;) {
      const batches = await outbox.claim({ lane, after: 0, limit: 1000, maxBytes: 1e8 });
      if (batches.length === 0) break;
      await send(batches);
    }
  }
  const channels = inbox.ledger.report(true);
  return { channels, books: books.report(channels) };
}

for (const whenFull of ['thin', 'dropOldest'] as const satisfies WhenFull[]) {
  t.test(`what ${whenFull} gives up is explained to the last observation (seed ${SEED})`, async (t) => {
    const budget = { maxBytes: 2 ** 20, maxAge: 1e12, whenFull };
    const { outbox, clock } = await open(t, t.testdir(), budget);
    for (let second = 0; second < SECONDS; second++) {
      const t0 = NOW + second * 1000;
      const v = Array.from({ length: COUNT }, () => Math.round(random() * 1e9) / 1000);
      clock.time = t0;
      await outbox.append({ batches: [batch(v, { machine: 'vmc-3', t0 })] });
    }
    const { channels, books } = await deliver(outbox);
    const [machine] = books;
    const { total } = machine as (typeof books)[number];
    const lost = total.gaps['budget']?.observations ?? 0;
    const telemetry = channels.find(({ kind }) => kind === 'telemetry');
    t.ok(lost > 0);
    t.equal(total.observations + lost, SECONDS * COUNT);
    t.equal(total.rolledUp, whenFull === 'thin' ? lost : 0);
    t.equal(total.missing, 0);
    t.equal((telemetry?.received ?? 0) + (telemetry?.explained ?? 0), SECONDS);
    const parts = machine?.hours ?? [];
    t.equal(
      parts.reduce((sum, { observations }) => sum + observations, 0),
      total.observations,
    );
    t.equal(
      parts.reduce((sum, { gaps }) => sum + (gaps['budget']?.observations ?? 0), 0),
      lost,
    );
  });
}

t.test(`what was under way when it was given up is counted once (seed ${SEED})`, async (t) => {
  const { outbox, clock } = await open(t, t.testdir(), { maxBytes: 2 ** 20, maxAge: 1e12, whenFull: 'dropOldest' });
  const append = async (second: number) => {
    const t0 = NOW + second * 1000;
    const v = Array.from({ length: COUNT }, () => Math.round(random() * 1e9) / 1000);
    clock.time = t0;
    await outbox.append({ batches: [batch(v, { machine: 'vmc-3', t0 })] });
  };
  for (let second = 0; second < 20; second++) await append(second);
  const underWay = await outbox.claim({ lane: 'live', after: 0, limit: 10, maxBytes: 1e8 });
  for (let second = 20; second < SECONDS; second++) await append(second);
  const { channels, books } = await deliver(outbox, underWay);
  const telemetry = channels.find(({ kind }) => kind === 'telemetry');
  const { total } = books[0] as (typeof books)[number];
  t.same(telemetry?.overTold, { batches: 10, observations: 10 * COUNT });
  t.same([telemetry?.missing, total.missing], [[], 0]);
  const lost = total.gaps['budget']?.observations ?? 0;
  t.equal(total.observations + lost - 10 * COUNT, SECONDS * COUNT);
});
