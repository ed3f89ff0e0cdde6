import t from 'tap';
import type { Observation } from '../../../src/observation.ts';
import { EventOrder } from '../../../src/pipeline/statistics/event-order.ts';
import { seededRandom } from '../../support/random.ts';

const SEED = 99;
t.comment(`seed ${SEED}`);

const one = (t: number, v = t): Observation => ({ signal: 'a', t, ns: 0, v, q: 'good' });

function collector() {
  const seen: Observation[] = [];
  let before = Number.NEGATIVE_INFINITY;
  return {
    seen,
    observe: (observation: Observation) => void seen.push(observation),
    advance: (to: number) => {
      before = to;
    },
    get before() {
      return before;
    },
  };
}

t.test('hands on in order of time what comes in disorder within the lateness', async (t) => {
  const random = seededRandom(SEED);
  const arrivals = Array.from({ length: 5000 }, (_, i) => one(i * 10, i))
    .map((observation) => ({ observation, key: observation.t + random() * 1999 }))
    .sort((a, b) => a.key - b.key);
  const [order, sink] = [new EventOrder(2000), collector()];
  for (const { observation } of arrivals) order.observe(observation, sink);
  order.advance(1e6, sink);
  t.same(
    sink.seen.map(({ v }) => v),
    Array.from({ length: 5000 }, (_, i) => i),
  );
  t.equal(order.late, 0);
  t.equal(sink.before, 1e6 - 2000);
});

t.test('what comes later is counted and left out', async (t) => {
  const [order, sink] = [new EventOrder(2000), collector()];
  for (const at of [10_000, 8000, 7999, 10_001]) order.observe(one(at), sink);
  order.advance(20_000, sink);
  t.equal(order.late, 1);
  t.same(
    sink.seen.map(({ t }) => t),
    [8000, 10_000, 10_001],
  );
});

t.test('without lateness, observations of one time are all taken', async (t) => {
  const [order, sink] = [new EventOrder(0), collector()];
  for (const v of [1, 2, 3]) order.observe(one(5000, v), sink);
  order.observe(one(5001), sink);
  t.same(
    sink.seen.map(({ v }) => v),
    [1, 2, 3],
  );
  t.equal(order.late, 0);
});

t.test('with more that wait than there is room for, the oldest go on early', async (t) => {
  const [order, sink] = [new EventOrder(1e9, 100), collector()];
  for (let i = 0; i < 1000; i++) order.observe(one(i), sink);
  t.equal(sink.seen.length, 900);
  order.observe(one(10), sink);
  t.equal(order.late, 1);
});
