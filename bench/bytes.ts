import { mkdtempSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { startProxy } from '../simulator/proxy.ts';
import { openOutbox } from '../src/outbox/client.ts';
import { DATABASE_FILE } from '../src/outbox/database.ts';
import { startBroker } from './measure/broker.ts';
import { bodiesOf, T0 } from './measure/data.ts';
import { type Figure, figure, type Run, type Section } from './measure/figures.ts';
import { startGateway } from './measure/gateway.ts';
import { writtenBytes } from './measure/process.ts';
import { polledMachines, startSource } from './measure/source.ts';
import { countOf, subscribe } from './measure/subscriber.ts';

const SIGNALS = 40;
const COMPRESSIONS = ['none', 'gzip', 'zstd'] as const;
const FLUSHES = [
  { seconds: 1, disk: 8, wire: undefined },
  { seconds: 10, disk: 5, wire: 5 },
];
/** What the gateways are watched for, after a first batch. */
const WINDOW_S = { guard: 10, short: 30, long: 300 };
const WARM_UP_MS = 12_000;
/** How long a stretch of one machine lies on the disk. */
const STORED_S = { guard: 600, short: 3600, long: 86_400 };
/** Batches in a transaction: as many as machines end theirs at once. What a body takes depends on those before it. */
const A_COMMIT = 8;

/** (g) Bytes that an observation takes on the disk, has written, and sends. */
export async function bytes({ scale, folder }: Run): Promise<Section> {
  const figures: Figure[] = [];
  for (const { seconds, disk } of FLUSHES) {
    const target = { text: `≤ ${disk} bytes`, atMost: disk };
    const each = await onDisk(mkdtempSync(join(folder, 'disk-')), seconds, STORED_S[scale]);
    figures.push(figure(`on the disk, ${seconds} s batches`, 'bytes/observation', [each], target));
  }
  figures.push(...(await ofGateways(folder, WINDOW_S[scale])));
  return {
    title: 'Bytes an observation, 40 signals at 1 Hz',
    method: `On the disk: the database of ${STORED_S[scale] / 3600} h of one machine, closed, all numbers walking with three decimals, less that of an empty one. Written (write_bytes of the gateway process) and on the wire (TCP payload to the broker: envelopes, topics and MQTT included): a gateway for each compression and interval, all at once, ${WINDOW_S[scale]} s long, one Modbus machine with a quarter of its registers constant.`,
    figures,
    notes: [
      'The wire carries acknowledgements and a heartbeat every 30 s as well; the first are not counted, the second are.',
    ],
  };
}

/** Bytes of the file an observation, without what an empty one has. */
async function onDisk(dataDir: string, batchSeconds: number, seconds: number): Promise<number> {
  let now = T0;
  const budget = { maxBytes: 8e9, maxAge: 1e12 };
  const options = { dataDir, budget, log: pino({ level: 'silent' }), clock: { now: () => now } };
  const file = join(dataDir, DATABASE_FILE);
  await (await openOutbox(options)).close();
  const empty = statSync(file).size;
  const count = SIGNALS * batchSeconds;
  const data = { observations: SIGNALS * seconds, reading: count, signals: SIGNALS, everyMs: 1000, seed: 1 };
  const outbox = await openOutbox(options);
  const batches = bodiesOf(data).map((body, i) => {
    const t0 = T0 + i * batchSeconds * 1000;
    return { machine: 'm', kind: 'telemetry', lane: 'live', t0, count, clock: 'synced', body } as const;
  });
  for (let i = 0; i < batches.length; i += A_COMMIT) {
    const next = batches.slice(i, i + A_COMMIT);
    now = next[0]?.t0 ?? now;
    await outbox.append({ batches: next });
  }
  await outbox.close();
  return (statSync(file).size - empty) / data.observations;
}

/** All gateways side by side: each has next to nothing to do. */
async function ofGateways(folder: string, windowS: number): Promise<Figure[]> {
  const runs = FLUSHES.flatMap((flush) => COMPRESSIONS.map((compression) => ({ ...flush, compression })));
  await using source = await startSource(folder, runs.length, 1000);
  const results = await Promise.all(
    runs.map(({ seconds, compression }, i) =>
      watchOne(folder, source.urls[i] as string, `${seconds}s`, compression, windowS),
    ),
  );
  return runs.flatMap(({ seconds, compression, wire }, i) => {
    const { written, sent } = results[i] as Watched;
    const target = wire !== undefined && compression === 'zstd' ? { text: `≤ ${wire} bytes`, atMost: wire } : undefined;
    const name = `${seconds} s batches, ${compression}`;
    return [
      figure(`on the wire, ${name}`, 'bytes/observation', [sent], target),
      ...(compression === 'none' ? [figure(`written, ${seconds} s batches`, 'bytes/observation', [written])] : []),
    ];
  });
}

interface Watched {
  readonly written: number;
  readonly sent: number;
}

async function watchOne(folder: string, machine: string, flushInterval: string, compression: string, windowS: number) {
  await using broker = await startBroker(folder);
  await using proxy = await startProxy(broker.port);
  let sent = 0;
  proxy.watch = (_, chunk) => {
    sent += chunk.length;
  };
  let observations = 0;
  await using _subscriber = await subscribe(broker.url, (batch) => {
    observations += countOf(batch);
  });
  await using gateway = await startGateway(folder, {
    machines: polledMachines([machine], { signals: SIGNALS, poll: '1s' }),
    uplink: { url: `mqtt://127.0.0.1:${proxy.port}`, compression },
    buffer: { flushInterval },
  });
  await sleep(WARM_UP_MS);
  const before = { sent, observations, written: writtenBytes(gateway.pid) };
  await sleep(windowS * 1000);
  const count = observations - before.observations;
  const result: Watched = {
    written: (writtenBytes(gateway.pid) - before.written) / count,
    sent: (sent - before.sent) / count,
  };
  await gateway.stop();
  return result;
}
