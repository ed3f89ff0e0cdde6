import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { ServiceManager } from '../../src/health/service-manager.ts';
import { recordingLog } from '../outbox/support.ts';
import { until } from '../support/plant.ts';

const isThere = (program: string) => spawnSync('which', [program]).status === 0;
const skip = ['systemd-notify', 'python3'].every(isThere) ? false : 'no systemd-notify or no python3';
const SOCKET = join(import.meta.dirname, '../support/notify-socket.py');
if (skip !== false && process.env['REQUIRE_MOSQUITTO'] === '1') throw new Error(skip);

t.test('the service manager is told what happens, in its own words', { skip }, async (t) => {
  // A path of a socket is short (unix(7)).
  const folder = mkdtempSync(join(tmpdir(), 'notify-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'socket');
  const receiver = spawn('python3', [SOCKET, path]);
  t.teardown(() => receiver.kill());
  let heard = '';
  receiver.stdout.setEncoding('utf8').on('data', (text: string) => {
    heard += text;
  });
  await until('the socket is there', () => existsSync(path));
  const before = process.env['NOTIFY_SOCKET'];
  process.env['NOTIFY_SOCKET'] = path;
  t.teardown(() => {
    if (before === undefined) delete process.env['NOTIFY_SOCKET'];
    else process.env['NOTIFY_SOCKET'] = before;
  });
  const { log, lines } = recordingLog();
  const manager = new ServiceManager(
    { ...process.env, WATCHDOG_USEC: '60000000', WATCHDOG_PID: `${process.pid}` },
    log,
  );
  t.equal(manager.watchdog, 60_000);
  const open = new AbortController();
  const starting = manager.starting(open.signal, 10);
  await until('more time was asked for', () => /EXTEND_TIMEOUT_USEC=60000000/.test(heard));
  open.abort();
  await starting;
  await manager.ready('3 of 3 machines are read');
  await manager.alive('2 of 3 machines are read');
  await manager.stopping();
  await until('everything was heard', () => heard.includes('STOPPING=1'));
  t.match(heard, /READY=1/);
  t.match(heard, new RegExp(`MAINPID=${process.pid}`));
  t.match(heard, /STATUS=2 of 3 machines are read/);
  t.match(heard, /WATCHDOG=1/);
  t.same(lines, []);
});

t.test('where nobody asks, nobody is told', async (t) => {
  const { log, lines } = recordingLog();
  const manager = new ServiceManager({ WATCHDOG_USEC: '1000' }, log);
  t.equal(manager.watchdog, undefined, 'a watchdog without a socket cannot be told');
  await manager.ready('x');
  t.same(lines, []);
});

t.test('a watchdog that is meant for another process is none', async (t) => {
  const env = { NOTIFY_SOCKET: '/nowhere', WATCHDOG_USEC: '1000', WATCHDOG_PID: '1' };
  t.equal(new ServiceManager(env, recordingLog().log).watchdog, undefined);
});

t.test('a service manager that cannot be told is logged once', { skip }, async (t) => {
  const { log, lines } = recordingLog();
  const before = process.env['NOTIFY_SOCKET'];
  process.env['NOTIFY_SOCKET'] = join(t.testdir(), 'nobody');
  t.teardown(() => {
    if (before === undefined) delete process.env['NOTIFY_SOCKET'];
    else process.env['NOTIFY_SOCKET'] = before;
  });
  const manager = new ServiceManager(process.env, log);
  await manager.alive('x');
  await manager.alive('y');
  t.equal(lines.length, 1);
  t.match(lines[0], /^error: the service manager is not told how the gateway is/);
});
