import t from 'tap';
import { Lanes, type SendLane } from '../../src/forwarder/lanes.ts';
import { stored } from './support.ts';

const all = () => true;
const range = (from: number, count: number) => Array.from({ length: count }, (_, n) => from + n);

function drain(lanes: Lanes, may: (lane: SendLane) => boolean = all): number[] {
  const ids: number[] = [];
  for (let next = lanes.next(may); next !== undefined; next = lanes.next(may)) ids.push(next.batch.id);
  return ids;
}

t.test('alerts overtake live batches, these the backlog, and each lane keeps its order', async (t) => {
  const lanes = new Lanes();
  lanes.add('backfill', stored(1, 2));
  lanes.add('live', stored(6, 7, 9));
  lanes.add('alert', stored(3, 8));
  t.same(drain(lanes), [3, 8, 6, 7, 9, 1, 2]);
  for (const lane of ['alert', 'live', 'backfill'] as const) t.equal(lanes.state(lane).bytes, 0);
});

t.test('a storm in one lane lets one batch in nine of each lower lane through', async (t) => {
  const lanes = new Lanes();
  lanes.add('backfill', stored(1, 2, 3));
  lanes.add('live', stored(11, 12, 13));
  lanes.add('alert', stored(...range(100, 40)));
  const ids = drain(lanes);
  t.same(
    ids.filter((id) => id >= 100),
    range(100, 40),
    'alerts in order',
  );
  for (const lane of [
    [1, 2, 3],
    [11, 12, 13],
  ]) {
    const places = lane.map((id) => ids.indexOf(id));
    t.ok(
      places.every((place, i) => place - (places[i - 1] ?? 0) <= 10),
      places.join(),
    );
  }
});

t.test('a lane that may not send waits, and holds up nobody', async (t) => {
  const lanes = new Lanes();
  lanes.add('backfill', stored(1, 2));
  lanes.add('live', stored(6));
  t.same(
    drain(lanes, (lane) => lane !== 'backfill'),
    [6],
  );
  t.same(drain(lanes), [1, 2]);
});

t.test('what comes back after being set aside goes first', async (t) => {
  const lanes = new Lanes();
  lanes.add('live', stored(10, 11));
  lanes.add('live', stored(3, 4), true);
  t.ok(lanes.has(4));
  t.same(drain(lanes), [3, 4, 10, 11]);
  t.notOk(lanes.has(4));
});
