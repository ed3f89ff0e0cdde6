import t from 'tap';
import type { Observation, Quality, Value } from '../../../src/observation.ts';
import { FeatureEngine, type FeatureSettings } from '../../../src/pipeline/features/feature-engine.ts';
import { EventOrder } from '../../../src/pipeline/statistics/event-order.ts';
import { seededRandom } from '../../support/random.ts';
import { isClose, naiveEwma, naiveNumeric, naiveState } from './naive.ts';

const SEED = 4711;
const T0 = 1_763_640_000_000;
const LATENESS = 2000;
const settings: FeatureSettings = {
  signals: ['*'],
  windows: [60_000, 300_000],
  every: 30_000,
  ewma: { halfLife: 60_000 },
  states: ['state'],
  stateWindow: 600_000,
};
t.comment(`seed ${SEED}`);

const one = (signal: string, t: number, v: Value, q: Quality = 'good', ns = 0): Observation => ({
  signal,
  t,
  ns,
  v,
  q,
});

/** With gaps, bursts, nulls, bad and doubtful values, and order disturbed by less than the lateness. */
function randomSeries(random: () => number, count: number): Observation[] {
  let at = T0 + Math.floor(random() * 60_000);
  const series = Array.from({ length: count }, () => {
    const kind = random();
    if (kind > 0.995) at += Math.floor(random() * 1_200_000);
    else if (kind > 0.4) at += Math.floor(random() * 8000);
    const signal = ['rpm', 'load', 'state'][Math.floor(random() * 3)] as string;
    const isGood = random() > 0.1;
    const value =
      signal === 'state' ? ['running', 'idle', 'stopped'][Math.floor(random() * 3)] : 12_000 + random() * 50;
    const q = random() > 0.95 ? 'uncertain' : 'good';
    const ns = signal !== 'state' && random() > 0.8 ? Math.floor(random() * 1e6) : 0;
    return isGood ? one(signal, at, value as Value, q, ns) : one(signal, at, null, 'bad', ns);
  });
  return series
    .map((observation) => ({ observation, key: observation.t + random() * (LATENESS - 1) }))
    .sort((a, b) => a.key - b.key)
    .map(({ observation }) => observation);
}

function run(arrivals: readonly Observation[], order: EventOrder, engine: FeatureEngine): Observation[] {
  for (const observation of arrivals) order.observe(observation, engine);
  return engine.take();
}

t.test('equals a naive computation over the raw series, with gaps, bursts, nulls and disorder', async (t) => {
  const random = seededRandom(SEED);
  for (let round = 0; round < 6; round++) {
    const arrivals = randomSeries(random, 1500);
    const order = new EventOrder(LATENESS);
    const told = run(arrivals, order, new FeatureEngine(settings));
    t.equal(order.late, 0);
    const at = new Map(told.map((observation) => [`${observation.signal} ${observation.t}`, observation]));
    const last = Math.max(...arrivals.map(({ t }) => t)) - LATENESS;
    const sorted = arrivals.toSorted((a, b) => a.t - b.t || a.ns - b.ns);
    const bySignal = Map.groupBy(sorted, ({ signal }) => signal);
    let wrong = 0;
    let compared = 0;
    const expectClose = (name: string, T: number, expected: number | null | undefined) => {
      const { v } = at.get(`${name} ${T}`) ?? {};
      compared += 1;
      const isRight =
        typeof expected === 'number'
          ? typeof v === 'number' && isClose(v, expected)
          : (v ?? null) === (expected ?? null);
      if (!isRight) {
        wrong += 1;
        t.comment(`round ${round}: ${name} at ${T}: ${v} instead of ${expected}`);
      }
    };
    const held = new Map<string, number>();
    for (let T = Math.ceil((sorted[0] as Observation).t / 30_000) * 30_000; T < last; T += 30_000) {
      for (const signal of ['rpm', 'load']) {
        for (const [window, name] of [
          [60_000, '1m'],
          [300_000, '5m'],
        ] as const) {
          const naive = naiveNumeric(bySignal.get(signal) ?? [], T, window);
          for (const what of ['mean', 'stddev', 'min', 'max'] as const) {
            expectClose(`${signal}.${what}_${name}`, T, naive?.[what]);
          }
          if (name === '1m') expectClose(`${signal}.rate`, T, naive?.rate);
          else if (naive !== undefined) {
            expectClose(`${signal}.ewma`, T, naiveEwma(bySignal.get(signal) ?? [], T, 60_000));
          }
          if (naive !== undefined) t.equal(at.get(`${signal}.mean_${name} ${T}`)?.q, naive.q);
        }
      }
      const { transitions, time } = naiveState(bySignal.get('state') ?? [], T, 600_000);
      const isKnown = Object.keys(time).length > 0;
      const expected: Record<string, number> = isKnown ? { 'state.transitions_10m': transitions } : {};
      for (const [value, seconds] of Object.entries(time)) expected[`state.time_${value}_10m`] = seconds;
      for (const [name, value] of Object.entries(expected)) {
        const v = at.get(`${name} ${T}`)?.v;
        if (typeof v === 'number') held.set(name, v);
        compared += 1;
        if (!isClose(held.get(name) ?? Number.NaN, value)) {
          wrong += 1;
          t.comment(`round ${round}: ${name} at ${T}: ${held.get(name)} instead of ${value}`);
        }
      }
    }
    t.equal(wrong, 0, `round ${round}: ${compared} values`);
  }
});

t.test('a restart with its state and its history equals no restart', async (t) => {
  const random = seededRandom(SEED + 1);
  for (let round = 0; round < 12; round++) {
    const arrivals = randomSeries(random, 1500);
    const whole = run(arrivals, new EventOrder(LATENESS), new FeatureEngine(settings));
    const cut = Math.floor(random() * arrivals.length);
    let [order, engine] = [new EventOrder(LATENESS), new FeatureEngine(settings)];
    const before = run(arrivals.slice(0, cut), order, engine);
    const kept = JSON.parse(JSON.stringify([order.snapshot(), engine.snapshot()]));
    [order, engine] = [new EventOrder(LATENESS), new FeatureEngine(settings)];
    order.restore(kept[0]);
    engine.restore(kept[1]);
    const warming = { observe: (o: Observation) => engine.warm(o), advance: () => undefined };
    const from = order.watermark - engine.history - LATENESS;
    for (const observation of arrivals.slice(0, cut)) if (observation.t >= from) order.warm(observation, warming);
    order.settle(warming);
    engine.settle();
    t.same(engine.take(), [], 'nothing is told while it warms up');
    t.same([...before, ...run(arrivals.slice(cut), order, engine)], whole, `round ${round}: cut at ${cut}`);
  }
});

t.test('a window that has run empty is told once, as null', async (t) => {
  const engine = new FeatureEngine(settings);
  engine.observe(one('rpm', T0 + 1, 5));
  engine.advance(T0 + 3_600_000);
  const means = engine.take().filter(({ signal }) => signal === 'rpm.mean_1m');
  t.same(
    means.map(({ t, v, q }) => [t - T0, v, q]),
    [
      [30_000, 5, 'good'],
      [60_000, 5, 'good'],
      [90_000, null, 'bad'],
    ],
  );
});

t.test('the moving average weighs by time, and neither null nor text touches it', async (t) => {
  const engine = new FeatureEngine(settings);
  engine.observe(one('rpm', T0 + 1, 0));
  engine.observe(one('rpm', T0 + 10_000, null, 'bad'));
  engine.observe(one('rpm', T0 + 20_000, 'fast'));
  engine.observe(one('rpm', T0 + 60_001, 100));
  engine.advance(T0 + 90_001);
  const ewma = engine.take().filter(({ signal }) => signal === 'rpm.ewma');
  t.same(
    ewma.map(({ v }) => v),
    [0, 0, 50],
  );
  t.equal(engine.ignored, 1);
});

t.test('a held state goes on counting, and a jump of years costs no more than two windows', async (t) => {
  const engine = new FeatureEngine(settings);
  engine.observe(one('state', T0, 'running'));
  engine.advance(T0 + 3 * 365 * 86_400_000);
  const told = engine.take();
  t.equal(told.findLast(({ signal }) => signal === 'state.time_running_10m')?.v, 600);
  t.ok(told.length < 50, 'what stays as it is is not told again');
  engine.observe(one('state', T0 + 3 * 365 * 86_400_000, 'idle'));
  engine.advance(T0 + 3 * 365 * 86_400_000 + 30_001);
  const after = Object.fromEntries(engine.take().map(({ signal, v }) => [signal, v]));
  t.match(after, { 'state.transitions_10m': 1, 'state.time_idle_10m': 30, 'state.time_running_10m': 570 });
});

t.test('of more values of a state than 16 the others are one', async (t) => {
  const engine = new FeatureEngine(settings);
  for (let i = 0; i < 40; i++) engine.observe(one('state', T0 + i * 1000, `mode ${i}`));
  engine.advance(T0 + 60_001);
  const names = new Set(engine.take().map(({ signal }) => signal));
  t.equal(names.size, 18);
  t.ok(names.has('state.time_other_10m'));
  t.ok(names.has('state.time_mode_3_10m'));
});
