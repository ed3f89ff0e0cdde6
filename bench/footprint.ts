import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { connectAsync } from 'mqtt';
import { stringify } from 'yaml';
import { SimulatedUnit } from '../simulator/modbus/device.ts';
import { SimulatedModbusTcp } from '../simulator/modbus/tcp.ts';
import { SimulatedAgent } from '../simulator/mtconnect/agent.ts';
import { SimulatedOpcuaServer } from '../simulator/opcua/server.ts';
import { freePort, OPEN, startMosquitto } from '../test/support/brokers.ts';

/**
 * What a gateway costs that has little to do: ten machines with 20 signals at 1 Hz, five of MTConnect and five of Modbus, against a
 * real broker. `node bench/footprint.ts [--opcua] [--seconds 60] [--viewers 0] [--program bin/edge-gateway]`: the time from the start of the process to
 * its first batch, CPU as a share of one core, memory. With `--opcua` one of the ten is of OPC UA. With viewers the status page is looked at.
 */
const { values } = parseArgs({
  options: {
    opcua: { type: 'boolean', default: false },
    seconds: { type: 'string', default: '60' },
    viewers: { type: 'string', default: '0' },
    program: { type: 'string', default: join(import.meta.dirname, '../bin/edge-gateway') },
  },
});
const SIGNALS = 20;
const SETTLE_S = 20;
const TICKS_PER_SECOND = 100;

const folder = mkdtempSync(join(tmpdir(), 'footprint-'));
const broker = await startMosquitto(OPEN);
const agent = new SimulatedAgent({ devices: Array.from({ length: 5 }, (_, i) => ({ name: `m${i}` })), rate: SIGNALS });
await agent.start();
const unit = new SimulatedUnit({ ranges: { holding: [[0, 2 * SIGNALS]] } });
const modbus = new SimulatedModbusTcp({ units: new Map([[1, unit]]) });
const bus = await modbus.start();
const server = values.opcua ? new SimulatedOpcuaServer({ machines: ['o0'], rate: 1 }) : undefined;
const opcua = await server?.start();
server?.run();
let count = 0;
const change = setInterval(() => {
  count += 1;
  for (let i = 0; i < SIGNALS; i++) unit.set('holding', 2 * i, [0, (count * 7 + i) % 65_536]);
}, 500);

const signals = Object.fromEntries(
  Array.from({ length: SIGNALS }, (_, i) => [`s${i}`, { address: 2 * i, type: 'uint32' }]),
);
const http = `127.0.0.1:${await freePort()}`;
const config = {
  gateway: { id: 'gw', tenant: 'acme', dataDir: join(folder, 'data') },
  machines: [
    ...Array.from({ length: 5 }, (_, i) => ({
      id: `m${i}`,
      driver: 'mtconnect',
      url: agent.url.href,
      device: `m${i}`,
    })),
    ...Array.from({ length: opcua === undefined ? 5 : 4 }, (_, i) => ({
      id: `b${i}`,
      driver: 'modbus',
      url: `${bus}/1`,
      poll: '1s',
      signals,
    })),
    ...(opcua === undefined ? [] : [{ id: 'o0', driver: 'opcua', url: opcua, folders: ['/Objects/Machines/o0'] }]),
  ],
  uplink: { url: `mqtt://127.0.0.1:${broker.port}` },
  http: { listen: http },
};
writeFileSync(join(folder, 'gateway.yaml'), stringify(config));

const consumer = await connectAsync(`mqtt://127.0.0.1:${broker.port}`);
await consumer.subscribeAsync('plc/#');
const first = new Promise<number>((resolve) => {
  consumer.on('message', (topic) => topic.endsWith('/telemetry') && resolve(performance.now()));
});
const begun = performance.now();
const child = spawn(values.program, ['run', '--config', join(folder, 'gateway.yaml')], {
  stdio: ['ignore', 'ignore', 'inherit'],
});
const start = (await first) - begun;
const pid = child.pid as number;

/** Seconds of CPU that the process has used. */
const cpu = () => {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
};
/** MB of 10⁶ bytes. */
const memory = (what: 'VmRSS' | 'VmHWM' | 'RssAnon') =>
  (Number(new RegExp(`${what}:\\s+(\\d+)`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024) / 1e6;

const stop = new AbortController();
const viewers = Array.from({ length: Number(values.viewers) }, async () => {
  const answer = await fetch(`http://${http}/api/live?machine=m0`, { signal: stop.signal });
  for await (const _ of answer.body ?? []);
});
for (const viewer of viewers) viewer.catch(() => undefined);
await sleep(SETTLE_S * 1000);
const [before, at] = [cpu(), performance.now()];
await sleep(Number(values.seconds) * 1000);
const share = (cpu() - before) / ((performance.now() - at) / 1000);
console.log(
  JSON.stringify({
    program: values.program,
    opcua: values.opcua,
    viewers: viewers.length,
    firstBatchSeconds: Number((start / 1000).toFixed(2)),
    cpuPercentOfOneCore: Number((share * 100).toFixed(2)),
    rssMB: Math.round(memory('VmRSS')),
    // Without the pages of Node.js itself, which the kernel shares and drops as it likes.
    anonymousMB: Math.round(memory('RssAnon')),
    peakMB: Math.round(memory('VmHWM')),
  }),
);
stop.abort();
const exited = once(child, 'exit');
child.kill('SIGTERM');
await exited;
clearInterval(change);
await consumer.endAsync();
await Promise.all([agent.stop(), modbus.stop(), server?.[Symbol.asyncDispose](), broker[Symbol.asyncDispose]()]);
rmSync(folder, { recursive: true, force: true });
process.exit();
