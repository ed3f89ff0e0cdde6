import { join } from 'node:path';
import { pino } from 'pino';
import { openOutbox } from '../src/outbox/client.ts';
import type { NewBatch } from '../src/outbox/outbox.ts';
import { seededRandom } from '../test/support/random.ts';
import { compared, figure, type Pair, type Run, type Section } from './measure/figures.ts';
import { startGateway } from './measure/gateway.ts';
import { residentMb } from './measure/process.ts';
import { polledMachines, startSource } from './measure/source.ts';

const BYTES = { guard: 2 ** 22, short: 2 ** 26, long: 2 ** 30 };
/** Of doubles that nothing compresses well: about 10 KB stored. */
const A_BATCH = 1000;
const BODIES = 64;
const AT_ONCE = 200;
const MACHINES = 10;
const BUDGET = { maxBytes: 8e9, maxAge: 1e12 };

/** (h) Start with a large outbox, nothing of it delivered. */
export async function start({ scale, repeats, folder }: Run): Promise<Section> {
  await using source = await startSource(folder, 1, 1000);
  const dataDir = join(folder, 'full');
  const { bytes, observations } = await fill(dataDir, BYTES[scale]);
  const memory: number[] = [];
  // Nobody takes it, so that each start finds the same.
  const config = {
    machines: polledMachines(source.urls, { signals: 10, poll: '1s' }),
    uplink: { url: 'mqtt://127.0.0.1:1' },
    buffer: { maxBytes: '8GiB' },
  };
  const startMs = async (more: { dataDir?: string }) => {
    await using gateway = await startGateway(folder, config, more);
    if (more.dataDir !== undefined) memory.push(residentMb(gateway.pid));
    await gateway.stop();
    return gateway.startMs;
  };
  const pairs: Pair[] = [];
  for (let i = 0; i < repeats; i++) pairs.push({ value: await startMs({ dataDir }), limit: await startMs({}) });
  const mb = Math.round(bytes / 1e6);
  return {
    title: 'Start with a large outbox',
    method: `An outbox of ${mb} MB with ${observations.toLocaleString('en')} undelivered observations; from the start of the process to its word that it runs. The limit is the start with an empty one.`,
    figures: [compared(`start with ${mb} MB`, 'ms', 'empty outbox', pairs), figure('memory then', 'MB', memory)],
  };
}

/** Fills an outbox until its batches have so many bytes. */
async function fill(dataDir: string, bytes: number): Promise<{ bytes: number; observations: number }> {
  const begun = Date.now() - 3_600_000;
  const options = { dataDir, budget: BUDGET, log: pino({ level: 'silent' }), clock: { now: () => begun } };
  const outbox = await openOutbox(options);
  const random = seededRandom(1);
  const bodies = Array.from({ length: BODIES }, () => {
    const t = Array.from({ length: A_BATCH }, (_, i) => i * 100);
    return JSON.stringify({ s0: { t, v: t.map(() => random() * 100) } });
  });
  for (let n = 0; ; n += AT_ONCE) {
    const batches = Array.from(
      { length: AT_ONCE },
      (_, i): NewBatch => ({
        ...{ machine: `m${(n + i) % MACHINES}`, kind: 'telemetry', lane: 'live', clock: 'synced' },
        ...{ t0: begun + n + i, count: A_BATCH, body: bodies[(n + i) % BODIES] as string },
      }),
    );
    await outbox.append({ batches });
    const stats = await outbox.stats();
    if (stats.bytes < bytes) continue;
    await outbox.close();
    return { bytes: stats.bytes, observations: stats.appended.observations };
  }
}
