import { performance } from 'node:perf_hooks';
import { pino } from 'pino';
import { alertsSchema } from '../src/config/alerts.ts';
import { featuresSchema } from '../src/config/features.ts';
import { rollupsSchema } from '../src/config/rollups.ts';
import type { Observation } from '../src/observation.ts';
import type { Append } from '../src/outbox/outbox.ts';
import { Engines } from '../src/pipeline/engines.ts';
import { MachinePipeline } from '../src/pipeline/machine-pipeline.ts';
import { CONDITIONS } from './measure/conditions.ts';

/**
 * Observations a second through the pipeline of one machine on one core, up to what is handed to the outbox: 20 rules of mixed
 * kinds, features and rollups of all 20 signals. Beside it the same without engines: `node bench/pipeline.ts`.
 */

const COUNT = 3_000_000;
const READING = 200;
const SIGNALS = 20;
const EVERY_MS = 100;
const T0 = Date.UTC(2026, 0, 5);

let seed = 42;
const random = () => {
  seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
  return seed / 2 ** 31;
};
const names = Array.from({ length: SIGNALS }, (_, i) => `s${i}`);
const readings = Array.from({ length: COUNT / READING }, (_, r): Observation[] =>
  Array.from({ length: READING }, (_, i) => {
    const n = r * READING + i;
    const t = T0 + Math.floor(n / SIGNALS) * EVERY_MS;
    return n % (SIGNALS * 600) === 0
      ? { signal: 'state', t, ns: 0, v: random() < 0.5 ? 'running' : 'stopped', q: 'good' }
      : { signal: names[n % SIGNALS] as string, t, ns: 0, v: random() * 100, q: 'good' };
  }),
);

/** An outbox that takes everything at once. */
function sink() {
  let [batches, bytes] = [0, 0];
  const outbox = {
    isFull: () => false,
    append: async ({ batches: all }: Append) => {
      for (const { body } of all) bytes += body.length;
      batches += all.length;
    },
  };
  return { outbox: outbox as never, told: () => ({ batches, bytes }) };
}

async function run(isComputed: boolean): Promise<void> {
  const rules = alertsSchema.parse(CONDITIONS.map((condition, i) => ({ name: `r${i}`, condition })));
  const features = featuresSchema.parse({ signals: ['*'] });
  const rollups = rollupsSchema.parse({ signals: ['*'] });
  const engines = new Engines({
    machine: 'm',
    labels: {},
    rules: [],
    ...(isComputed ? { rules, features, rollups } : {}),
  });
  const { outbox, told } = sink();
  const clock = { time: T0, now: () => clock.time, origin: () => 0 };
  const pipeline = new MachinePipeline({
    ...{ machine: 'm', labels: {}, outbox, clock, steady: clock, engines, log: pino({ level: 'silent' }) },
    ...{ whenFull: () => 'pause', clockQuality: () => 'synced', channelsOf: () => [], observed: () => undefined },
    source: { tenant: 'a', gateway: 'g', labels: {} },
  });
  const signal = new AbortController().signal;
  const rates: number[] = [];
  let start = performance.now();
  for (const [i, observations] of readings.entries()) {
    clock.time = T0 + ((i + 1) * READING * EVERY_MS) / SIGNALS;
    await pipeline.accept({ observations, cursor: { next: i } }, signal);
    if (i % 10 === 9) pipeline.flush();
    if (i % 1000 !== 999) continue;
    rates.push((1000 * READING) / ((performance.now() - start) / 1000));
    start = performance.now();
  }
  await pipeline.drain();
  const sorted = rates.toSorted((a, b) => a - b);
  const figure = (rate: number | undefined) => Math.round(rate ?? 0).toLocaleString('en');
  const what = isComputed ? '20 rules, features and rollups of 20 signals' : 'nothing computed';
  console.log(
    `${what}: ${figure(sorted[sorted.length >> 1])} observations/s (median of ${rates.length}; slowest ${figure(sorted[0])}, fastest ${figure(sorted.at(-1))})`,
    told(),
  );
}

await run(false);
await run(true);
