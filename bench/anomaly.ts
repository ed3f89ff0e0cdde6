import { performance } from 'node:perf_hooks';
import { Random } from '../simulator/mtconnect/random.ts';
import type { Observation } from '../src/observation.ts';
import { AnomalyEngine } from '../src/pipeline/anomaly/engine.ts';

/**
 * Observations a second through the scores of 20 signals and of their machine, on one core: `node bench/anomaly.ts`. Once with each
 * signal ten times a second, as from a fast controller, and once a second, where every observation is a sample of its own.
 */

const COUNT = 4_000_000;
const SIGNALS = 20;
const CHUNK = 100_000;
const T0 = Date.UTC(2026, 0, 5);
const names = Array.from({ length: SIGNALS }, (_, i) => `s${i}`);

for (const everyMs of [100, 1000]) {
  const random = new Random(42);
  const engine = new AnomalyEngine({
    ...{ signals: ['*'], state: 'state', halfLife: 3_600_000, warmUp: 600_000, settle: 15_000, sample: 1000 },
    ...{ smooth: 10_000, drift: 28_800_000, falseAlarm: 86_400_000, stale: 30_000 },
  });
  let [elapsed, scored] = [0, 0];
  for (let from = 0; from < COUNT; from += CHUNK) {
    const observations = Array.from({ length: CHUNK }, (_, i): Observation => {
      const n = from + i;
      const t = T0 + Math.floor(n / SIGNALS) * everyMs;
      return { signal: names[n % SIGNALS] as string, t, ns: 0, v: 50 + random.noise(), q: 'good' };
    });
    const start = performance.now();
    for (const observation of observations) engine.observe(observation);
    elapsed += performance.now() - start;
    if (engine.score() !== undefined) scored++;
  }
  const rate = Math.round(COUNT / (elapsed / 1000)).toLocaleString('en');
  const bytes = JSON.stringify(engine.snapshot()).length;
  const share = Math.round((100 * scored * CHUNK) / COUNT);
  console.log(
    `every ${everyMs} ms: ${rate} observations/s; the machine is scored in ${share} % of it; snapshot ${bytes} bytes`,
  );
}
