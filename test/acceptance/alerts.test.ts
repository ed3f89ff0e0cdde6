import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectAsync } from 'mqtt';
import { pino } from 'pino';
import t, { type Test } from 'tap';
import { stringify } from 'yaml';
import { SimulatedUnit } from '../../simulator/modbus/device.ts';
import { SimulatedModbusTcp } from '../../simulator/modbus/tcp.ts';
import { SimulatedAgent } from '../../simulator/mtconnect/agent.ts';
import { receive } from '../../src/consumer/consumer.ts';
import { openOutbox } from '../../src/outbox/client.ts';
import { noMosquitto, OPEN, startMosquitto } from '../support/brokers.ts';
import { runGateway, until } from '../support/plant.ts';
import { seededRandom } from '../support/random.ts';

const LONG = process.env['LONG'] === '1';
const KILLS = LONG ? 25 : 3;
const ALERTS = LONG ? 600 : 60;
const BACKLOG = LONG ? 1_000_000 : 100_000;
const A_BATCH = 200;
const POLL_MS = 20;
const LIMIT = 3000;
const seed = Number(process.env['SEED'] ?? Date.now() % 1e6);

interface Step {
  readonly state: string;
  readonly t: number;
}

/** Posts with their keys, as a webhook gets them. */
async function webhook(t: Test) {
  const posts: { key: string; step: Step }[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { key, alert } = JSON.parse(Buffer.concat(chunks).toString());
    posts.push({ key, step: { state: alert.state, t: alert.t } });
    response.end();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, posts };
}

/** When `rpm > LIMIT` becomes true and false: the plainest form of the rule. */
function crossings(series: readonly { readonly t: number; readonly v: number | null }[]): Step[] {
  const steps: Step[] = [];
  let isOn = false;
  for (const { t, v } of series) {
    if (v === null || v > LIMIT === isOn) continue;
    isOn = !isOn;
    steps.push({ state: isOn ? 'firing' : 'resolved', t });
  }
  return steps;
}

t.test(
  `${KILLS} SIGKILLs at random moments: each step of an alert is received once, and told at least once`,
  { skip: noMosquitto, timeout: 600_000 },
  async (t) => {
    t.comment(`SEED=${seed}`);
    const random = seededRandom(seed);
    const folder = t.testdir();
    await using broker = await startMosquitto([...OPEN, 'max_queued_messages 0']);
    const hook = await webhook(t);
    const series: { t: number; v: number | null }[] = [];
    const agent = new SimulatedAgent({ devices: [{ name: 'mill' }] });
    t.teardown(() => agent.stop());
    await agent.start();
    const file = join(folder, 'gateway.yaml');
    const config = {
      gateway: { id: 'gw', tenant: 'acme', dataDir: 'data' },
      machines: [{ id: 'mill', driver: 'mtconnect', url: agent.url.href, device: 'mill' }],
      uplink: { url: `mqtt://127.0.0.1:${broker.port}`, backoff: { min: '50ms', max: '200ms' } },
      buffer: { flushInterval: '200ms' },
      alerts: [
        {
          name: 'fast',
          condition: `rpm > ${LIMIT}`,
          severity: 'warning',
          channels: [{ type: 'webhook', url: hook.url, perHour: 3600 }],
        },
      ],
      http: { listen: 'off' },
      log: { format: 'json' },
    };
    writeFileSync(file, stringify(config));

    const steps: Step[] = [];
    const ids = new Set<string>();
    let conflicts = 0;
    const stop = new AbortController();
    const ready = Promise.withResolvers<void>();
    const consuming = (async () => {
      const url = `mqtt://127.0.0.1:${broker.port}`;
      for await (const received of receive({ url, signal: stop.signal, onReady: ready.resolve })) {
        if (received.type === 'conflict') conflicts += 1;
        if (received.type !== 'batch' || received.batch.kind !== 'alert') continue;
        for (const { id, state, t } of received.batch.alerts) {
          ids.add(`${id} ${state}`);
          steps.push({ state, t: received.batch.t0 + t });
        }
      }
    })();
    t.teardown(() => {
      stop.abort();
      return consuming;
    });
    await ready.promise;

    let gateway = runGateway(file);
    t.teardown(() => gateway.child.kill('SIGKILL'));
    await until('the machine is read', () => gateway.lines.some(({ msg }) => msg.startsWith('streaming')));
    // From here on every value is known to both.
    let v = 0;
    const set = (value: number) => {
      v = value;
      const { timestamp } = agent.observe('mill', 'Srpm', value);
      series.push({ t: Date.parse(timestamp), v: value });
    };
    set(0);
    const spin = setInterval(
      () => set(v > LIMIT ? Math.round(random() * LIMIT) : LIMIT + 1 + Math.round(random() * 1000)),
      100,
    );
    for (let kill = 0; kill < KILLS; kill++) {
      await sleep(300 + random() * 1500);
      gateway.child.kill('SIGKILL');
      await gateway.exited;
      gateway = runGateway(file);
      await until('it streams again', () => gateway.lines.some(({ msg }) => msg.startsWith('streaming')));
    }
    await sleep(1000);
    clearInterval(spin);
    const expected = crossings(series);
    await until('all alerts', () => steps.length >= expected.length);
    await until('all messages', () => new Set(hook.posts.map(({ key }) => key)).size >= expected.length);
    await sleep(500);
    const keys = new Set(hook.posts.map(({ key }) => key));
    t.comment({
      kills: KILLS,
      steps: expected.length,
      received: steps.length,
      told: hook.posts.length,
      keys: keys.size,
    });
    t.same(steps, expected, 'each step once, in its order, at its moment');
    t.equal(ids.size, steps.length, 'each under an id of its own');
    t.equal(conflicts, 0);
    t.equal(keys.size, expected.length, 'each is told');
    t.ok(hook.posts.length - keys.size <= KILLS, 'and told again after a kill at most');
  },
);

/** An outage’s backlog that waits for the broker. */
async function preload(dataDir: string): Promise<void> {
  const log = pino({ level: 'silent' });
  const then = Date.now() - 1_800_000;
  const clock = { now: () => then };
  const outbox = await openOutbox({ dataDir, budget: { maxBytes: 8e9, maxAge: 1e12 }, log, clock });
  const random = seededRandom(1);
  const column = { t: Array.from({ length: A_BATCH }, (_, i) => i * 5), v: Array.from({ length: A_BATCH }, random) };
  const body = JSON.stringify({ load: column });
  for (let done = 0; done < BACKLOG; done += 100 * A_BATCH) {
    await outbox.append({
      batches: Array.from({ length: 100 }, (_, i) => {
        const t0 = then + (done / A_BATCH + i) * 1000;
        return { machine: 'old', kind: 'telemetry', lane: 'live', t0, count: A_BATCH, clock: 'synced', body };
      }),
    });
  }
  await outbox.close();
}

t.test(
  `an alert is at its subscriber within a tenth of a second, also while ${BACKLOG} observations are filled in`,
  { skip: noMosquitto, timeout: 300_000 },
  async (t) => {
    const folder = t.testdir();
    await using broker = await startMosquitto([...OPEN, 'max_queued_messages 0', 'max_inflight_messages 1000']);
    await preload(join(folder, 'data'));
    let count = 0;
    const unit = new SimulatedUnit({
      ranges: { holding: [[0, 0]] },
      onRequest: () => {
        count += 1;
        unit.set('holding', 0, [Math.floor(count / 2) % 2]);
      },
    });
    const device = new SimulatedModbusTcp({ units: new Map([[1, unit]]) });
    t.teardown(() => device.stop());
    const file = join(folder, 'gateway.yaml');
    const config = {
      gateway: { id: 'gw', tenant: 'acme', dataDir: 'data' },
      machines: [
        {
          id: 'plc',
          driver: 'modbus',
          url: `${await device.start()}/1`,
          poll: `${POLL_MS}ms`,
          signals: { flag: { address: 0 } },
        },
      ],
      // So slow that it goes on beside the alerts.
      uplink: { url: `mqtt://127.0.0.1:${broker.port}`, backfill: { rate: LONG ? '300KiB' : '200KiB' } },
      buffer: { maxBytes: '8GiB' },
      alerts: [{ name: 'flag', condition: 'flag == 1', severity: 'critical' }],
      http: { listen: 'off' },
      log: { format: 'json' },
    };
    writeFileSync(file, stringify(config));
    const latency: number[] = [];
    let old = 0;
    let during = 0;
    const done = Promise.withResolvers<void>();
    const consumer = await connectAsync(`mqtt://127.0.0.1:${broker.port}`, { protocolVersion: 5 });
    t.teardown(() => consumer.endAsync());
    consumer.on('message', (topic, payload) => {
      const at = Date.now();
      if (topic.endsWith('/old/telemetry')) old += A_BATCH;
      if (!topic.endsWith('/alert')) return;
      const { t0, alerts } = JSON.parse(payload.toString());
      for (const { t: offset } of alerts) latency.push(at - t0 - offset);
      if (old < BACKLOG) during += alerts.length;
      if (latency.length >= ALERTS) done.resolve();
    });
    await consumer.subscribeAsync('plc/#', { qos: 1 });
    const gateway = runGateway(file);
    t.teardown(() => gateway.child.kill('SIGKILL'));
    await done.promise;
    await until('the backlog is through', () => old >= BACKLOG, 90_000);
    latency.sort((a, b) => a - b);
    const quantile = (q: number) => latency[Math.min(latency.length - 1, Math.floor(latency.length * q))] ?? Number.NaN;
    const figures = { alerts: latency.length, during, p50: quantile(0.5), p99: quantile(0.99), worst: quantile(1) };
    t.comment(figures);
    t.equal(old, BACKLOG);
    t.ok(during > ALERTS / 2, 'most of them while it was filled in');
    t.ok(figures.p50 < 100, 'half of them within 100 ms');
    if (LONG) t.ok(figures.p99 < 100, 'and 99 of 100');
  },
);
