import t from 'tap';
import { Random } from '../../../simulator/mtconnect/random.ts';
import type { Observation, Value } from '../../../src/observation.ts';
import { AnomalyEngine } from '../../../src/pipeline/anomaly/engine.ts';
import { DEFAULTS, HOUR, MINUTE, observation, Plant, SECOND, SIGNALS, T0 } from './plant.ts';

const SEEDS = process.env['LONG'] === '1' ? 20 : 3;
const settings = { ...DEFAULTS, warmUp: 8 * MINUTE };

/** Three hours with changes of state, missing values, late ones and silence. */
function history(seed: number): Observation[] {
  const [random, plant] = [new Random(seed), new Plant(seed)];
  const all: Observation[] = [];
  let isRunning = true;
  for (let second = 0; second < (3 * HOUR) / SECOND; second++) {
    const t = T0 + second * SECOND;
    if (second % 700 === 0) {
      isRunning = !isRunning || random.next() < 0.3;
      all.push(observation('state', t, isRunning ? 'running' : 'idle'));
    }
    const values = plant.next(isRunning);
    if (random.next() < 0.0005) second += 120;
    for (const signal of SIGNALS) {
      const dice = random.next();
      if (dice < 0.001) all.push(observation(signal, t, null, 'bad'));
      else all.push(observation(signal, t - (dice < 0.02 ? 1500 : 0), values[signal]));
    }
  }
  return all;
}

/** All scores. */
const told = (engine: AnomalyEngine) => [
  engine.score(),
  ...SIGNALS.map((signal) => engine.score(signal)),
  engine.contributors(),
];

t.test(
  'restored from its snapshot at any moment, an engine gives the same scores as without the restart',
  async (t) => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const random = new Random(seed + 100);
      const steady = new AnomalyEngine(settings);
      let restarted = new AnomalyEngine(settings);
      let [restarts, scored, other] = [0, 0, 0];
      for (const each of history(seed)) {
        steady.observe(each);
        restarted.observe(each);
        if (random.next() < 0.002) {
          const kept = JSON.parse(JSON.stringify(restarted.snapshot())) as Value;
          restarted = new AnomalyEngine(settings);
          restarted.restore(kept);
          restarts++;
        }
        if (random.next() > 0.05) continue;
        const expected = told(steady);
        if (expected[0] !== undefined) scored++;
        if (JSON.stringify(told(restarted)) !== JSON.stringify(expected)) other++;
      }
      t.equal(other, 0, `seed ${seed}: ${restarts} restarts`);
      t.ok(restarts > 50 && scored > 100, `seed ${seed}: ${scored} scores compared`);
      t.same(restarted.snapshot(), steady.snapshot());
    }
  },
);

t.test('a snapshot of other settings is left alone, and so is none', async (t) => {
  const engine = new AnomalyEngine(settings);
  for (const each of history(1)) engine.observe(each);
  const other = new AnomalyEngine({ ...settings, sample: 2000 });
  const fresh = other.snapshot();
  other.restore(engine.snapshot());
  other.restore(null);
  t.same(other.snapshot(), fresh);
});

t.test('the machine of k signals keeps no more than k² + 30 k numbers a state', async (t) => {
  const engine = new AnomalyEngine(settings);
  for (const each of history(2)) engine.observe(each);
  const numbers = JSON.stringify(engine.snapshot())
    .split(/[,[\]{}:]/)
    .filter((text) => /^-?\d/.test(text)).length;
  t.ok(numbers < 3 * (6 ** 2 + 30 * 6), `${numbers}`);
});
