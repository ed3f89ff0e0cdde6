import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';
import { MACHINES_URI } from '../../../simulator/opcua/server.ts';
import { open, read } from './client.ts';

const MAIN = join(import.meta.dirname, '../../../simulator/opcua/main.ts');

t.test('as a process: serves, has other indices after SIGHUP, and tells its counts on SIGTERM', async (t) => {
  const record = join(t.testdir(), 'produced.ndjson');
  const args = ['--port', '0', '--machines', '1', '--items', '2', '--rate', '50', '--record', record];
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => (await lines.next()).value as string;
  const url = await line();
  t.match(url, /^opc\.tcp:\/\/127\.0\.0\.1:\d+$/);
  t.equal(await line(), '/Objects/Machines/cnc-1');
  const session = await open(t, url);
  t.equal((await session.readNamespaceArray()).indexOf(MACHINES_URI), 2);
  t.equal((await read(session, 'ns=2;s=cnc-1.Feed.Override')).value.value, 100);
  child.kill('SIGHUP');
  t.equal(await line(), url, 'it is back');
  const again = await open(t, url);
  t.equal((await again.readNamespaceArray()).indexOf(MACHINES_URI), 4);
  child.kill('SIGTERM');
  const counts = JSON.parse(await line());
  t.equal((await once(child, 'exit'))[0], 0);
  const produced = readFileSync(record, 'utf8')
    .trimEnd()
    .split('\n')
    .map((one) => JSON.parse(one));
  const count = (machine: string) => produced.filter((item) => item.machine === machine).length;
  t.same(counts, { 'cnc-1': count('cnc-1'), counters: count('') });
});

t.test('refuses arguments that make no sense', async (t) => {
  for (const args of [
    ['--port', 'any'],
    ['--rate', '0'],
    ['--security', 'some'],
    ['--user', 'me'],
    ['--colour', 'red'],
  ]) {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    const [[code], text] = await Promise.all([once(child, 'exit'), child.stderr.toArray()]);
    t.equal(code, 64, args.join(' '));
    t.match(Buffer.concat(text).toString(), /^[^\n]+\nusage: [^\n]+\n[^\n]+\n$/);
  }
});

t.test('says that its port is taken', async (t) => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  t.teardown(() => other.close());
  const { port } = other.address() as { port: number };
  const child = spawn(process.execPath, [MAIN, '--port', String(port)], { stdio: ['ignore', 'ignore', 'pipe'] });
  const [[code], text] = await Promise.all([once(child, 'exit'), child.stderr.toArray()]);
  t.equal(code, 1);
  t.match(Buffer.concat(text).toString(), /^cannot start: .*EADDRINUSE.*\n$/);
});
