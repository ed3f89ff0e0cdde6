import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { stringify } from 'yaml';
import { SimulatedAgent } from '../../simulator/mtconnect/agent.ts';
import { startProxy } from '../../simulator/proxy.ts';
import type { MachineBooks } from '../../src/consumer/books.ts';
import { noMosquitto, OPEN, startMosquitto } from '../support/brokers.ts';
import { EventBooks } from '../support/event-books.ts';
import { runGateway, until } from '../support/plant.ts';
import { seededRandom } from '../support/random.ts';

// `LONG=1` (npm run acceptance) lets two hours of event time pass, each outage three times; the short form half an hour.
const LONG = process.env['LONG'] === '1' || process.env['SOAK'] === '1';
/** The machines' clocks run so much faster than ours. */
const SPEED = 120;
const EVENT_MS = (LONG ? 120 : 30) * 60_000;
const ROUNDS = LONG ? 3 : 1;
/** Observations a second of event time, of each machine. */
const RATE = 2;
/** Twenty minutes before a full hour, so that the short form has two hours in its books. */
const BEGIN = Date.parse('2026-11-20T09:40:00Z');
const MAIN = join(import.meta.dirname, '../../bin/edge-gateway');
const seed = Number(process.env['SEED'] ?? Date.now() % 1e6);

/** The reference consumer as a person runs it, with a session that outlives the broker's outages. */
async function startReceiver(t: Test, port: number, out: string) {
  const args = ['receive', `mqtt://127.0.0.1:${port}`, '--verify', '--from-start', '--json', '--client-id', 'archive'];
  const child = spawn(MAIN, [...args, '--out', out], { stdio: ['ignore', 'pipe', 'pipe'] });
  t.teardown(() => child.kill('SIGKILL'));
  let stdout = '';
  child.stdout.on('data', (text) => (stdout += text));
  const closed = once(child, 'close');
  let stderr = '';
  child.stderr.on('data', (text) => (stderr += text));
  while (!stderr.includes('receiving')) await once(child.stderr, 'data');
  return async () => {
    child.kill('SIGTERM');
    const [code] = await closed;
    return { code, ...(JSON.parse(stdout) as { clean: boolean; missing: number; books: MachineBooks[] }) };
  };
}

t.test(
  `${EVENT_MS / 60_000} minutes of event time with outages: every hour of every machine is complete`,
  {
    skip: noMosquitto,
    timeout: 240_000,
  },
  async (t) => {
    t.comment(`SEED=${seed}`);
    const random = seededRandom(seed);
    const folder = t.testdir();
    await using broker = await startMosquitto([...OPEN, 'max_queued_messages 0', 'persistence true']);
    await using line = await startProxy(broker.port);
    const out = join(folder, 'received.ndjson');
    const stopReceiver = await startReceiver(t, broker.port, out);
    const books = new EventBooks(out);

    const began = performance.now();
    const micros = () => Math.floor((BEGIN + (performance.now() - began) * SPEED) * 1000);
    let runs = false;
    const agents = [['mill', 'lathe'], ['saw']].map((names, number) => {
      const devices = names.map((name) => ({ name }));
      const onProduced = (produced: Parameters<typeof books.produced>[0]) => {
        if (runs && names.includes(produced.device)) books.produced(produced);
      };
      return new SimulatedAgent({ devices, rate: RATE, seed: seed + number, micros, onProduced });
    });
    for (const agent of agents) {
      t.teardown(() => agent.stop());
      await agent.start();
      agent.pause();
    }
    const [agent, another] = agents as [SimulatedAgent, SimulatedAgent];

    const file = join(folder, 'gateway.yaml');
    const machine = (id: string, { url }: SimulatedAgent) => ({ id, driver: 'mtconnect', url: url.href, device: id });
    const config = {
      gateway: { id: 'gw', tenant: 'acme', dataDir: 'data' },
      machines: [machine('mill', agent), machine('lathe', agent), machine('saw', another)],
      uplink: { url: `mqtt://127.0.0.1:${line.port}`, backoff: { min: '100ms', max: '500ms' } },
      buffer: { flushInterval: '250ms' },
      http: { listen: 'off' },
      log: { format: 'json' },
    };
    writeFileSync(file, stringify(config));
    let gateway = runGateway(file);
    t.teardown(() => gateway.child.kill('SIGKILL'));
    await until('all machines are read', () => {
      books.read();
      return books.heard.size === 3;
    });
    runs = true;
    for (const one of agents) one.run();

    const outages: (() => Promise<void>)[] = [
      async () => {
        await broker.stop();
        await sleep(500 + 1500 * random());
        await broker.start();
      },
      async () => {
        line.mode = 'refuse';
        line.cut();
        await sleep(500 + 1500 * random());
        line.mode = 'flow';
      },
      async () => {
        await another.unplug();
        await sleep(500 + 1500 * random());
        await another.plug();
      },
      async () => {
        gateway.child.kill('SIGKILL');
        await gateway.exited;
        await sleep(500 * random());
        gateway = runGateway(file);
      },
      // Dies with its buffer: what nobody had read is lost, and has to be told.
      () => agent.restart(),
    ];
    const wallMs = EVENT_MS / SPEED;
    for (let round = 0; round < ROUNDS; round++) {
      const order = outages.map((outage) => ({ outage, rank: random() })).sort((a, b) => a.rank - b.rank);
      for (const { outage } of order) {
        await sleep((random() * wallMs) / ROUNDS / outages.length / 2);
        await outage();
      }
    }
    await sleep(Math.max(0, wallMs - (performance.now() - began)));
    for (const one of agents) one.pause();
    await until(
      'everything is received or told',
      () => {
        books.read();
        return books.untold().length === 0;
      },
      60_000,
    ).catch(() => undefined);
    gateway.child.kill('SIGTERM');
    t.equal(await gateway.exited, 0);
    const { code, books: hours, ...figures } = await stopReceiver();
    books.read();

    const missing = books.missing();
    const causes = Object.groupBy(books.gaps, ({ machine: id, cause }) => `${id} ${cause}`);
    t.comment({
      produced: books.size,
      lostInGaps: missing.size,
      gaps: Object.fromEntries(Object.entries(causes).map(([cause, gaps]) => [cause, gaps?.length])),
      minutesOfEventTime: Math.round((micros() / 1000 - BEGIN) / 60_000),
    });
    t.same(books.untold(), [], 'what is missing lies in a gap');
    t.equal(
      [...missing].filter((key) => key.startsWith('saw ')).length,
      0,
      'of an agent that kept its buffer nothing is',
    );
    t.same(books.disorder(), [], 'the time of each signal goes forward from batch to batch');
    t.equal(code, 0);
    t.match(figures, { clean: true, missing: 0, awaited: 0, conflicts: 0, invalid: 0 });

    const lost = new Set([...missing].map((key) => key.split(' ')[0]));
    const received = books.receivedByHour();
    for (const [key, produced] of books.producedByHour()) {
      const [id, hour] = key.split(' ') as [string, string];
      const entry = hours.find((one) => one.machine === `acme/gw/${id}`)?.hours.find((one) => one.hour === hour);
      t.match(entry, { observations: received.get(key), missing: 0 }, `${key}: the books count what came`);
      if (!lost.has(id)) t.ok((entry?.observations ?? 0) >= produced, `${key}: and that is all`);
    }
  },
);
