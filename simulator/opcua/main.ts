import { createWriteStream } from 'node:fs';
import process from 'node:process';
import { finished } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { setErrorLogger, setWarningLogger } from 'node-opcua';
import { MACHINES_URI, OTHER_URIS, SimulatedOpcuaServer } from './server.ts';

const USAGE = `usage: node simulator/opcua/main.ts [--port 4840] [--host 127.0.0.1] [--machines 2] [--items 0] [--rate 2]
  [--seed 1] [--security none|all|only] [--user NAME:PASSWORD] [--poll-only] [--record FILE]`;

function refuse(reason: string): never {
  process.stderr.write(`${reason}\n${USAGE}\n`);
  process.exit(64);
}

function argumentsOf() {
  try {
    return parseArgs({
      options: {
        port: { type: 'string', default: '4840' },
        host: { type: 'string', default: '127.0.0.1' },
        machines: { type: 'string', default: '2' },
        items: { type: 'string', default: '0' },
        rate: { type: 'string', default: '2' },
        seed: { type: 'string', default: '1' },
        security: { type: 'string', default: 'none' },
        user: { type: 'string' },
        'poll-only': { type: 'boolean', default: false },
        record: { type: 'string' },
      },
    }).values;
  } catch (error) {
    return refuse((error as Error).message);
  }
}

const values = argumentsOf();

function whole(name: 'port' | 'machines' | 'items' | 'rate' | 'seed', min: number, max: number): number {
  const text = values[name];
  if (/^\d{1,9}$/.test(text) && Number(text) >= min && Number(text) <= max) return Number(text);
  return refuse(`--${name} takes a whole number from ${min} to ${max}, not ${text}`);
}

function securityOf(text: string): 'none' | 'all' | 'only' {
  if (text === 'none' || text === 'all' || text === 'only') return text;
  return refuse(`--security takes none, all or only, not ${text}`);
}

function usersOf(text: string | undefined): { users?: Record<string, string> } {
  if (text === undefined) return {};
  const [, name, password] = /^([^:]+):(.+)$/s.exec(text) ?? [];
  if (name === undefined || password === undefined) return refuse('--user takes NAME:PASSWORD');
  return { users: { [name]: password } };
}

// What the library warns of goes to the clients as well.
setWarningLogger(() => undefined);
setErrorLogger(() => undefined);

const options = {
  port: whole('port', 0, 65_535),
  host: values.host,
  machines: Array.from({ length: whole('machines', 0, 1000) }, (_, i) => `cnc-${i + 1}`),
  items: whole('items', 0, 100_000),
  rate: whole('rate', 1, 1000),
  seed: whole('seed', 0, 999_999_999),
  security: securityOf(values.security),
  ...usersOf(values.user),
  canSubscribe: !values['poll-only'],
};
const file = values.record === undefined ? undefined : createWriteStream(values.record);
const counts = new Map<string, number>();
const server = new SimulatedOpcuaServer({
  ...options,
  onProduced: (item) => {
    const name = item.machine || 'counters';
    counts.set(name, (counts.get(name) ?? 0) + 1);
    file?.write(`${JSON.stringify(item)}\n`);
  },
});

try {
  process.stdout.write(`${await server.start()}\n`);
} catch (error) {
  await server[Symbol.asyncDispose]();
  process.stderr.write(`cannot start: ${(error as Error).message.trim()}\n`);
  process.exit(1);
}
for (const name of options.machines) process.stdout.write(`/Objects/Machines/${name}\n`);
server.run();

// One thing after the other.
let previous: Promise<unknown> = Promise.resolve();

async function stop(): Promise<void> {
  await previous;
  await server[Symbol.asyncDispose]();
  file?.end();
  if (file !== undefined) await finished(file);
  process.stdout.write(`${JSON.stringify(Object.fromEntries(counts))}\n`);
}

let namespaces: readonly string[] = [MACHINES_URI, ...OTHER_URIS];

/** The server restarts, and its namespaces have other indices; tells its URL again when it is back. */
async function restart(): Promise<void> {
  await previous;
  namespaces = [...namespaces.slice(1), namespaces[0] as string];
  await server.stop();
  process.stdout.write(`${await server.start(namespaces)}\n`);
}

process.once('SIGINT', () => void stop());
process.once('SIGTERM', () => void stop());
process.on('SIGHUP', () => {
  previous = restart();
});
