import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { Agent, get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { stringify } from 'yaml';
import { SimulatedUnit } from '../simulator/modbus/device.ts';
import { SimulatedModbusTcp } from '../simulator/modbus/tcp.ts';
import { receive } from '../src/consumer/consumer.ts';
import { observationsOf } from '../src/wire/codec.ts';
import { freePort, OPEN, startMosquitto } from '../test/support/brokers.ts';

/**
 * Whether looking at the status page harms what the gateway is for: ten Modbus machines are polled ten times a second, first alone, then with 20
 * live viewers and 1,000 loads of the page, its data and an hour of history. `node bench/viewers.ts [--seconds 40] [--program bin/edge-gateway]`: the time
 * from poll to subscriber, and polls that are missing.
 */
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '40' },
    loads: { type: 'string', default: '1000' },
    program: { type: 'string', default: join(import.meta.dirname, '../bin/edge-gateway') },
  },
});
const SECONDS = Number(values.seconds);
const LOADS = Number(values.loads);
const MACHINES = 10;
const POLL_MS = 100;
const VIEWERS = 20;
const PATHS = ['/', '/page.js', '/page.css', '/api/state', '/api/machines/m0'];

const folder = mkdtempSync(join(tmpdir(), 'viewers-'));
const broker = await startMosquitto(OPEN);
/** Polls answered, by machine. */
const polls = new Array<number>(MACHINES).fill(0);
const units = polls.map((_, i) => {
  const unit: SimulatedUnit = new SimulatedUnit({
    ranges: { holding: [[0, 40]] },
    onRequest: () => {
      const count = (polls[i] as number) + 1;
      polls[i] = count;
      unit.set('holding', 0, [count >>> 16, count & 0xffff]);
    },
  });
  return unit;
});
const modbus = new SimulatedModbusTcp({ units: new Map(units.map((unit, i) => [i + 1, unit])) });
const bus = await modbus.start();
const port = await freePort();
const signals = Object.fromEntries(
  Array.from({ length: 20 }, (_, i) => [i === 0 ? 'count' : `s${i}`, { address: 2 * i, type: 'uint32' }]),
);
const config = {
  gateway: { id: 'gw', tenant: 'acme', dataDir: join(folder, 'data') },
  machines: polls.map((_, i) => ({
    id: `m${i}`,
    driver: 'modbus',
    url: `${bus}/${i + 1}`,
    poll: `${POLL_MS}ms`,
    signals,
  })),
  uplink: { url: `mqtt://127.0.0.1:${broker.port}` },
  buffer: { flushInterval: '100ms' },
  http: { listen: `127.0.0.1:${port}` },
};
writeFileSync(join(folder, 'gateway.yaml'), stringify(config));

const stop = new AbortController();
const seen = polls.map(() => new Set<number>());
let latencies: number[] = [];
const ready = Promise.withResolvers<void>();
const reading = (async () => {
  const options = {
    url: `mqtt://127.0.0.1:${broker.port}`,
    topics: ['plc/#'],
    signal: stop.signal,
    onReady: ready.resolve,
  };
  for await (const one of receive(options)) {
    if (one.type !== 'batch' || one.batch.kind !== 'telemetry') continue;
    const now = Date.now();
    const { batch } = one;
    for (const { signal, t, v } of observationsOf(batch)) {
      if (signal !== 'count') continue;
      seen[Number(batch.machine.slice(1))]?.add(Number(v));
      latencies.push(now - t);
    }
  }
})();
await ready.promise;
const child = spawn(values.program, ['run', '--config', join(folder, 'gateway.yaml')], {
  stdio: ['ignore', 'ignore', 'inherit'],
});
await sleep(10_000);

/** Latencies within a time in which `work` goes on. */
async function phase(name: string, work: () => Promise<unknown>): Promise<void> {
  latencies = [];
  const begun = performance.now();
  await Promise.all([work(), sleep(SECONDS * 1000)]);
  const sorted = latencies.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
  const rate = Math.round((latencies.length / (performance.now() - begun)) * 1000);
  console.log(
    JSON.stringify({ name, pollsReceivedPerSecond: rate, p50: at(0.5), p99: at(0.99), worst: sorted.at(-1) }),
  );
}

/** From an address of its own, since each may ask only so often. */
function load(path: string, address: string): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  get({ host: '127.0.0.1', port, path, localAddress: address, agent: new Agent() }, (answer) => {
    answer.resume().on('end', () => resolve(answer.statusCode ?? 0));
  }).on('error', reject);
  return promise;
}

async function people(): Promise<void> {
  const gone = new AbortController();
  for (let i = 0; i < VIEWERS; i++) {
    void fetch(`http://127.0.0.1:${port}/api/live?machine=m${i % MACHINES}`, { signal: gone.signal })
      .then(async ({ body }) => {
        for await (const _ of body ?? []);
      })
      .catch(() => undefined);
  }
  const statuses = new Map<number, number>();
  for (let i = 0; i < LOADS; i++) {
    const history = `/api/machines/m0/history?signal=s1&from=${Date.now() - 3_600_000}&to=${Date.now()}&points=300`;
    for (const path of [...PATHS, history]) {
      const status = await load(path, `127.0.0.${2 + (i % 200)}`);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    await sleep(Math.max(0, (SECONDS * 1000) / LOADS - 15));
  }
  console.log(JSON.stringify({ loads: LOADS, statuses: Object.fromEntries(statuses) }));
  gone.abort();
}

await phase('alone', async () => undefined);
await phase(`${VIEWERS} viewers, ${LOADS} page loads`, people);
const exited = once(child, 'exit');
child.kill('SIGTERM');
await exited;
await sleep(500);
stop.abort();
await reading;
// The last poll may have been answered and not read any more.
const missing = seen.map((known, i) => (polls[i] as number) - known.size).map((count) => Math.max(0, count - 1));
console.log(JSON.stringify({ polls: polls.reduce((a, b) => a + b, 0), missing: missing.reduce((a, b) => a + b, 0) }));
await Promise.all([modbus.stop(), broker[Symbol.asyncDispose]()]);
rmSync(folder, { recursive: true, force: true });
process.exit();
