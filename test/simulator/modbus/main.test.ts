import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t from 'tap';
import { hex, mbap, rawClient } from './client.ts';

const MAIN = join(import.meta.dirname, '../../../simulator/modbus/main.ts');

t.test('as a process: tells its addresses and units, serves, and on SIGTERM its counts', async (t) => {
  const record = join(t.testdir(), 'produced.ndjson');
  const args = ['--port', '0', '--rtu-port', '0', '--machines', 'press,meter', '--rate', '200', '--record', record];
  const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.teardown(() => child.kill('SIGKILL'));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const line = async () => (await lines.next()).value as string;
  const url = await line();
  t.match(url, /^modbus:\/\/127\.0\.0\.1:\d+$/);
  t.match(await line(), /^modbus\+rtutcp:\/\/127\.0\.0\.1:\d+$/);
  t.same([await line(), await line()], ['unit 1: press', 'unit 2: meter']);
  const client = await rawClient(url);
  client.send(mbap(1, 2, hex('04 00 00 00 02')));
  const volts = (await client.take(13)).readFloatBE(9);
  t.ok(volts > 220 && volts < 240, `${volts} V`);
  client.stream.destroy();
  child.kill('SIGTERM');
  t.same(JSON.parse(await line()), { 1: 0, 2: 1 });
  t.same((await once(child, 'exit'))[0], 0);
  const produced = readFileSync(record, 'utf8')
    .trimEnd()
    .split('\n')
    .map((one) => JSON.parse(one));
  t.ok(produced.some(({ name, signal, value }) => name === 'meter-2' && signal === 'voltage_l1' && value === volts));
});

t.test('refuses arguments that make no sense', async (t) => {
  for (const args of [
    ['--port', 'any'],
    ['--machines', 'lathe'],
    ['--rate', '0'],
    ['--colour', 'red'],
  ]) {
    const child = spawn(process.execPath, [MAIN, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
    const [[code], text] = await Promise.all([once(child, 'exit'), child.stderr.toArray()]);
    t.equal(code, 64, args.join(' '));
    t.match(Buffer.concat(text).toString(), /.*usage:/s);
  }
});

t.test('says what it cannot open', async (t) => {
  const child = spawn(process.execPath, [MAIN, '--serial', join(t.testdir(), 'absent')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [[code], text] = await Promise.all([once(child, 'exit'), child.stderr.toArray()]);
  t.equal(code, 1);
  t.match(Buffer.concat(text).toString(), /cannot start:.*absent.*No such file/s);
});
