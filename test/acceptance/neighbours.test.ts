import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { stringify } from 'yaml';
import { SimulatedUnit } from '../../simulator/modbus/device.ts';
import { SimulatedModbusTcp } from '../../simulator/modbus/tcp.ts';
import { SimulatedAgent } from '../../simulator/mtconnect/agent.ts';
import { DemoConsumer } from '../../src/demo/demo-consumer.ts';
import { microsOf, Tally } from '../../src/demo/tally.ts';
import { noMosquitto, OPEN, startMosquitto } from '../support/brokers.ts';
import { residentMb, runGateway, until } from '../support/plant.ts';
import { noCompiler, slowDisk } from '../support/slow-disk.ts';

const LONG = process.env['LONG'] === '1';
const RUN_MS = LONG ? 60_000 : 6000;
const POLL_MS = 100;
/** What a worn SD card was seen to do. */
const STALL_MS = 500;

/** A device that counts each poll, so that every single one can be followed to the consumer. */
class CountingPress {
  readonly polls: number[] = [];
  readonly unit: SimulatedUnit;
  readonly #tcp: SimulatedModbusTcp;
  counting = false;

  constructor(machine: string, tally: Tally) {
    this.unit = new SimulatedUnit({
      ranges: { holding: [[0, 9]] },
      onRequest: ({ at }) => {
        if (!this.counting) return;
        this.polls.push(at);
        const count = this.polls.length % 65_536;
        this.unit.set('holding', 0, [count]);
        tally.addCounted(machine, { id: 'holding register 0' }, count, Date.now());
      },
    });
    this.#tcp = new SimulatedModbusTcp({ units: new Map([[1, this.unit]]) });
  }

  async start(t: Test): Promise<object> {
    const url = await this.#tcp.start();
    t.teardown(() => this.#tcp.stop());
    return {
      id: 'press-1',
      driver: 'modbus',
      url: `${url}/1`,
      poll: `${POLL_MS}ms`,
      signals: { count: { address: 0 }, load: { address: 1, scale: 0.1, unit: 'PERCENT' } },
    };
  }

  /** How far the time between two polls is from the interval, in milliseconds: median and worst. */
  jitter(): { median: number; worst: number } {
    const off = this.polls
      .slice(1)
      .map((at, i) => Math.abs(at - (this.polls[i] as number) - POLL_MS))
      .sort((a, b) => a - b);
    return { median: off[Math.floor(off.length / 2)] as number, worst: off.at(-1) as number };
  }
}

function configFile(t: Test, machines: readonly object[], port: number): string {
  const file = join(t.testdir(), 'gateway.yaml');
  const gateway = { id: 'gw', tenant: 'acme', dataDir: 'data' };
  const uplink = { url: `mqtt://127.0.0.1:${port}` };
  writeFileSync(file, stringify({ gateway, machines, uplink, http: { listen: 'off' }, log: { format: 'json' } }));
  return file;
}

t.test(
  'a device at 10 Hz keeps its schedule while each commit takes half a second',
  { skip: noMosquitto || noCompiler, timeout: 120_000 },
  async (t) => {
    await using broker = await startMosquitto(OPEN);
    const tally = new Tally();
    const press = new CountingPress('press-1', tally);
    const file = configFile(t, [await press.start(t)], broker.port);
    await using consumer = await DemoConsumer.connect({ url: `mqtt://127.0.0.1:${broker.port}` }, tally);
    const gateway = runGateway(file, slowDisk(t.testdirName, STALL_MS));
    t.teardown(() => gateway.child.kill('SIGKILL'));
    await consumer.firstContact(['press-1'], AbortSignal.timeout(30_000));
    press.counting = true;
    await sleep(RUN_MS);
    press.counting = false;
    await until('every poll has arrived', () => tally.missing === 0).catch(() => undefined);
    gateway.child.kill('SIGTERM');
    await gateway.exited;
    const jitter = press.jitter();
    const figures = await consumer.summary();
    t.comment({ polls: press.polls.length, jitter, missing: tally.missing, ...figures });
    t.ok(press.polls.length >= RUN_MS / POLL_MS - 2, 'no poll is left out');
    t.ok(jitter.median < 5, `median jitter ${jitter.median.toFixed(2)} ms`);
    t.equal(tally.missing, 0, 'every single poll is committed, sent and received');
    t.match(figures, { gaps: 0, missingBatches: 0, invalid: 0 });
  },
);

/** How a machine can misbehave; each is a TCP server in front of nothing. */
const BAD: Readonly<Record<string, (socket: Socket) => void>> = {
  hangs: () => undefined,
  floods: (socket) => {
    const chunk = randomBytes(65_536);
    const pour = () => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.write('HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=b\r\n\r\n--b\r\n');
    socket.on('drain', pour);
    pour();
  },
  garbage: (socket) => {
    socket.on('data', () => {
      if (!socket.destroyed) socket.write(randomBytes(200));
    });
  },
};

async function badMachines(t: Test): Promise<object[]> {
  const machines: object[] = [];
  for (const [kind, behave] of Object.entries(BAD)) {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      sockets.add(socket);
      // Whoever cuts a link to such a machine is right.
      socket.on('error', () => undefined).on('close', () => sockets.delete(socket));
      socket.resume();
      behave(socket);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.teardown(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    machines.push(
      { id: `mtconnect-${kind}`, driver: 'mtconnect', url: `http://${host}`, requestTimeout: '2s' },
      {
        id: `opcua-${kind}`,
        driver: 'opcua',
        url: `opc.tcp://${host}`,
        signals: { rpm: 'ns=1;s=rpm' },
        requestTimeout: '2s',
      },
      { id: `modbus-${kind}`, driver: 'modbus', url: `modbus://${host}/1`, signals: { rpm: { address: 0 } } },
    );
  }
  return machines;
}

t.test(
  'machines that hang, flood or send garbage are told, and the others notice nothing',
  { skip: noMosquitto, timeout: 120_000 },
  async (t) => {
    await using broker = await startMosquitto(OPEN);
    const tally = new Tally();
    const press = new CountingPress('press-1', tally);
    const agent = new SimulatedAgent({
      devices: [{ name: 'vmc-1' }],
      version: '2.0',
      rate: 200,
      onProduced: ({ device, dataItemId, name, timestamp }) => {
        if (device === 'vmc-1') tally.addProduced(device, { id: dataItemId, name }, microsOf(timestamp));
      },
    });
    agent.pause();
    t.teardown(() => agent.stop());
    const url = await agent.start();
    const good = [await press.start(t), { id: 'vmc-1', driver: 'mtconnect', url: String(url), device: 'vmc-1' }];
    const bad = await badMachines(t);
    const file = configFile(t, [...bad, ...good], broker.port);
    await using consumer = await DemoConsumer.connect({ url: `mqtt://127.0.0.1:${broker.port}` }, tally);
    const gateway = runGateway(file);
    t.teardown(() => gateway.child.kill('SIGKILL'));
    await consumer.firstContact(['press-1', 'vmc-1'], AbortSignal.timeout(30_000));
    press.counting = true;
    agent.run();
    const begun = Date.now();
    tally.isLive = (time) => time >= begun;
    await sleep(RUN_MS);
    agent.pause();
    press.counting = false;
    await until('all of the good machines has arrived', () => tally.missing === 0).catch(() => undefined);
    const rss = residentMb(gateway.child);
    gateway.child.kill('SIGTERM');
    const code = await gateway.exited;
    const jitter = press.jitter();
    const latency = { p50: tally.latency(0.5), p99: tally.latency(0.99) };
    t.comment({ polls: press.polls.length, jitter, latency, rss, machines: tally.machines() });
    t.equal(tally.missing, 0, 'nothing is missing of the good ones');
    t.equal(tally.repeated, 0);
    t.ok(press.polls.length >= RUN_MS / POLL_MS - 2, 'no poll is left out');
    t.ok(jitter.median < 5, `median jitter ${jitter.median.toFixed(2)} ms`);
    t.ok(latency.p99 < 2500, 'batches go out once a second as ever');
    t.equal(code, 0);
    for (const { id } of bad as { id: string }[]) {
      const told = gateway.lines.filter(({ machine, level }) => machine === id && level >= 40).length;
      t.ok(told > 0, `${id} is told`);
      t.ok(told <= 10 + RUN_MS / 5000, `${id} does not fill the log (${told} lines)`);
    }
  },
);
