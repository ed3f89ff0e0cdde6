import t, { type Test } from 'tap';
import { alertsSchema } from '../../src/config/alerts.ts';
import { anomalySchema } from '../../src/config/anomaly.ts';
import { featuresSchema } from '../../src/config/features.ts';
import { oeeSchema } from '../../src/config/oee.ts';
import { rollupsSchema } from '../../src/config/rollups.ts';
import type { Cursor, Observation } from '../../src/observation.ts';
import { openOutbox } from '../../src/outbox/client.ts';
import { LANES } from '../../src/outbox/outbox.ts';
import { Engines } from '../../src/pipeline/engines.ts';
import { MachinePipeline } from '../../src/pipeline/machine-pipeline.ts';
import { warmUp } from '../../src/pipeline/warm-up.ts';
import { payloadOf, ROOMY, recordingLog } from '../outbox/support.ts';
import { seededRandom } from '../support/random.ts';

const RUNS = process.env['SOAK'] === '1' ? 40 : 3;
const T0 = Date.UTC(2026, 10, 2, 6);
const SECONDS = 5400;
const seed = Number(process.env['SEED'] ?? Date.now() % 1e6);

const settings = {
  rules: alertsSchema
    .parse([
      { name: 'hot', condition: 'temp > 60', duration: '20s', clear: 'temp < 55' },
      { name: 'busy', condition: 'avg(load, 2m) > 62' },
      { name: 'still', condition: "state == 'stopped' AND duration > 90" },
      { name: 'mean', condition: "signal('load.mean_5m') > 56", shadow: true },
      { name: 'odd', condition: 'anomaly(machine) > 3' },
    ])
    .map(({ channels: _, ...rule }) => rule),
  features: featuresSchema.parse({ signals: ['load', 'temp'] }),
  rollups: rollupsSchema.parse({
    signals: ['*'],
    send: [
      { signals: ['temp'], send: 'change', deviation: 0.5 },
      { signals: ['load'], send: 'rollup' },
    ],
  }),
  oee: oeeSchema.parse([{ parts: 'parts', idealCycle: '20s', minDowntime: '30s' }]),
  anomaly: anomalySchema.parse({ signals: ['load', 'temp'], warmUp: '5m' }),
};

/** A machine’s hour and a half: one reading a second, in the order of its times. */
function series(random: () => number): Observation[][] {
  let [state, load, temp, parts] = ['running', 50, 50, 0];
  return Array.from({ length: SECONDS }, (_, second) => {
    const t = T0 + second * 1000;
    const of = (signal: string, v: Observation['v'], ms: number): Observation => {
      return { signal, t: t + ms, ns: 0, v, q: v === null ? 'bad' : 'good' };
    };
    load += (random() - 0.5) * 8 + (55 - load) * 0.05;
    temp += (random() - 0.5) * 2 + (55 - temp) * 0.02;
    if (random() < 0.01) state = ['running', 'idle', 'stopped'][Math.floor(random() * 3)] as string;
    if (state === 'running' && second % 25 === 0) parts += 1;
    const all = [of('load', random() < 0.01 ? null : load, 10), of('temp', temp, 20), of('parts', parts, 30)];
    return second % 7 === 0 ? [...all, of('state', state, 40)] : all;
  });
}

/** All that is stored of it when the pipeline is killed at these readings. */
async function stored(t: Test, readings: readonly Observation[][], kills: ReadonlySet<number>) {
  const { log } = recordingLog();
  const clock = { time: T0, now: () => clock.time, origin: () => 0 };
  const outbox = await openOutbox({ dataDir: t.testdir(), budget: ROOMY, log, clock });
  const signal = new AbortController().signal;
  const start = async () => {
    const engines = new Engines({ machine: 'm', labels: {}, ...settings });
    await warmUp([engines], outbox, clock.time);
    return new MachinePipeline({
      machine: 'm',
      labels: {},
      outbox,
      clock,
      steady: clock,
      whenFull: () => 'pause',
      clockQuality: () => 'synced',
      engines,
      channelsOf: () => ['desk'],
      source: { tenant: 'acme', gateway: 'gw', labels: {} },
      observed: () => undefined,
      log,
    });
  };
  let pipeline = await start();
  const left = new Set(kills);
  for (let next = 0; next < readings.length; next++) {
    if (left.delete(next)) {
      // What was appended is durable; what was not is read again from the cursor.
      await outbox.append({ batches: [] });
      const cursor = (await outbox.cursor('m')) as Cursor & { next?: number };
      next = (cursor?.next ?? 0) as number;
      pipeline = await start();
    }
    clock.time = T0 + next * 1000 + 100;
    await pipeline.accept({ observations: readings[next] as Observation[], cursor: { next: next + 1 } }, signal);
    if (next % 5 === 4) pipeline.flush();
  }
  await pipeline.drain();
  const entries: string[] = [];
  for (const lane of LANES) {
    for (const { kind, t0, body } of await outbox.claim({ lane, after: 0, limit: 1e6, maxBytes: 1e9 })) {
      const payload = payloadOf(body);
      if (Array.isArray(payload)) {
        for (const { t, since, ...one } of payload) entries.push(JSON.stringify([kind, t0 + t, one]));
        continue;
      }
      for (const [signal, { t: times, ...columns }] of Object.entries<Record<string, unknown[]>>(payload)) {
        for (const [i, offset] of (times as number[]).entries()) {
          const row = Object.entries(columns).map(([key, values]) => [key, Array.isArray(values) ? values[i] : values]);
          entries.push(JSON.stringify([kind, signal, t0 + offset, row]));
        }
      }
    }
  }
  const notices = (await outbox.notices('desk', 1e6)).map(({ body }) => body);
  await outbox.close();
  return { entries: entries.sort(), notices };
}

t.test(
  'a pipeline that is killed at any moment stores what one stores that is not, and tells nothing twice',
  { timeout: 300_000 },
  async (t) => {
    t.comment(`SEED=${seed}`);
    const random = seededRandom(seed);
    for (let run = 0; run < RUNS; run++) {
      const readings = series(random);
      const kills = new Set(Array.from({ length: 6 }, () => Math.floor(random() * SECONDS)));
      await t.test(`kills at ${[...kills].join(', ')}`, async (t) => {
        const whole = await stored(t, readings, new Set());
        const killed = await stored(t, readings, kills);
        const of = (kind: string) => whole.entries.filter((entry) => entry.startsWith(`["${kind}"`)).length;
        t.comment({ telemetry: of('telemetry'), rollup: of('rollup'), alert: of('alert'), event: of('event') });
        t.ok(of('alert') > 0 && of('rollup') > 100 && of('event') > 0);
        const missing = whole.entries.filter((entry) => !killed.entries.includes(entry));
        const extra = killed.entries.filter((entry) => !whole.entries.includes(entry));
        t.same({ missing: missing.slice(0, 5), extra: extra.slice(0, 5) }, { missing: [], extra: [] });
        t.equal(killed.entries.length, whole.entries.length);
        t.same(killed.notices, whole.notices);
      });
    }
  },
);
