import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { pino } from 'pino';
import { alertsSchema } from '../src/config/alerts.ts';
import { featuresSchema } from '../src/config/features.ts';
import { rollupsSchema } from '../src/config/rollups.ts';
import type { Observation } from '../src/observation.ts';
import { openOutbox } from '../src/outbox/client.ts';
import { encodeBody } from '../src/outbox/codec.ts';
import type { Append, Outbox } from '../src/outbox/outbox.ts';
import { Engines } from '../src/pipeline/engines.ts';
import { MachinePipeline } from '../src/pipeline/machine-pipeline.ts';
import { CONDITIONS } from './measure/conditions.ts';
import { readingsOf, T0 } from './measure/data.ts';
import { bareDatabase, insertAll } from './measure/database.ts';
import {
  compared,
  type Figure,
  figure,
  type Pair,
  type Run,
  type Scale,
  type Section,
  type Target,
} from './measure/figures.ts';
import { stopwatch } from './measure/stopwatch.ts';

const OBSERVATIONS = { guard: 200_000, short: 600_000, long: 3_000_000 };
const DATA = { reading: 200, signals: 20, everyMs: 100, seed: 1 };
/** Readings from flush to flush: batches of 2,000 observations, the most that one holds. */
const READINGS_A_FLUSH = 10;
const LOG = pino({ level: 'silent' });
/** A thread that answers whatever it is sent. */
const ECHO =
  "const { parentPort } = require('node:worker_threads'); parentPort.on('message', () => parentPort.postMessage(0))";

/** A kind of load. */
interface Load {
  readonly name: string;
  readonly machines: number;
  readonly isComputed: boolean;
  readonly target: Target;
}

const LOADS: readonly Load[] = [
  { name: 'without rules', machines: 1, isComputed: false, target: { text: '≥ 1,000,000/s', atLeast: 1e6 } },
  { name: 'ten machines', machines: 10, isComputed: false, target: { text: '≥ 1,000,000/s', atLeast: 1e6 } },
  {
    name: 'with 20 rules, features and rollups',
    machines: 1,
    isComputed: true,
    target: { text: '≥ 300,000/s', atLeast: 300_000 },
  },
];

/** (a) Observations handed to a machine's pipeline → committed in the outbox, and where the time goes. */
export async function ingest({ scale, repeats, folder }: Run): Promise<Section> {
  const readings = readingsOf({ ...DATA, observations: OBSERVATIONS[scale] });
  const figures: Figure[] = [];
  for (const load of LOADS) {
    const { name, target } = load;
    // The first pass warms up, and says what is stored, and how much of it in a transaction.
    const { appends } = await intoMemory(readings, load);
    const bodies = appends.flatMap(({ batches }) => batches.map(({ body }) => body));
    let group = (await intoOutbox(readings, load, folder, scale)).bodiesACommit;
    const pairs: Pair[] = [];
    for (let i = 0; i < repeats; i++) {
      const through = await intoOutbox(readings, load, folder, scale);
      group = through.bodiesACommit;
      const bare = seconds(() => bareInsert(folder, bodies, group, encodeBody), scale);
      pairs.push({ value: OBSERVATIONS[scale] / through.seconds, limit: OBSERVATIONS[scale] / bare });
    }
    figures.push(compared(name, 'observations/s', 'bare zstd + better-sqlite3', pairs, target));
    // What ten machines cost is what one costs.
    if (scale === 'guard' || load.machines > 1) continue;
    figures.push(...(await stages({ load, readings, appends, bodies, group, repeats, folder })));
  }
  return {
    title: 'Ingest: handed to the pipeline → committed',
    method: `${OBSERVATIONS[scale].toLocaleString('en')} observations of one machine (or ten, none of which waits for another) with ${DATA.signals} signals, in readings of ${DATA.reading}, flushed every ${READINGS_A_FLUSH} readings. The limit compresses and inserts the same bodies in one thread, as many in a transaction as the outbox had. The stages are measured one by one.`,
    figures,
    notes: [
      'Batching (and the engines) run in the main thread, zstd and insert in the outbox’s; both go on at once where there are two cores, so the slower of the two sets the pace and the sum of the stages is what one core would need.',
    ],
  };
}

interface Through {
  readonly seconds: number;
  readonly bodiesACommit: number;
}

async function intoOutbox(
  readings: readonly Observation[][],
  load: Load,
  folder: string,
  scale: Scale,
): Promise<Through> {
  const clock = { now: () => Date.now() };
  const dataDir = mkdtempSync(join(folder, 'outbox-'));
  const outbox = await openOutbox({ dataDir, budget: { maxBytes: 8e9, maxAge: 1e12 }, log: LOG, clock });
  try {
    const watch = stopwatch(scale);
    await feed(readings, load, outbox);
    const taken = watch();
    const { appended, commits } = await outbox.stats();
    return { seconds: taken, bodiesACommit: Math.max(1, Math.round(appended.batches / commits)) };
  } finally {
    await outbox.close();
  }
}

/** The pipeline alone: its outbox takes everything at once. */
async function intoMemory(readings: readonly Observation[][], load: Load) {
  const appends: Append[] = [];
  const outbox = { isFull: () => false, append: async (entry: Append) => void appends.push(entry) };
  const watch = stopwatch('long');
  await feed(readings, load, outbox as unknown as Outbox);
  return { appends, seconds: watch() };
}

/** Deals the readings to the machines by turns; none waits for another. */
async function feed(readings: readonly Observation[][], { machines, isComputed }: Load, outbox: Outbox): Promise<void> {
  const names = Array.from({ length: machines }, (_, i) => `m${i}`);
  const own = names.map((_, i) => readings.filter((_, n) => n % machines === i));
  await Promise.all(names.map((machine, i) => feedOne(machine, own[i] ?? [], isComputed, outbox)));
}

async function feedOne(machine: string, readings: readonly Observation[][], isComputed: boolean, outbox: Outbox) {
  const clock = { time: T0, now: () => clock.time, origin: () => 0 };
  const pipeline = new MachinePipeline({
    ...{ machine, labels: {}, outbox, clock, steady: clock, engines: enginesOf(isComputed), log: LOG },
    ...{ whenFull: () => 'pause', clockQuality: () => 'synced', channelsOf: () => [], observed: () => undefined },
    source: { tenant: 'a', gateway: 'g', labels: {} },
  });
  const { signal } = new AbortController();
  for (const [i, observations] of readings.entries()) {
    clock.time = T0 + ((i + 1) * DATA.reading * DATA.everyMs) / DATA.signals;
    await pipeline.accept({ observations, cursor: { next: i } }, signal);
    if ((i + 1) % READINGS_A_FLUSH === 0) pipeline.flush();
  }
  await pipeline.drain();
}

function enginesOf(isComputed: boolean): Engines {
  if (!isComputed) return new Engines({ machine: 'm', labels: {}, rules: [] });
  return new Engines({
    machine: 'm',
    labels: {},
    rules: alertsSchema.parse(CONDITIONS.map((condition, i) => ({ name: `r${i}`, condition }))),
    features: featuresSchema.parse({ signals: ['*'] }),
    rollups: rollupsSchema.parse({ signals: ['*'] }),
  });
}

interface Stages {
  readonly load: Load;
  readonly readings: readonly Observation[][];
  readonly appends: readonly Append[];
  readonly bodies: readonly string[];
  readonly group: number;
  readonly repeats: number;
  readonly folder: string;
}

/** What each stage costs alone. */
async function stages({ load, readings, appends, bodies, group, repeats, folder }: Stages) {
  const { name, isComputed } = load;
  const count = readings.length * DATA.reading;
  const times = { batching: [], engines: [], hop: [], zstd: [], insert: [] } as Record<string, number[]>;
  const note = (stage: string, taken: number) => times[stage]?.push((taken * 1e9) / count);
  for (let i = 0; i < repeats; i++) {
    const plain = (await intoMemory(readings, { ...load, isComputed: false })).seconds;
    note('batching', plain);
    if (isComputed) note('engines', (await intoMemory(readings, load)).seconds - plain);
    note('hop', await hop(appends, group));
    let encoded: Buffer[] = [];
    note(
      'zstd',
      seconds(() => {
        encoded = bodies.map((body) => encodeBody(body));
      }),
    );
    note(
      'insert',
      seconds(() => bareInsert(folder, encoded, group, (body) => body)),
    );
  }
  const stage = (what: string, key: string) => figure(`${name}: ${what}`, 'ns/observation', times[key] ?? []);
  return [
    stage('batching and stringify', 'batching'),
    ...(isComputed ? [stage('rules, features, rollups', 'engines')] : []),
    stage('hop to the thread and back', 'hop'),
    stage('zstd', 'zstd'),
    stage(`insert, ${group} bodies a transaction`, 'insert'),
  ];
}

/** Seconds to bring all appends to another thread, in groups, each after the answer to the one before. */
async function hop(appends: readonly Append[], group: number): Promise<number> {
  const worker = new Worker(ECHO, { eval: true, execArgv: [] });
  const ask = (message: unknown) =>
    new Promise<void>((resolve) => {
      worker.once('message', () => resolve());
      worker.postMessage(message);
    });
  await ask(0);
  const watch = stopwatch('long');
  for (let at = 0; at < appends.length; at += group) await ask(appends.slice(at, at + group));
  const taken = watch();
  await worker.terminate();
  return taken;
}

function bareInsert<T>(folder: string, bodies: readonly T[], group: number, encode: (body: T) => Buffer): void {
  const db = bareDatabase(join(folder, 'bare.db'));
  insertAll(db, bodies, group, encode);
  db.close();
}

function seconds(work: () => void, scale: Scale = 'long'): number {
  const watch = stopwatch(scale);
  work();
  return watch();
}
