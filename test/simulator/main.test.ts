import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';
import { get, header, observations } from './client.ts';

const MAIN = join(import.meta.dirname, '../../simulator/main.ts');

t.test(
  'as a process: tells its addresses, serves, and on SIGTERM its counts, which are those of the record',
  async (t) => {
    const record = join(t.testdir(), 'produced.ndjson');
    const args = ['--port', '0', '--devices', '2', '--rate', '200', '--version', '1.3', '--record', record];
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
    t.teardown(() => child.kill('SIGKILL'));
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const line = async () => (await lines.next()).value as string;
    const url = await line();
    t.same([await line(), await line()], [`${url}cnc-1`, `${url}cnc-2`]);
    const { body } = await get(url, '/cnc-2/current');
    t.ok(observations(body).every(({ dataItemId }) => dataItemId.startsWith('cnc-2_')));

    child.kill('SIGHUP');
    const instance = header(body)['instanceId'];
    const instanceNow = async () => header((await get(url, '/current').catch(() => ({ body: '' }))).body)['instanceId'];
    let now = await instanceNow();
    while (now === undefined || now === instance) now = await instanceNow();

    child.kill('SIGTERM');
    const counts = JSON.parse(await line());
    const [code] = await once(child, 'exit');
    t.equal(code, 0);
    const produced = readFileSync(record, 'utf8')
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text));
    for (const device of ['cnc-1', 'cnc-2']) {
      t.equal(produced.filter((one) => one.device === device).length, counts[device].total);
    }
    t.equal(new Set(produced.map(({ instanceId }) => instanceId)).size, 2, 'two lives');
  },
);

t.test('refuses arguments that make no sense', async (t) => {
  for (const args of [
    ['--rate', 'fast'],
    ['--version', 'new'],
  ]) {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    const [[code], text] = await Promise.all([once(child, 'exit'), child.stderr.toArray()]);
    t.equal(code, 64);
    t.match(Buffer.concat(text).toString(), /takes a.*usage:/s);
  }
});
