import { createWriteStream } from 'node:fs';
import process from 'node:process';
import { finished } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { SimulatedAgent } from './mtconnect/agent.ts';
import type { Version } from './mtconnect/version.ts';

const USAGE = `usage: node simulator/main.ts [--port 5000] [--host 127.0.0.1] [--devices 1] [--rate 50]
  [--version 2.0] [--seed 1] [--buffer 131072] [--record FILE]`;

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '5000' },
    host: { type: 'string', default: '127.0.0.1' },
    devices: { type: 'string', default: '1' },
    rate: { type: 'string', default: '50' },
    version: { type: 'string', default: '2.0' },
    seed: { type: 'string', default: '1' },
    buffer: { type: 'string', default: '131072' },
    record: { type: 'string' },
  },
});

function whole(name: 'port' | 'devices' | 'rate' | 'seed' | 'buffer'): number {
  const text = values[name];
  if (/^\d+$/.test(text)) return Number(text);
  process.stderr.write(`--${name} takes a whole number, not ${text}\n${USAGE}\n`);
  process.exit(64);
}

function versionOf(text: string): Version {
  if (/^[12]\.\d+$/.test(text)) return text as Version;
  process.stderr.write(`--version takes a version of the standard such as 1.3 or 2.7, not ${text}\n${USAGE}\n`);
  process.exit(64);
}

const file = values.record === undefined ? undefined : createWriteStream(values.record);
const agent = new SimulatedAgent({
  devices: Array.from({ length: whole('devices') }, (_, index) => ({ name: `cnc-${index + 1}` })),
  rate: whole('rate'),
  seed: whole('seed'),
  bufferSize: whole('buffer'),
  version: versionOf(values.version),
  onProduced: (observation) => file?.write(`${JSON.stringify(observation)}\n`),
});

const url = await agent.start(whole('port'), values.host).catch((error: Error) => {
  process.stderr.write(`cannot listen: ${error.message}\n`);
  process.exit(1);
});
process.stdout.write(`${url}\n`);
for (const { name } of agent.machines) process.stdout.write(`${new URL(name, url)}\n`);

async function stop(): Promise<void> {
  await agent.stop();
  file?.end();
  if (file !== undefined) await finished(file);
  process.stdout.write(`${JSON.stringify(Object.fromEntries(agent.produced.counts))}\n`);
}

process.once('SIGINT', () => void stop());
process.once('SIGTERM', () => void stop());
// The agent restarts: another instanceId, an empty buffer.
process.on('SIGHUP', () => void agent.restart());
