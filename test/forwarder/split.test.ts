import t from 'tap';
import { batch, open } from '../outbox/support.ts';
import { startForwarder, uplinkConfig } from '../support/forwarding.ts';
import { startRawBroker } from '../support/raw-broker.ts';

t.test('a batch larger than the broker takes arrives in parts, and its seq is explained', async (t) => {
  await using broker = await startRawBroker({ connack: () => ({ properties: { maximumPacketSize: 4000 } }) });
  const { outbox } = await open(t, t.testdir());
  const values = Array.from({ length: 2000 }, (_, i) => i / 3);
  await outbox.append({ batches: [batch([1]), batch(values), batch([2])] });
  startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`));
  const read = () =>
    broker.published
      .filter(({ topic }) => !topic.endsWith('/status'))
      .map(({ payload }) => JSON.parse(payload.toString()));
  const got = () => read().flatMap(({ seq, signals }) => (signals === undefined ? [] : [{ seq, v: signals.rpm.v }]));
  await broker.until(
    () => got().reduce((sum, { v }) => sum + v.length, 0) === 2002 && read().some((one) => one.events),
  );
  t.same(
    got().flatMap(({ seq, v }) => (seq > 3 ? v : [])),
    values,
    'in order, none twice',
  );
  t.same(
    got()
      .map(({ seq }) => seq)
      .filter((seq) => seq <= 3),
    [1, 3],
  );
  t.match(
    read().find((one) => one.events),
    { events: [{ type: 'gap', cause: 'split', count: 0, batches: { kind: 'telemetry', first: 2, last: 2 } }] },
  );
  for (const { payload } of broker.published) t.ok(payload.length < 4000);
});
