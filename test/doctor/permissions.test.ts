import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { memory, permissionsSection, serialPort } from '../../src/doctor/permissions.ts';
import { noPty, openPtyPair } from '../support/pty.ts';
import { ailing, loaded, named, told } from './support.ts';

const serial = (path: string) =>
  `[{ id: m, driver: modbus, url: "modbus+rtu://${path}?baud=9600", signals: { n: { address: 0 } } }]`;

t.test('a computer that is well has nothing but good findings', async (t) => {
  const findings = await told(permissionsSection(await loaded(t.testdir())));
  t.same(ailing(findings), []);
  t.match(named(findings, 'user'), { text: /\(\d+\)$/ });
  t.match(named(findings, 'program'), { text: /^Node\.js \d+\.\d+\.\d+, (x64|arm64)$/ });
  t.match(named(findings, 'config'), { text: 'names no secrets and no certificates' });
});

t.test('secrets that others may read are told with the command that mends it; their text never is', async (t) => {
  const folder = t.testdir({ secret: 'hunter2\n' });
  const uplink = '{ url: "mqtts://127.0.0.1:1", auth: { username: u, password: "${file:secret}" } }';
  chmodSync(join(folder, 'secret'), 0o644);
  const open = await told(permissionsSection(await loaded(folder, { uplink })));
  t.match(ailing(open), [{ name: 'config', level: 'warn', text: /uplink\.auth\.password: every user .*: chmod o-r/ }]);
  chmodSync(join(folder, 'secret'), 0o600);
  const closed = await told(permissionsSection(await loaded(folder, { uplink })));
  t.match(named(closed, 'config'), { level: 'good', text: 'the one secret or certificate can be read' });
  t.notMatch(JSON.stringify([open, closed]), /hunter2/);
});

t.test('a password that is not here is left to the login, which tells it', async (t) => {
  const uplink = '{ url: "mqtts://127.0.0.1:1", auth: { username: u, password: "${env:NOT_SET_HERE}" } }';
  t.same(ailing(await told(permissionsSection(await loaded(t.testdir(), { uplink })))), []);
});

t.test('a serial port can be used, is no port, or is not there', { skip: noPty }, async (t) => {
  const folder = t.testdir({ file: '' });
  await using pair = await openPtyPair(folder);
  t.match(serialPort(pair.paths[0]), { level: 'good', text: /can be used/ });
  t.match(serialPort(join(folder, 'file')), { level: 'bad', text: /is no serial device/ });
  const findings = await told(permissionsSection(await loaded(folder, { machines: serial('/dev/ttyNOT0') })));
  t.match(named(findings, 'serial port'), { level: 'bad', text: '/dev/ttyNOT0 is not there', hint: /by-id/ });
});

t.test('little memory is told', async (t) => {
  t.match(memory(64 * 2 ** 20), { level: 'warn', text: '64.0 MiB available', hint: /./ });
  t.match(memory(2 ** 30), { level: 'good' });
});

t.test(
  'a data folder of another user is told',
  { skip: process.getuid?.() === 0 ? false : 'needs root' },
  async (t) => {
    const folder = t.testdir({ data: {} });
    const { chownSync } = await import('node:fs');
    chownSync(join(folder, 'data'), 12_345, 12_345);
    writeFileSync(join(folder, 'x'), '');
    const findings = await told(permissionsSection(await loaded(folder)));
    t.match(named(findings, 'user'), { level: 'warn', text: /belongs to 12345 \(12345\)/, hint: /sudo -u '#12345'/ });
  },
);
