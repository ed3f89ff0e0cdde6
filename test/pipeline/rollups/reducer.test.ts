import t from 'tap';
import type { Observation, Quality, Value } from '../../../src/observation.ts';
import { Reducer, type SendSettings } from '../../../src/pipeline/rollups/reducer.ts';
import { seededRandom } from '../../support/random.ts';

const SEED = 333;
t.comment(`seed ${SEED}`);

const one = (t: number, v: Value, q: Quality = 'good', signal = 'temp'): Observation => ({ signal, t, ns: 0, v, q });
const change = (settings: Partial<SendSettings>): SendSettings => ({
  ...{ signals: ['*'], send: 'change', maxInterval: 600_000 },
  ...settings,
});

function sent(settings: SendSettings, series: readonly Observation[]): Observation[] {
  const out: Observation[] = [];
  const reducer = new Reducer([settings]);
  for (const observation of series) reducer.observe(observation, out);
  reducer.flush(out);
  return out;
}

const values = (observations: readonly Observation[]) => observations.map(({ v }) => v);

t.test(
  'swinging door: what is left out lies within the deviation of the line between its kept neighbours',
  async (t) => {
    const random = seededRandom(SEED);
    let [all, kept, worst] = [0, 0, 0];
    for (let round = 0; round < 100; round++) {
      let [at, v] = [0, 20];
      const series = Array.from({ length: 500 }, () => {
        at += Math.floor(random() * 3000);
        v += (random() - 0.5) * (random() > 0.97 ? 20 : 0.4);
        return one(at, v);
      });
      const out = sent(change({ deviation: 0.5, maxInterval: 3_600_000 }), series);
      t.equal(out[0], series[0]);
      t.equal(out.at(-1), series.at(-1));
      for (let i = 1; i < out.length; i++) {
        const [a, b] = [out[i - 1] as Observation, out[i] as Observation];
        for (const { t: at, v } of series.slice(series.indexOf(a) + 1, series.indexOf(b))) {
          const line = (a.v as number) + (((b.v as number) - (a.v as number)) * (at - a.t)) / (b.t - a.t);
          worst = Math.max(worst, Math.abs((v as number) - line));
        }
      }
      all += series.length;
      kept += out.length;
    }
    t.ok(worst <= 0.5 + 1e-9, `at most ${worst} away`);
    t.ok(kept < all / 2, `${kept} of ${all} kept`);
  },
);

t.test('dead band: what is left out differs from the last kept value by no more', async (t) => {
  const random = seededRandom(SEED);
  let v = 100;
  const series = Array.from({ length: 2000 }, (_, i) => {
    v += (random() - 0.5) * 2;
    return one(i * 100, v);
  });
  const out = sent(change({ deadband: 1 }), series);
  let last = Number.NaN;
  let worst = 0;
  for (const observation of series) {
    if (out.includes(observation)) last = observation.v as number;
    worst = Math.max(worst, Math.abs((observation.v as number) - last));
  }
  t.ok(worst <= 1 && out.length < 1000, `${out.length} of 2000 kept, at most ${worst} away`);
  const percent = sent(change({ deadbandPercent: 10 }), [
    one(0, 100),
    one(1, 109),
    one(2, 111),
    one(3, 121),
    one(4, 122.2),
  ]);
  t.same(values(percent), [100, 111, 122.2]);
});

t.test('the first, changes of quality, texts that differ and one a maxInterval are always kept', async (t) => {
  const series = [
    ...[one(0, 1), one(1, 1), one(2, 1, 'uncertain'), one(3, null, 'bad'), one(4, null, 'bad'), one(5, 1), one(6, 1)],
    ...[one(600_004, 1), one(600_005, 1), one(600_006, 'jam'), one(600_007, 'jam'), one(600_008, 'ok')],
  ];
  for (const settings of [change({ deadband: 5 }), change({ deviation: 5 })]) {
    const out = sent(settings, series).filter(({ t }) => t !== 6 && t !== 600_004);
    t.same(
      out.map(({ t }) => t),
      [0, ...('deviation' in settings ? [1] : []), 2, 3, 5, 600_005, 600_006, 600_008],
    );
  }
});

t.test('late ones are kept, and touch nothing', async (t) => {
  const out = sent(change({ deadband: 5 }), [one(1000, 1), one(500, 2), one(1500, 3), one(2000, 9)]);
  t.same(values(out), [1, 2, 9]);
});

t.test('a restart with the snapshot equals no restart', async (t) => {
  const random = seededRandom(SEED + 1);
  for (const settings of [change({ deviation: 2 }), change({ deadband: 2 })]) {
    const series = Array.from({ length: 400 }, (_, i) => one(i * 1000, random() * 10));
    const whole = sent(settings, series);
    for (const cut of [1, 57, 200, 399]) {
      const out: Observation[] = [];
      const before = new Reducer([settings]);
      for (const observation of series.slice(0, cut)) before.observe(observation, out);
      const after = new Reducer([settings]);
      after.restore(JSON.parse(JSON.stringify(before.snapshot())));
      for (const observation of series.slice(cut)) after.observe(observation, out);
      after.flush(out);
      t.same(out, whole, `cut at ${cut}`);
    }
  }
});

t.test('the first entry that fits a signal counts, others are sent raw', async (t) => {
  const reducer = new Reducer([
    { signals: ['rpm'], send: 'raw', maxInterval: 1 },
    { signals: ['r*'], send: 'none', maxInterval: 1 },
    { signals: ['load'], send: 'rollup', maxInterval: 1 },
  ]);
  const out: Observation[] = [];
  for (const signal of ['rpm', 'ramp', 'load', 'other']) reducer.observe(one(1, 1, 'good', signal), out);
  t.same(
    out.map(({ signal }) => signal),
    ['rpm', 'other'],
  );
  t.same(
    ['rpm', 'ramp', 'load', 'other'].map((signal) => reducer.sendsRollups(signal)),
    [true, false, true, true],
  );
});
