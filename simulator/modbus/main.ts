import { createWriteStream } from 'node:fs';
import process from 'node:process';
import { finished } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { SimulatedModbusMachine } from './machine.ts';
import { MACHINES, type MachineKind } from './machines.ts';
import { SimulatedModbusRtuTcp } from './rtu.ts';
import { SimulatedModbusRtu } from './serial.ts';
import { SimulatedModbusTcp } from './tcp.ts';

const USAGE = `usage: node simulator/modbus/main.ts [--port 5020] [--rtu-port PORT] [--serial PATH] [--host 127.0.0.1]
  [--machines cnc,press,meter] [--rate 10] [--seed 1] [--record FILE]`;

function refuse(reason: string): never {
  process.stderr.write(`${reason}\n${USAGE}\n`);
  process.exit(64);
}

function argumentsOf() {
  try {
    return parseArgs({
      options: {
        port: { type: 'string' },
        'rtu-port': { type: 'string' },
        serial: { type: 'string' },
        host: { type: 'string', default: '127.0.0.1' },
        machines: { type: 'string', default: 'cnc,press,meter' },
        rate: { type: 'string', default: '10' },
        seed: { type: 'string', default: '1' },
        record: { type: 'string' },
      },
    }).values;
  } catch (error) {
    return refuse((error as Error).message);
  }
}

const values = argumentsOf();

function whole(name: 'port' | 'rtu-port' | 'rate' | 'seed', text: string, min: number, max: number): number {
  if (/^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max) return Number(text);
  return refuse(`--${name} takes a whole number from ${min} to ${max}, not ${text}`);
}

function kindOf(text: string): MachineKind {
  if (Object.hasOwn(MACHINES, text)) return text as MachineKind;
  return refuse(`--machines takes ${Object.keys(MACHINES).join(', ')}, with commas between, not ${text}`);
}

const rate = whole('rate', values.rate, 1, 1000);
const seed = whole('seed', values.seed, 0, 999_999_999);
const kinds = values.machines.split(',').map(kindOf);
const isPlain = values['rtu-port'] === undefined && values.serial === undefined;
const port = values.port ?? (isPlain ? '5020' : undefined);
const { host } = values;
const [tcpPort, rtuPort] = [port, values['rtu-port']].map((text, index) =>
  text === undefined ? undefined : whole(index === 0 ? 'port' : 'rtu-port', text, 0, 65_535),
);

const file = values.record === undefined ? undefined : createWriteStream(values.record);
const machines = kinds.map(
  (kind, index) =>
    new SimulatedModbusMachine({
      kind,
      name: `${kind}-${index + 1}`,
      seed: seed + index,
      rate,
      onProduced: ({ value, ...rest }) =>
        file?.write(`${JSON.stringify({ ...rest, value: typeof value === 'bigint' ? String(value) : value })}\n`),
    }),
);
const units = new Map(machines.map(({ unit }, index) => [index + 1, unit]));
const servers = [
  ...(tcpPort === undefined ? [] : [new SimulatedModbusTcp({ host, port: tcpPort, units })]),
  ...(rtuPort === undefined ? [] : [new SimulatedModbusRtuTcp({ host, port: rtuPort, units })]),
  ...(values.serial === undefined ? [] : [new SimulatedModbusRtu({ path: values.serial, units })]),
];

try {
  for (const server of servers) process.stdout.write(`${await server.start()}\n`);
} catch (error) {
  process.stderr.write(`cannot start: ${(error as Error).message.trim()}\n`);
  process.exit(1);
}
for (const [index, kind] of kinds.entries()) process.stdout.write(`unit ${index + 1}: ${kind}\n`);
for (const machine of machines) machine.run();

async function stop(): Promise<void> {
  for (const machine of machines) machine.pause();
  await Promise.all(servers.map((server) => server.stop()));
  file?.end();
  if (file !== undefined) await finished(file);
  process.stdout.write(`${JSON.stringify(Object.fromEntries([...units].map(([id, unit]) => [id, unit.requests])))}\n`);
}

process.once('SIGINT', () => void stop());
process.once('SIGTERM', () => void stop());
