import { performance } from 'node:perf_hooks';
import type { Observation } from '../src/observation.ts';
import { FeatureEngine } from '../src/pipeline/features/feature-engine.ts';
import { RollupEngine } from '../src/pipeline/rollups/rollup-engine.ts';
import { EventOrder } from '../src/pipeline/statistics/event-order.ts';

/**
 * Observations a second through the order of event time, all features and all rollups, on one core: `node
 * bench/statistics.ts`. 20 numbers come ten times a second each, as from a fast controller, and a state each minute.
 */

const COUNT = 4_000_000;
const CHUNK = 200_000;
const SIGNALS = 20;
const EVERY_MS = 100;
const MINUTE = 60_000;
const T0 = Date.UTC(2026, 0, 5);

let seed = 42;
const random = () => {
  seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
  return seed / 2 ** 31;
};

const features = new FeatureEngine({
  ...{ signals: ['*'], windows: [5 * MINUTE, 30 * MINUTE], every: 30_000, ewma: { halfLife: 5 * MINUTE } },
  ...{ states: ['state'], stateWindow: 60 * MINUTE },
});
const rollups = new RollupEngine({ signals: ['*'], windows: [MINUTE, 5 * MINUTE, 60 * MINUTE], states: ['state'] });
const both = {
  observe(observation: Observation) {
    features.observe(observation);
    rollups.observe(observation);
  },
  advance(before: number) {
    features.advance(before);
    rollups.advance(before);
  },
};
const order = new EventOrder(2000);
const names = Array.from({ length: SIGNALS }, (_, i) => `s${i}`);

const rates: number[] = [];
let told = 0;
for (let from = 0; from < COUNT; from += CHUNK) {
  const observations = Array.from({ length: CHUNK }, (_, i): Observation => {
    const t = T0 + Math.floor((from + i) / SIGNALS) * EVERY_MS;
    const isState = (from + i) % (SIGNALS * 600) === 0;
    return isState
      ? { signal: 'state', t, ns: 0, v: random() < 0.5 ? 'running' : 'stopped', q: 'good' }
      : { signal: names[(from + i) % SIGNALS] as string, t, ns: 0, v: random() * 100, q: 'good' };
  });
  const start = performance.now();
  for (const observation of observations) order.observe(observation, both);
  told += features.take().length + rollups.take().length;
  rates.push(CHUNK / ((performance.now() - start) / 1000));
}
const sorted = rates.toSorted((a, b) => a - b);
const figure = (rate: number | undefined) => Math.round(rate ?? 0).toLocaleString('en');
console.log(`${figure(sorted[Math.floor(sorted.length / 2)])} observations/s (median of ${rates.length} chunks)`);
console.log(`slowest ${figure(sorted[0])}, fastest ${figure(sorted.at(-1))}; ${told} features and bodies told`);
console.log(`snapshot: ${JSON.stringify([features.snapshot(), rollups.snapshot(), order.snapshot()]).length} bytes`);
