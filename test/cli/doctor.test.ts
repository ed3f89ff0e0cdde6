import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { SimulatedAgent } from '../../simulator/mtconnect/agent.ts';
import type { Check } from '../../src/doctor/check.ts';
import { startAedes } from '../support/brokers.ts';
import { command, run } from './commission.ts';
import { noTerminal, Terminal } from './terminal.ts';

// Most of it is waiting.
t.jobs = 3;

/** A plant that works, and its config. */
async function plant(t: Test, machines = 1) {
  const folder = t.testdir();
  const agent = new SimulatedAgent({ version: '1.6', rate: 200 });
  t.teardown(() => agent.stop());
  await agent.start();
  const broker = await startAedes();
  t.teardown(() => broker[Symbol.asyncDispose]());
  const dead = '\n  - { id: dead, driver: mtconnect, url: "http://127.0.0.1:1" }';
  writeFileSync(
    join(folder, 'gw.yaml'),
    `gateway: { id: gw-01, tenant: acme, dataDir: data }
machines:
  - { id: vmc-3, driver: mtconnect, url: "${agent.url}" }${machines > 1 ? dead : ''}
uplink: { url: "mqtt://127.0.0.1:${broker.port}" }
`,
  );
  return folder;
}

t.test('what works exits 0, with every group in its order and nothing left behind', { buffered: true }, async (t) => {
  const folder = await plant(t);
  const { status, stdout } = await run(folder, ['doctor', '--config', 'gw.yaml']);
  t.equal(status, 0, stdout);
  t.match(
    stdout,
    /^Machine vmc-3\n {2}✔ reachable .*\n[\s\S]*\nBroker mqtt:.*\n[\s\S]*\nDisk .*\n[\s\S]*\nTime\n[\s\S]*\nPermissions\n/,
  );
  t.match(stdout, /publish right +2 topics: published and read back/);
  t.match(stdout, /outage +about .* without the broker fit into/);
  t.match(stdout, /\n[✔!] everything works[^\n]*\n$/);
  t.notMatch(stdout, '\x1b', 'no colours where there is no terminal');
  t.notOk(existsSync(join(folder, 'data')), 'nothing was made before the first run');
});

t.test('one machine that is dead exits 1 and is named; --machine leaves it out', { buffered: true }, async (t) => {
  const folder = await plant(t, 2);
  const [all, one] = await Promise.all([
    run(folder, ['doctor', '--config', 'gw.yaml', '--json', '--for', '4s']),
    run(folder, ['doctor', '--config', 'gw.yaml', '--json', '--machine', 'vmc-3', '--no-publish']),
  ]);
  t.equal(all.status, 1);
  const { ok, checks } = JSON.parse(all.stdout) as { ok: boolean; checks: Check[] };
  t.equal(ok, false);
  t.match(
    checks.filter(({ level }) => level === 'bad'),
    [{ group: 'machines', subject: 'dead', name: 'reachable', text: /nothing listens there/, hint: /./ }],
  );
  t.same([...new Set(checks.map(({ group }) => group))], ['machines', 'broker', 'disk', 'time', 'permissions']);
  t.equal(one.status, 0);
  const own = JSON.parse(one.stdout) as { ok: boolean; checks: Check[] };
  t.equal(own.ok, true);
  t.same([...new Set(own.checks.filter(({ group }) => group === 'machines').map(({ subject }) => subject))], ['vmc-3']);
  t.match(
    own.checks.filter(({ name }) => name === 'publish right'),
    [{ level: 'warn', text: 'not tried' }],
  );
});

t.test('wrong use exits 64, a wrong config 78', { buffered: true }, async (t) => {
  const folder = await plant(t);
  writeFileSync(join(folder, 'bad.yaml'), 'gateway: 1\n');
  const cases: [readonly string[], number, RegExp][] = [
    [['--config', 'bad.yaml'], 78, /bad\.yaml:1:/],
    [['--config', 'gone.yaml'], 78, /cannot read the config/],
    [['--config', 'gw.yaml', '--for', '5'], 64, /--for: expected a duration/],
    [['--config', 'gw.yaml', '--machine', 'x'], 64, /no machine x in gw\.yaml, only vmc-3/],
    [[], 64, /--config is missing/],
  ];
  const results = await Promise.all(cases.map(([args]) => run(folder, ['doctor', ...args])));
  for (const [index, [args, status, stderr]] of cases.entries()) {
    t.match(results[index], { status, stdout: '', stderr }, args.join(' '));
  }
  const { stdout } = await run(folder, ['doctor', '--config', 'bad.yaml', '--json']);
  t.match(JSON.parse(stdout), { ok: false, checks: [], errors: [{ file: 'bad.yaml' }] });
});

t.test('Ctrl-C ends it at once', { buffered: true }, async (t) => {
  const asked = Promise.withResolvers<void>();
  const mute = createServer(() => asked.resolve()).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  t.teardown(() => {
    mute.closeAllConnections();
    mute.close();
  });
  const folder = t.testdir();
  const url = `http://127.0.0.1:${(mute.address() as AddressInfo).port}`;
  const machines = `[{ id: a, driver: mtconnect, url: "${url}" }]`;
  const text = `gateway: { id: g, tenant: t }\nmachines: ${machines}\nuplink: { url: "mqtt://127.0.0.1:1" }\n`;
  writeFileSync(join(folder, 'gw.yaml'), text);
  const { child, ended } = command(folder, ['doctor', '--config', 'gw.yaml', '--for', '60s']);
  await asked.promise;
  const begun = performance.now();
  child.kill('SIGINT');
  t.match(await ended, { status: 1, stdout: '', stderr: /stopped/ });
  t.ok(performance.now() - begun < 1500);
});

t.test(
  'at a terminal it shows what is known while machines are still watched',
  { skip: noTerminal, buffered: true },
  async (t) => {
    const folder = await plant(t);
    const terminal = new Terminal(t, folder, ['doctor', '--config', 'gw.yaml']);
    await terminal.shows('Broker mqtt:');
    t.notMatch(terminal.screen, 'Machine vmc-3');
    await terminal.shows('testing vmc-3');
    await terminal.shows('Machine vmc-3');
    await terminal.shows('everything works');
    t.equal(await terminal.ended, 0);
  },
);
