import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { run, runningAgent } from './commission.ts';
import { KEY, noTerminal, Terminal } from './terminal.ts';

const { enter, down, space, ctrlC } = KEY;
const read = (folder: string, file = 'gateway.yaml') => readFileSync(join(folder, file), 'utf8');

t.test('asks its way to a config that check accepts', { skip: noTerminal }, async (t) => {
  const { url } = await runningAgent(t, { devices: [{ name: 'vmc-1' }, { name: 'vmc-2' }] });
  const folder = t.testdir({ 'ca.pem': '' });
  const screen = new Terminal(t, folder, ['init', 'plant.yaml', '--gateway', 'gw-07']);
  await screen.answer('Tenant', 'a b', enter);
  await screen.answer('expected 1 to 64 letters', KEY.killLine, 'acme', enter);
  await screen.answer('How are the machines found?', down, enter);
  await screen.answer('Address of a machine', 'htp://x', enter);
  await screen.answer('did you mean http://?', KEY.killLine, url, enter);
  // The second of its two machines.
  await screen.answer('Which of its machines?', space, enter);
  await screen.shows('rpm 1523.5 rev/min, ');
  await screen.answer('Its id', KEY.killLine, '_mill', enter);
  await screen.answer('are the gateway’s own', KEY.killLine, 'mill', enter);
  await screen.answer('Address of another machine', 'http://127.0.0.1:1', enter);
  await screen.shows('nothing listens there');
  await screen.answer('And now?', down, enter);
  await screen.answer('Address of another machine', enter);
  await screen.answer('MQTT broker', 'http://broker', enter);
  await screen.answer('expected mqtt://', KEY.killLine, 'mqtts://broker.plant:8883', enter);
  await screen.answer('PEM file of the CA', 'gone.pem', enter);
  await screen.answer('there is no such file', KEY.killLine, enter);
  await screen.answer('User name at the broker', 'gw-07', enter);
  await screen.answer('Where will the password be?', enter);
  await screen.answer('Name of the variable', enter);
  await screen.shows('plant.yaml was written and is valid');
  t.equal(await screen.ended, 0);
  t.match(screen.screen, 'the environment variable MQTT_PASSWORD is not set', 'told, not held against it');
  t.strictSame(parse(read(folder, 'plant.yaml')), {
    gateway: { id: 'gw-07', tenant: 'acme' },
    machines: [{ id: 'mill', driver: 'mtconnect', url, device: 'vmc-2' }],
    uplink: { url: 'mqtts://broker.plant:8883', auth: { username: 'gw-07', password: '${env:MQTT_PASSWORD}' } },
  });
  t.match(read(folder, 'plant.yaml'), /# {3}rpm: 1523\.5 rev\/min, from Srpm/);
  t.match(await run(folder, ['check', 'plant.yaml'], { MQTT_PASSWORD: 'x' }), { status: 0, stderr: '' });
});

t.test('searches a range, and takes what is chosen', { skip: noTerminal }, async (t) => {
  const { port } = await runningAgent(t, { devices: [{ name: 'mill' }] }, '127.0.0.4');
  for (const host of ['127.0.0.5', '127.0.0.6']) await runningAgent(t, { devices: [{ name: 'lathe' }] }, host, port);
  const folder = t.testdir();
  const flags = ['--gateway', 'g', '--tenant', 't', '--uplink', 'mqtt://127.0.0.1', '--ports', String(port)];
  const screen = new Terminal(t, folder, ['init', ...flags]);
  await screen.answer('How are the machines found?', down, enter);
  await screen.answer('Address of a machine', '127.0.0.9-1', enter);
  await screen.answer('ends before it begins', KEY.killLine, '127.0.0.1-9', enter);
  await screen.answer('Which belong to this gateway?', space, enter);
  await screen.answer('Its id', enter);
  await screen.answer('Its id (lathe-2)', enter);
  await screen.answer('Address of another machine', enter);
  await screen.shows('is valid');
  t.equal(await screen.ended, 0);
  t.match(parse(read(folder)).machines, [
    { id: 'lathe', url: `http://127.0.0.5:${port}` },
    { id: 'lathe-2', url: `http://127.0.0.6:${port}` },
  ]);
});

t.test('leaves a file that is there alone unless told otherwise', { skip: noTerminal }, async (t) => {
  const folder = t.testdir({ 'gateway.yaml': 'mine' });
  const first = new Terminal(t, folder, ['init']);
  await first.answer('gateway.yaml is there already. Overwrite it?', enter);
  await first.shows('Nothing was changed.');
  t.equal(await first.ended, 0);
  t.equal(read(folder), 'mine');
  const second = new Terminal(t, folder, ['init', '--uplink', 'mqtt://127.0.0.1', '--tenant', 'acme']);
  await second.answer('Overwrite it?', 'y', enter);
  await second.answer('Id of this gateway', KEY.killLine, 'gw-1', enter);
  await second.answer('How are the machines found?', down, down, enter);
  await second.shows('replace its example of a machine');
  t.equal(await second.ended, 0);
  t.match(parse(read(folder)), { machines: [{ id: 'machine-1' }], uplink: { url: 'mqtt://127.0.0.1' } });
});

t.test('Ctrl-C at a question ends it, and nothing is written', { skip: noTerminal }, async (t) => {
  const folder = t.testdir();
  const screen = new Terminal(t, folder, ['init']);
  await screen.answer('Id of this gateway', ctrlC);
  await screen.shows('stopped; nothing was written');
  t.equal(await screen.ended, 1);
  t.notOk(existsSync(join(folder, 'gateway.yaml')));
});

t.test('with --defaults it asks nothing', async (t) => {
  const { url } = await runningAgent(t, { devices: [{ name: 'mill' }] }, '127.0.0.2');
  const other = await runningAgent(t, { devices: [{ name: 'mill' }] }, '127.0.0.3');
  const folder = t.testdir({ 'mine.yaml': 'mine' });
  const common = ['--defaults', '--tenant', 'acme', '--uplink', 'mqtt://127.0.0.1'];
  const auth = ['--username', 'u', '--password-env', 'MQTT_PASSWORD', '--gateway', 'g', '--data-dir', 'data'];
  const cases: [readonly string[], object][] = [
    [
      ['a.yaml', ...common, ...auth, '--machine', url, '--machine', other.url],
      { status: 0, stdout: /is valid\. Next:/ },
    ],
    [['b.yaml', ...common], { status: 0, stdout: /replace its example/ }],
    [['mine.yaml', ...common], { status: 78, stderr: /mine\.yaml is there already: .*--force/ }],
    [['c.yaml', ...common, '--machine', 'http://127.0.0.1:1'], { status: 1, stderr: /nothing listens there/ }],
    [['c.yaml', ...common, '--machine', 'x://y'], { status: 78, stderr: /--machine: no driver reads x:\/\// }],
    [['c.yaml', '--defaults', '--tenant', 'acme', '--uplink', 'x'], { status: 78, stderr: /--uplink: expected mqtt/ }],
    [['c.yaml', '--defaults', '--uplink', 'mqtt://b'], { status: 64, stderr: /--tenant is missing/ }],
    [['c.yaml', '--defaults', '--tenant', 'a/b', '--uplink', 'mqtt://b'], { status: 64, stderr: /--tenant: expected/ }],
    [['c.yaml', '--username', 'u'], { status: 64, stderr: /--ca and --username need --uplink/ }],
    [['gone/c.yaml', ...common], { status: 1, stderr: /cannot write gone\/c\.yaml \(ENOENT\)/ }],
    [['c.yaml'], { status: 64, stderr: /it needs a terminal; for a script: init FILE --defaults/ }],
  ];
  const results = await Promise.all(cases.map(([args]) => run(folder, ['init', ...args])));
  for (const [index, [args, expected]] of cases.entries()) t.match(results[index], expected, args.join(' '));
  t.equal(read(folder, 'mine.yaml'), 'mine');
  t.notOk(existsSync(join(folder, 'c.yaml')), 'nothing is written where something is wrong');
  t.strictSame(parse(read(folder, 'a.yaml')), {
    gateway: { id: 'g', tenant: 'acme', dataDir: 'data' },
    machines: [
      { id: 'mill', driver: 'mtconnect', url },
      { id: 'mill-2', driver: 'mtconnect', url: other.url },
    ],
    uplink: { url: 'mqtt://127.0.0.1', auth: { username: 'u', password: '${env:MQTT_PASSWORD}' } },
  });
});
