import t from 'tap';
import { Lanes } from '../../src/forwarder/lanes.ts';
import type { Lane, StoredBatch } from '../../src/outbox/outbox.ts';

function stored(lane: Lane, ...ids: number[]): StoredBatch[] {
  return ids.map((id) => ({
    id,
    machine: 'm',
    kind: 'telemetry',
    seq: id,
    lane,
    t0: 0,
    count: 1,
    clock: 'synced',
    body: Buffer.alloc(10),
    storedAt: 0,
    refusals: 0,
  }));
}

const all = () => true;
const range = (from: number, count: number) => Array.from({ length: count }, (_, n) => from + n);

function drain(lanes: Lanes): number[] {
  const ids: number[] = [];
  for (let batch = lanes.next(); batch !== undefined; batch = lanes.next()) ids.push(batch.id);
  return ids;
}

t.test('alerts overtake live batches, and each lane keeps its order', async (t) => {
  const lanes = new Lanes();
  lanes.claimed('live', stored('live', 1, 2, 5), all);
  lanes.claimed('alert', stored('alert', 3, 4), all);
  t.same(drain(lanes), [3, 4, 1, 2, 5]);
});

t.test('a storm of alerts lets one live batch through in nine', async (t) => {
  const lanes = new Lanes();
  lanes.claimed('live', stored('live', 1, 2, 3), all);
  lanes.claimed('alert', stored('alert', ...range(100, 20)), all);
  const ids = drain(lanes);
  t.same(
    ids.map((id, index) => (id < 100 ? index : undefined)).filter((index) => index !== undefined),
    [8, 17, 22],
  );
  t.same(
    ids.filter((id) => id >= 100),
    range(100, 20),
    'alerts in order',
  );
});

t.test('what comes back after being set aside goes first', async (t) => {
  const lanes = new Lanes();
  lanes.claimed('live', stored('live', 10, 11), all);
  lanes.returned('live', stored('live', 3, 4));
  t.equal(lanes.state('live').position, 11, 'the position stays');
  t.same(drain(lanes), [3, 4, 10, 11]);
  t.equal(lanes.state('live').bytes, 0);
});

t.test('what is stored while a claim runs is asked for, also when the claim comes back empty', async (t) => {
  const lanes = new Lanes();
  lanes.claiming('live');
  lanes.claimed('live', [], all);
  t.notOk(lanes.state('live').more);
  lanes.claiming('live');
  lanes.stored('live');
  lanes.claimed('live', [], all);
  t.ok(lanes.state('live').more);
});

t.test('the position moves over claimed batches that are not wanted', async (t) => {
  const lanes = new Lanes();
  lanes.claimed('live', stored('live', 1, 2, 3), ({ id }) => id !== 2);
  t.equal(lanes.state('live').position, 3);
  t.same(drain(lanes), [1, 3]);
});
