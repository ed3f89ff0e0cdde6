import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t from 'tap';
import { parse } from 'yaml';
import { checked, command, run, runningAgent } from './commission.ts';

t.test('prints entries that check accepts as they are, and a report beside', async (t) => {
  const { url } = await runningAgent(t, { devices: [{ name: 'vmc-1' }, { name: 'vmc-2' }] });
  const folder = t.testdir();
  const { status, stdout, stderr } = await run(folder, ['probe', url, '--expect', '1523,5']);
  t.equal(status, 0);
  t.match(stderr, /rpm +1523\.5 rev\/min +Srpm/);
  t.match(stderr, /1523\.5 — rpm \(Srpm\) reads 1523\.5/);
  t.match(stdout, /^ {2}- id: vmc-1\n {4}driver: mtconnect\n/);
  t.match(stdout, /# {3}rpm: 1523\.5 rev\/min, from Srpm\n/);
  t.match(await checked(folder, stdout), { status: 0, told: /ok — 2 machines/ });
});

t.test('--json prints all of it, with the YAML, as one object', async (t) => {
  const { url } = await runningAgent(t);
  const folder = t.testdir();
  const { status, stdout } = await run(folder, ['probe', url, '--json', '--id', 'my-mill']);
  t.equal(status, 0);
  const { driver, machines, yaml } = JSON.parse(stdout);
  t.match({ driver, machines }, { driver: 'mtconnect', machines: [{ id: 'cnc-1', settings: { url } }] });
  t.strictSame(parse(yaml), [{ id: 'my-mill', driver: 'mtconnect', url }]);
});

t.test('a bare host and port is enough', async (t) => {
  const { url, port } = await runningAgent(t);
  const { status, stdout, stderr } = await run(t.testdir(), ['probe', `127.0.0.1:${port}`]);
  t.equal(status, 0);
  t.match(stderr, `${url} answers as mtconnect`);
  t.match(parse(stdout), [{ url }]);
});

t.test('with --config its ids are taken', async (t) => {
  const { url } = await runningAgent(t);
  const folder = t.testdir({
    'a.yaml': `gateway: { id: g, tenant: t }
machines: [{ id: cnc-1, driver: mtconnect, url: "http://127.0.0.1:1" }]
uplink: { url: "mqtts://b", auth: { username: u, password: "\${env:NOT_SET_HERE}" } }`,
    'bad.yaml': 'gateway: 1',
  });
  const { status, stdout } = await run(folder, ['probe', url, '--config', 'a.yaml']);
  t.equal(status, 0);
  t.match(parse(stdout), [{ id: 'cnc-1-2' }]);
  t.match(await run(folder, ['probe', url, '--config', 'bad.yaml']), {
    status: 78,
    stdout: '',
    stderr: /bad\.yaml:1:/,
  });
});

t.test('what goes wrong is one sentence that says what to do', async (t) => {
  const mute = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  t.teardown(() => {
    mute.closeAllConnections();
    mute.close();
  });
  const silent = `http://127.0.0.1:${(mute.address() as AddressInfo).port}`;
  const folder = t.testdir();
  const cases: [readonly string[], number, RegExp][] = [
    [['http://127.0.0.1:1'], 1, /^edge-gateway: .*nothing listens there.*: check that the agent runs/m],
    [['http://u:p@127.0.0.1:1'], 1, /leave them out of the URL/],
    [['htpp://127.0.0.1'], 64, /did you mean http:\/\/\?/],
    [['127.0.0.1:1'], 1, /nothing at 127\.0\.0\.1:1 answers/],
    [['http://127.0.0.1:1', '--expect', 'fast'], 64, /--expect: expected a number/],
    [['http://127.0.0.1:1', '--id', '_x'], 64, /--id: expected/],
    [['http://127.0.0.1:1', '--timeout', '5'], 64, /--timeout: expected a duration/],
    [['http://127.0.0.1:1', '--password-env', 'NOT_SET_HERE'], 1, /NOT_SET_HERE is not set: set it with/],
    [['http://127.0.0.1:1', '--password-file', 'gone'], 1, /cannot read gone \(ENOENT\)/],
    [[silent, '--timeout', '300ms'], 1, /did not end within 300ms: .*--timeout/],
  ];
  const results = await Promise.all(cases.map(([args]) => run(folder, ['probe', ...args])));
  for (const [index, [args, status, why]] of cases.entries()) {
    t.match(results[index], { status, stdout: '', stderr: why }, args.join(' '));
    t.notMatch(results[index]?.stderr, /\bat .*\.ts:\d+/, 'no stack');
  }
});

t.test('Ctrl-C stops at once', async (t) => {
  const asked = Promise.withResolvers<void>();
  const mute = createServer(() => asked.resolve()).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  t.teardown(() => {
    mute.closeAllConnections();
    mute.close();
  });
  const { child, ended } = command(t.testdir(), ['probe', `http://127.0.0.1:${(mute.address() as AddressInfo).port}`]);
  await asked.promise;
  const begun = performance.now();
  child.kill('SIGINT');
  t.match(await ended, { status: 1, stdout: '', stderr: /stopped/ });
  t.ok(performance.now() - begun < 1500);
});
