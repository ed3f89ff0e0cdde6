import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { startProxy } from '../../simulator/proxy.ts';
import type { NewBatch } from '../../src/outbox/outbox.ts';
import { batches, startForwarder, uplinkConfig } from '../support/forwarding.ts';
import { MemoryOutbox } from '../support/memory-outbox.ts';
import { startRawBroker } from '../support/raw-broker.ts';

const BYTES_PER_SECOND = 40_000;
const BATCH_BYTES = 20_000;
/** Twice what the line takes. */
const BATCH_MS = 250;
const LASTS_MS = 8000;

t.test('an alert overtakes the live data of a line that cannot take it all, and the line stays full', async (t) => {
  await using broker = await startRawBroker();
  await using proxy = await startProxy(broker.port);
  const outbox = new MemoryOutbox();
  const { line, count } = startForwarder(
    t,
    outbox,
    uplinkConfig(`mqtt://127.0.0.1:${proxy.port}`, { ackTimeout: 20_000 }),
  );
  await line(/^info.* connected/);
  proxy.bandwidth = BYTES_PER_SECOND;
  const live: NewBatch[] = batches('m', 1).map((batch) => ({
    ...batch,
    body: JSON.stringify({ n: { t: [0], v: ['x'.repeat(BATCH_BYTES)] } }),
  }));
  const sent = () => broker.published.filter(({ topic }) => topic.includes('/m/')).length;
  const waits: number[] = [];
  const alerts: Promise<void>[] = [];
  const began = performance.now();
  for (let n = 1; performance.now() - began < LASTS_MS; n++) {
    await outbox.append({ batches: live });
    if (n % 8 === 0) {
      await outbox.append({ batches: batches('a', 1, 'alert') });
      const [at, number] = [performance.now(), n / 8];
      const arrived = broker.until((b) => b.published.filter(({ topic }) => topic.includes('/a/')).length >= number);
      alerts.push(arrived.then(() => void waits.push(Math.round(performance.now() - at))));
    }
    await sleep(BATCH_MS);
  }
  const kBs = (sent() * BATCH_BYTES) / (performance.now() - began);
  await Promise.all(alerts);
  t.comment(`alerts waited ${waits.join(', ')} ms; ${kBs.toFixed(1)} kB/s of ${BYTES_PER_SECOND / 1000}`);
  t.ok(Math.max(...waits) < 3500, 'about two seconds of the line, and a batch');
  t.ok(kBs > 0.8 * (BYTES_PER_SECOND / 1000), 'the line is full');
  t.equal(count(/^warn/), 0, 'the link is kept');
});
