import t from 'tap';
import type { Observation, Quality, Value } from '../../../src/observation.ts';
import { type RollupBody, RollupEngine } from '../../../src/pipeline/rollups/rollup-engine.ts';
import { windowsSchema } from '../../../src/wire/contract.ts';
import { seededRandom } from '../../support/random.ts';
import { isClose } from '../features/naive.ts';

const SEED = 815;
const MINUTE = 60_000;
const T0 = 1_763_640_000_000;
const settings = { signals: ['*'], windows: [MINUTE, 5 * MINUTE, 60 * MINUTE], states: ['state'] };
t.comment(`seed ${SEED}`);

const one = (signal: string, t: number, v: Value, q: Quality = 'good'): Observation => ({ signal, t, ns: 0, v, q });

function randomSeries(random: () => number, count: number): Observation[] {
  let at = T0 + Math.floor(random() * MINUTE);
  return Array.from({ length: count }, () => {
    at += random() > 0.99 ? Math.floor(random() * 90 * MINUTE) : Math.floor(random() * 9000);
    if (random() > 0.9) return one(random() > 0.5 ? 'rpm' : 'state', at, null, 'bad');
    return random() > 0.6
      ? one('rpm', at, 1e4 + random() * 100)
      : one('state', at, random() > 0.5 ? 'running' : 'idle');
  });
}

/** A row for each window. */
function rowsOf(bodies: readonly RollupBody[]) {
  return bodies.flatMap(({ window, t0, rollups }) =>
    Object.entries(rollups).flatMap(([signal, columns]) =>
      columns.t.map((offset, i) => ({
        key: `${signal} ${window} ${t0 + offset}`,
        ...{ signal, window, start: t0 + offset, n: columns.n[i] as number },
        ...{ min: columns.min[i], max: columns.max[i], mean: columns.mean[i], stddev: columns.stddev[i] },
        ...{ first: columns.first[i], last: columns.last[i] },
        time: Object.fromEntries(Object.entries(columns.time ?? {}).map(([value, seconds]) => [value, seconds[i]])),
      })),
    ),
  );
}

t.test('windows of each length equal a naive computation, and each observation is in one of each', async (t) => {
  const random = seededRandom(SEED);
  const series = randomSeries(random, 4000);
  const engine = new RollupEngine(settings);
  const rows: ReturnType<typeof rowsOf> = [];
  for (const observation of series) {
    engine.observe(observation);
    if (random() > 0.99) rows.push(...rowsOf(engine.take()));
  }
  engine.advance((series.at(-1) as Observation).t + 60 * MINUTE);
  rows.push(...rowsOf(engine.take()));
  t.equal(new Set(rows.map(({ key }) => key)).size, rows.length, 'each window once');
  for (const window of settings.windows) {
    for (const signal of ['rpm', 'state']) {
      const total = rows
        .filter((row) => row.window === window && row.signal === signal)
        .reduce((sum, { n }) => sum + n, 0);
      t.equal(total, series.filter((observation) => observation.signal === signal).length);
    }
  }
  let wrong = 0;
  const states = series.filter(({ signal }) => signal === 'state');
  for (const row of rows) {
    const end = row.start + row.window;
    const inside = series.filter(({ signal, t }) => signal === row.signal && t >= row.start && t < end);
    const values = inside.flatMap(({ v }) => (typeof v === 'number' ? [v] : []));
    const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
    const stddev = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length);
    const isRight =
      row.n === inside.length &&
      row.first === (inside[0]?.v ?? null) &&
      row.last === (inside.at(-1)?.v ?? null) &&
      (values.length === 0
        ? row.mean === null && row.min === null && row.stddev === null
        : isClose(row.mean ?? Number.NaN, mean) &&
          isClose(row.stddev ?? Number.NaN, stddev) &&
          row.min === Math.min(...values) &&
          row.max === Math.max(...values));
    let isTimeRight = true;
    if (row.signal === 'state') {
      for (const value of ['running', 'idle']) {
        const ms = states.reduce((sum, { t, v }, i) => {
          const until = Math.min(end, states[i + 1]?.t ?? end);
          return v === value ? sum + Math.max(0, until - Math.max(t, row.start)) : sum;
        }, 0);
        isTimeRight &&= isClose(row.time[value] ?? 0, ms / 1000);
      }
    }
    if (!isRight || !isTimeRight) {
      wrong += 1;
      t.comment(JSON.stringify(row));
    }
  }
  t.equal(wrong, 0, `${rows.length} windows`);
});

t.test('a restart with the snapshot equals no restart', async (t) => {
  const random = seededRandom(SEED + 1);
  for (let round = 0; round < 20; round++) {
    const series = randomSeries(random, 600);
    const whole = new RollupEngine(settings);
    for (const observation of series) whole.observe(observation);
    const cut = Math.floor(random() * series.length);
    const before = new RollupEngine(settings);
    for (const observation of series.slice(0, cut)) before.observe(observation);
    const rows = rowsOf(before.take());
    const after = new RollupEngine(settings);
    after.restore(JSON.parse(JSON.stringify(before.snapshot())));
    for (const observation of series.slice(cut)) after.observe(observation);
    rows.push(...rowsOf(after.take()));
    const byKey = (of: typeof rows) => of.toSorted((a, b) => (a.key < b.key ? -1 : 1));
    const withTimes = (of: typeof rows) => of.map((row) => ({ ...row, time: { running: 0, idle: 0, ...row.time } }));
    t.same(withTimes(byKey(rows)), withTimes(byKey(rowsOf(whole.take()))), `round ${round}: cut at ${cut}`);
  }
});

t.test('is in the form of the contract', async (t) => {
  const engine = new RollupEngine(settings);
  engine.observe(one('rpm', T0 + 1, 5));
  engine.observe(one('state', T0 + 15_000, 'running'));
  engine.observe(one('state', T0 + 61_000, 'idle'));
  engine.advance(T0 + 2 * MINUTE);
  const [body] = engine.take((signal) => (signal === 'rpm' ? 'rev/min' : undefined));
  t.match(body, { window: MINUTE, t0: T0, count: 3 });
  for (const columns of Object.values(body?.rollups ?? {})) t.ok(windowsSchema.safeParse(columns).success);
  t.match(body?.rollups['rpm'], { unit: 'rev/min', t: [0], n: [1], mean: [5], stddev: [0], first: [5], last: [5] });
  t.same(body?.rollups['state']?.time, { running: [45, 1], idle: [0, 59] });
  t.same(engine.take(), [], 'each window is told once');
});

t.test('a state that is held is told on and on, an unknown one is not', async (t) => {
  const engine = new RollupEngine(settings);
  engine.observe(one('state', T0, 'stopped'));
  engine.advance(T0 + 3 * MINUTE);
  const told = rowsOf(engine.take());
  t.same(
    told.map(({ n, time, last }) => [n, time['stopped'], last]),
    [
      [1, 60, 'stopped'],
      [0, 60, null],
      [0, 60, null],
    ],
  );
  engine.observe(one('state', T0 + 3 * MINUTE, null, 'bad'));
  engine.advance(T0 + 600 * MINUTE);
  const minutes = rowsOf(engine.take()).filter(({ window }) => window === MINUTE);
  t.same(
    minutes.map(({ n, time }) => [n, time]),
    [[1, {}]],
  );
});

t.test('a state is unknown over a time of more than a day in which nobody looked', async (t) => {
  const engine = new RollupEngine(settings);
  engine.observe(one('state', T0, 'stopped'));
  engine.observe(one('state', T0 + 3 * 365 * 86_400_000, 'idle'));
  t.same(
    rowsOf(engine.take()).map(({ n, window }) => [n, window]),
    [
      [1, MINUTE],
      [1, 5 * MINUTE],
      [1, 60 * MINUTE],
    ],
  );
});
