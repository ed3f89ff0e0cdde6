import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync } from 'mqtt';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { stringify } from 'yaml';
import { SimulatedAgent } from '../../simulator/mtconnect/agent.ts';
import { openOutbox } from '../../src/outbox/client.ts';
import type { NewBatch } from '../../src/outbox/outbox.ts';
import { noMosquitto, OPEN, startMosquitto } from '../support/brokers.ts';
import { residentMb, runGateway, until } from '../support/plant.ts';
import { seededRandom } from '../support/random.ts';

// `LONG=1` (npm run acceptance): half an hour's backlog of 2,000 observations a second, and ten million in memory's test.
const LONG = process.env['LONG'] === '1';
const BACKLOG = LONG ? 3_600_000 : 360_000;
const LARGE_BACKLOG = LONG ? 10_000_000 : 1_000_000;
const MACHINES = 10;
const A_BATCH = 200;
const RATE = 2000;
/** When the backlog was read: before the gateway was started. */
const AGE_MS = 1_800_000;

/** A body as a machine's second gives it: what a spindle and its axes say. */
function bodies(): string[] {
  const random = seededRandom(1);
  return Array.from({ length: 16 }, () => {
    const column = () => ({
      t: Array.from({ length: A_BATCH / 2 }, (_, i) => i * 10),
      v: Array.from({ length: A_BATCH / 2 }, () => Math.round(random() * 1e6) / 1000),
    });
    return JSON.stringify({ rpm: column(), load: column() });
  });
}

/** What an outage leaves behind: `observations` of ten machines, undelivered. */
async function preload(dataDir: string, observations: number): Promise<void> {
  const begun = Date.now() - AGE_MS;
  let now = begun;
  const log = pino({ level: 'silent' });
  const outbox = await openOutbox({ dataDir, budget: { maxBytes: 8e9, maxAge: 1e12 }, log, clock: { now: () => now } });
  const texts = bodies();
  const seconds = observations / A_BATCH / MACHINES;
  for (let second = 0; second < seconds; second += 60) {
    const length = Math.min(60, seconds - second);
    now = begun + second;
    const batches = Array.from({ length }, (_, i) =>
      Array.from(
        { length: MACHINES },
        (_, m): NewBatch => ({
          machine: `old-${m}`,
          kind: 'telemetry',
          lane: 'live',
          t0: begun + (second + i) * 1000,
          count: A_BATCH,
          clock: 'synced',
          body: texts[(second + i + m) % texts.length] as string,
        }),
      ),
    ).flat();
    await outbox.append({ batches });
  }
  await outbox.close();
}

/** A gateway that reads one machine at 2,000 observations a second, with this outbox. */
async function plantOf(t: Test, observations: number, port: number) {
  const folder = t.testdir();
  const agent = new SimulatedAgent({ devices: [{ name: 'now' }], rate: RATE });
  t.teardown(() => agent.stop());
  await agent.start();
  if (observations > 0) await preload(join(folder, 'data'), observations);
  const file = join(folder, 'gateway.yaml');
  writeFileSync(
    file,
    stringify({
      gateway: { id: 'gw', tenant: 'acme', dataDir: 'data' },
      machines: [{ id: 'now', driver: 'mtconnect', url: agent.url.href }],
      uplink: { url: `mqtt://127.0.0.1:${port}` },
      buffer: { maxBytes: '8GiB' },
      http: { listen: 'off' },
      log: { format: 'json' },
    }),
  );
  return file;
}

interface Message {
  readonly machine: string;
  readonly kind: string;
  readonly seq: number;
  readonly t0: number;
  readonly historical?: true;
  readonly signals: Readonly<Record<string, { readonly t: readonly number[] }>>;
}

t.test(
  `a backlog of ${BACKLOG} observations goes out beside what is live`,
  { skip: noMosquitto, timeout: 300_000 },
  async (t) => {
    await using broker = await startMosquitto([...OPEN, 'max_queued_messages 0', 'max_inflight_messages 1000']);
    const file = await plantOf(t, BACKLOG, broker.port);
    const seen = new Set<string>();
    const latency: number[] = [];
    let old = 0;
    let firstLive: number | undefined;
    let connectedAt = 0;
    let isDone: (at: number) => void = () => undefined;
    const done = new Promise<number>((resolve) => {
      isDone = resolve;
    });
    const consumer = await connectAsync(`mqtt://127.0.0.1:${broker.port}`, { protocolVersion: 5 });
    t.teardown(() => consumer.endAsync());
    consumer.on('message', (topic, payload) => {
      const at = Date.now();
      if (topic.endsWith('/status')) {
        connectedAt = at;
        return;
      }
      const { machine, kind, seq, t0, historical, signals }: Message = JSON.parse(payload.toString());
      if (kind !== 'telemetry') return;
      const key = `${machine} ${seq}`;
      if (seen.has(key)) return;
      seen.add(key);
      const times = Object.values(signals).flatMap(({ t }) => t);
      if (machine === 'now') {
        firstLive ??= at;
        // What the agent had before the gateway came waited for it, not for the backlog.
        for (const t of times) if (t0 + t > connectedAt) latency.push(at - t0 - t);
        return;
      }
      old += historical === true ? times.length : Number.NaN;
      if (old === BACKLOG) isDone(at);
    });
    await consumer.subscribeAsync('plc/#', { qos: 1 });

    const begun = Date.now();
    const gateway = runGateway(file);
    t.teardown(() => gateway.child.kill('SIGKILL'));
    const emptyAfter = (await done) - connectedAt;
    await until('what is live comes', () => latency.length > RATE);
    const sorted = latency.toSorted((a, b) => a - b);
    const quantile = (q: number) => Math.round(sorted[Math.floor(q * (sorted.length - 1))] ?? Number.NaN);
    const figures = {
      startToConnected: connectedAt - begun,
      firstLive: (firstLive ?? Number.NaN) - connectedAt,
      emptyAfter,
      perSecond: Math.round((BACKLOG * 1000) / emptyAfter),
      live: { observations: latency.length, p50: quantile(0.5), p99: quantile(0.99), worst: quantile(1) },
    };
    t.comment(figures);
    t.equal(old, BACKLOG, 'all of it, marked historical');
    t.ok(figures.firstLive < 2000, 'the first live batch comes within 2 s');
    t.ok(emptyAfter < 60_000, 'and it is through within a minute');
    if (LONG) t.ok(figures.live.p99 < 2000, 'what is live does not wait for it');
    gateway.child.kill('SIGTERM');
    t.same(await once(gateway.child, 'exit'), [0, null]);
  },
);

t.test(
  `a backlog of ${LARGE_BACKLOG} observations costs no memory, and little time at the start`,
  { skip: noMosquitto, timeout: 400_000 },
  async (t) => {
    // Nobody takes it: each gateway meets a broker that is not there.
    const resident = async (observations: number) => {
      const file = await plantOf(t, observations, 1);
      const begun = performance.now();
      const gateway = runGateway(file);
      t.teardown(() => gateway.child.kill('SIGKILL'));
      await until('the gateway runs', () => gateway.lines.some(({ msg }) => msg === 'runs'));
      const startMs = Math.round(performance.now() - begun);
      await sleep(LONG ? 20_000 : 5000);
      const mb = Math.round(residentMb(gateway.child));
      gateway.child.kill('SIGTERM');
      await gateway.exited;
      return { observations, startMs, mb };
    };
    const none = await resident(0);
    const large = await resident(LARGE_BACKLOG);
    t.comment({ none, large });
    t.ok(large.mb <= none.mb * 1.15, 'within 15 %');
  },
);
