import t from 'tap';
import { QUOTA_EXCEEDED } from '../../src/forwarder/quota.ts';
import { batches, startForwarder, uplinkConfig } from '../support/forwarding.ts';
import { MemoryOutbox } from '../support/memory-outbox.ts';
import { acknowledge, startRawBroker } from '../support/raw-broker.ts';

const isStatus = ({ topic }: { topic: string }) => topic.endsWith('/status');
const seqOf = ({ payload }: { payload: string | Buffer }): number => JSON.parse(String(payload)).seq;

t.test('while the quota is exceeded sending pauses, told once, then all goes out and none is set aside', async (t) => {
  let taken = 0;
  const accepted: number[] = [];
  let isFull = true;
  await using broker = await startRawBroker({
    publish: (packet, client) => {
      if (isStatus(packet)) return acknowledge(packet, client);
      const refuses = isFull && taken >= 5;
      if (!refuses) {
        taken += 1;
        accepted.push(seqOf(packet));
      }
      return acknowledge(packet, client, refuses ? QUOTA_EXCEEDED : 0);
    },
  });
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: batches('m', 500) });
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const { line, count } = startForwarder(t, outbox, uplinkConfig(url));
  await line(/^warn: .*takes no more for now: Quota exceeded \(reason code 151\): raise the broker’s quota/);
  const first = broker.published.length;
  t.ok(first <= 1 + 5 + 64, `${first} sent: what was in flight`);
  isFull = false;
  await outbox.until((rows) => rows.every(({ delivered }) => delivered));
  t.same(
    accepted.toSorted((a, b) => a - b),
    Array.from({ length: 500 }, (_, n) => n + 1),
  );
  t.equal(outbox.rows.filter(({ refusals }) => refusals > 0).length, 0);
  t.equal(count(/^(warn|error)/), 1);
  t.equal(broker.connects.length, 1, 'the link is kept');
});

t.test('a batch that alone is over a quota is set aside, and the others flow', async (t) => {
  await using broker = await startRawBroker({
    publish: (packet, client) => {
      const refuses = !isStatus(packet) && seqOf(packet) === 2;
      acknowledge(packet, client, refuses ? QUOTA_EXCEEDED : 0);
    },
  });
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: batches('m', 20) });
  startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`));
  await outbox.until((rows) => rows.every((row) => row.delivered || row.refusals === 1));
  t.match(outbox.rows[1], { delivered: false, refusals: 1, reason: /Quota exceeded/ });
  t.equal(outbox.rows.filter(({ delivered }) => delivered).length, 19);
});
