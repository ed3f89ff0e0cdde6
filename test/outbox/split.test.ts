import t from 'tap';
import { Archive } from '../../src/outbox/archive.ts';
import { split } from '../../src/outbox/split.ts';
import { verify } from '../../src/outbox/verify.ts';
import { eventSchema } from '../../src/wire/contract.ts';
import { batch, claimAll, open, payloadOf, valuesOf } from './support.ts';

t.test('columns are cut at the same places, with what is no column in each part', async (t) => {
  const body = JSON.stringify({
    rpm: { unit: 'rev/min', t: [0, 1, 2], v: [10, 11, null], q: ['good', 'good', 'bad'] },
    mode: { t: [5], v: ['AUTO'] },
  });
  const parts = split('telemetry', body, 2);
  t.same(
    parts.map(({ count, body }) => [count, JSON.parse(body)]),
    [
      [2, { rpm: { unit: 'rev/min', t: [0, 1], v: [10, 11], q: ['good', 'good'] } }],
      [2, { rpm: { unit: 'rev/min', t: [2], v: [null], q: ['bad'] }, mode: { t: [5], v: ['AUTO'] } }],
    ],
  );
  t.equal(split('telemetry', body, 99).length, 4, 'one entry each at most');
  t.equal(split('telemetry', '{"a":{"t":[0],"v":[1]}}', 2).length, 1);
  t.same(
    split('event', '[{"type":"a"},{"type":"b"},{"type":"c"}]', 2).map(({ body }) => JSON.parse(body)),
    [[{ type: 'a' }, { type: 'b' }], [{ type: 'c' }]],
  );
});

t.test('a batch is replaced by its parts, and its seq is told', async (t) => {
  const dataDir = t.testdir();
  const { outbox } = await open(t, dataDir);
  await outbox.append({ batches: [batch([1]), batch([1, 2, 3, 4, 5]), batch([6])] });
  t.equal(await outbox.split(1, 2), false, 'one entry');
  t.equal(await outbox.split(99, 2), false, 'no such batch');
  t.equal(await outbox.split(2, 2), true);
  t.equal(await outbox.split(2, 2), false, 'it is gone');
  const all = await claimAll(outbox);
  const telemetry = all.filter(({ kind }) => kind === 'telemetry');
  t.same(
    telemetry.map((one) => [one.seq, one.count, valuesOf(one)]),
    [
      [1, 1, [1]],
      [3, 1, [6]],
      [4, 3, [1, 2, 3]],
      [5, 2, [4, 5]],
    ],
  );
  const [gap] = payloadOf(all.find(({ kind }) => kind === 'event')?.body);
  t.match(gap, { type: 'gap', cause: 'split', count: 0, batches: { kind: 'telemetry', first: 2, last: 2 } });
  t.ok(eventSchema.safeParse(gap).success);
  using archive = Archive.open(dataDir);
  t.same([...verify(archive, { quick: false })], []);
});
