import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { type AddressInfo, createServer as createTcp, type Server } from 'node:net';
import { dirname, join } from 'node:path';
import t, { type Test } from 'tap';
import { stringify } from 'yaml';
import { SimulatedAgent } from '../../simulator/mtconnect/agent.ts';
import { startProxy } from '../../simulator/proxy.ts';
import { freePort, noMosquitto, OPEN, startMosquitto } from '../support/brokers.ts';
import { type RunningGateway, runGateway, until } from '../support/plant.ts';

/** Listens on 127.0.0.1 until the test ends. */
async function listen(t: Test, server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

function configFile(t: Test, machines: object[], uplink: object, more: object = {}): string {
  const folder = t.testdir();
  mkdirSync(join(folder, 'data'));
  const file = join(folder, 'gateway.yaml');
  const config = {
    gateway: { id: 'gw', tenant: 'acme', dataDir: 'data' },
    machines,
    uplink,
    http: { listen: 'off' },
    log: { format: 'json' },
  };
  writeFileSync(file, stringify({ ...config, ...more }));
  return file;
}

/** Ends with the test, whatever became of it. */
function started(t: Test, file: string): RunningGateway {
  const gateway = runGateway(file);
  t.teardown(async () => {
    gateway.child.kill('SIGKILL');
    await gateway.exited;
  });
  return gateway;
}

const told = ({ lines }: RunningGateway, text: string) => lines.filter(({ msg }) => msg.includes(text)).length;

t.test('each machine that cannot be read is told once, and disturbs no other', async (t) => {
  const web = (status: number, body: string) =>
    listen(
      t,
      createHttp((_request, response) => response.writeHead(status).end(body)),
    );
  const plain = await web(404, 'nope');
  const agent = new SimulatedAgent({ devices: [{ name: 'good' }], rate: 20 });
  t.teardown(() => agent.stop());
  const good = await agent.start();
  const ssh = await listen(
    t,
    createTcp((socket) => socket.on('error', () => undefined).write('SSH-2.0-OpenSSH\r\n')),
  );
  const faults = {
    down: [`http://127.0.0.1:${await freePort()}`, 'nothing listens there'],
    unknown: ['http://no-such-host.invalid:5000', 'the host name is unknown'],
    ssh: [`http://127.0.0.1:${ssh}`, 'does not speak HTTP'],
    json: [`http://127.0.0.1:${await web(200, '{"json":1}')}`, 'not XML'],
    page: [`http://127.0.0.1:${await web(200, '<html><body>hello</body></html>')}`, 'a web page'],
    missing: [`http://127.0.0.1:${plain}`, 'HTTP status 404'],
    tls: [`https://127.0.0.1:${plain}`, 'there is no TLS'],
  } as const;
  const bad = Object.entries(faults).map(([id, [url]]) => ({ id, driver: 'mtconnect', url }));
  const machines = [...bad, { id: 'good', driver: 'mtconnect', url: good.href }];
  const uplink = { url: `mqtt://127.0.0.1:${await freePort()}` };
  const gateway = started(t, configFile(t, machines, uplink));
  for (const [id, [, what]] of Object.entries(faults)) {
    await until(`${id} is told`, () => told(gateway, what) > 0);
  }
  await until('the broker is told', () => told(gateway, uplink.url) > 0);
  gateway.child.kill('SIGTERM');
  t.equal(await gateway.exited, 0);
  for (const [id, [, what]] of Object.entries(faults)) {
    const lines = gateway.lines.filter(({ machine, level }) => machine === id && level >= 40);
    t.equal(lines.length, 1, `${id} is told once`);
    t.match(lines[0]?.msg, what);
    t.match(lines[0]?.msg, /: .*(check|write)/, 'and what to do');
  }
  t.notOk(
    gateway.lines.some(({ msg }) => / {4}at /.test(msg)),
    'no stack trace',
  );
});

t.test('a broker that refuses the credentials is told once, with what to do', { skip: noMosquitto }, async (t) => {
  await using broker = await startMosquitto(['allow_anonymous false']);
  const machine = { id: 'vmc', driver: 'mtconnect', url: `http://127.0.0.1:${await freePort()}` };
  const gateway = started(t, configFile(t, [machine], { url: `mqtt://127.0.0.1:${broker.port}` }));
  await until('the refusal is told', () => told(gateway, 'check uplink.auth') > 0);
  t.equal(told(gateway, 'refuses the connection'), 1);
  gateway.child.kill('SIGTERM');
  t.equal(await gateway.exited, 0);
});

t.test('what only a person can mend ends with 78 and one line', async (t) => {
  const machine = { id: 'vmc', driver: 'mtconnect', url: 'http://127.0.0.1:5000' };
  const uplink = { url: 'mqtt://127.0.0.1:1883' };
  const unwritable = configFile(t, [machine], uplink, {
    gateway: { id: 'gw', tenant: 'acme', dataDir: '/proc/nope' },
  });
  for (const [file, what] of [
    [unwritable, '/proc/nope cannot be written'],
    [join(dirname(unwritable), 'none.yaml'), 'none.yaml:1:1: cannot read the config'],
  ] as const) {
    const gateway = started(t, file);
    t.equal(await gateway.exited, 78);
    t.equal(gateway.lines.length, 1);
    t.match(gateway.lines[0]?.msg, what);
  }
});

t.test('SIGTERM commits what was read within 5 s while the broker hangs', { skip: noMosquitto }, async (t) => {
  await using broker = await startMosquitto(OPEN);
  await using uplink = await startProxy(broker.port);
  const agent = new SimulatedAgent({ devices: [{ name: 'vmc' }], rate: 500 });
  t.teardown(() => agent.stop());
  const url = (await agent.start()).href;
  const file = configFile(t, [{ id: 'vmc', driver: 'mtconnect', url }], { url: `mqtt://127.0.0.1:${uplink.port}` });
  const gateway = started(t, file);
  await until('connected', () => told(gateway, 'connected with MQTT') > 0);
  uplink.mode = 'blackHole';
  const { nextSequence } = agent;
  await until('a second of data more', () => agent.nextSequence > nextSequence + 500);
  const begun = performance.now();
  gateway.child.kill('SIGTERM');
  t.equal(await gateway.exited, 0);
  const ms = performance.now() - begun;
  t.comment(`stopped in ${Math.round(ms)} ms`);
  t.ok(ms < 5000);
  t.equal(told(gateway, 'everything read is committed'), 1);
});

t.test('SIGHUP restarts only the machines that changed, and a broken config changes nothing', async (t) => {
  const agent = new SimulatedAgent({ devices: [{ name: 'one' }, { name: 'two' }] });
  t.teardown(() => agent.stop());
  const url = (await agent.start()).href;
  const machine = (id: string, more: object = {}) => ({ id, driver: 'mtconnect', url, device: id, ...more });
  const uplink = { url: `mqtt://127.0.0.1:${await freePort()}` };
  const file = configFile(t, [machine('one')], uplink);
  const gateway = started(t, file);
  await until('it runs', () => told(gateway, 'runs') > 0);
  const rewrite = (text: string) => {
    writeFileSync(file, text);
    gateway.child.kill('SIGHUP');
  };
  rewrite('machines: [');
  await until('the error is told', () => told(gateway, 'the config is not reloaded') > 0);
  const config = {
    gateway: { id: 'gw', tenant: 'acme', dataDir: 'data' },
    uplink,
    http: { listen: 'off' },
    log: { format: 'json' },
  };
  rewrite(stringify({ ...config, machines: [machine('one'), machine('two', { interval: '500ms' })] }));
  await until('the second machine is added', () => told(gateway, 'config reloaded') > 0);
  t.match(
    gateway.lines.find(({ msg }) => msg === 'config reloaded'),
    { added: ['two'], changed: [], removed: [] },
  );
  rewrite(stringify({ ...config, machines: [machine('two', { interval: '1s' })] }));
  await until('the first machine is removed', () => told(gateway, 'config reloaded') > 1);
  t.match(
    gateway.lines.findLast(({ msg }) => msg === 'config reloaded'),
    { changed: ['two'], removed: ['one'] },
  );
  gateway.child.kill('SIGTERM');
  t.equal(await gateway.exited, 0);
});
