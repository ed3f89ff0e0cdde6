import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { stringify } from 'yaml';
import { SimulatedAgent } from '../../simulator/mtconnect/agent.ts';
import { DemoConsumer } from '../../src/demo/demo-consumer.ts';
import { microsOf, Tally } from '../../src/demo/tally.ts';
import { noMosquitto, OPEN, startMosquitto } from '../support/brokers.ts';
import { until } from '../support/plant.ts';
import { armRoot } from './arm-root.ts';
import { buildPackage, VERSION } from './build.ts';
import { missingTools, notRoot } from './tools.ts';

const LONG = process.env['LONG'] === '1';
const KILLS = LONG ? 5 : 1;
/** Observations a second; the emulated processor is about ten times slower than this one. */
const RATE = 100;
const RUN_MS = LONG ? 20_000 : 2000;
const MACHINE = 'vmc-1';
/** Node.js starts within some seconds there. */
const START_MS = 60_000;
const skip = missingTools('dpkg-deb', 'apt-get', 'qemu-aarch64-static', 'flock') || notRoot || noMosquitto;

// A clean computer may have to be fetched first.
t.setTimeout(600_000);

t.test('the arm64 package works, on an emulated processor', { skip }, async (t) => {
  const folder = t.testdir();
  const root = armRoot(folder, buildPackage(folder, 'arm64'));
  const program = join(root, 'usr/lib/edge-gateway');
  const command = [
    ...['-L', root, join(program, 'bin/node'), '--max-semi-space-size=1', join(program, 'bin/launch.cjs')],
  ];
  const env = { PATH: process.env['PATH'], MALLOC_ARENA_MAX: '1' };
  const run = (...args: string[]) => spawnSync('qemu-aarch64-static', [...command, ...args], { encoding: 'utf8', env });

  await t.test('it is for arm64, and starts', async (t) => {
    const { stdout } = spawnSync('file', ['-b', join(program, 'bin/node')], { encoding: 'utf8' });
    t.match(stdout, /aarch64/);
    t.equal(run('--version').stdout, `${VERSION}\n`);
  });

  await t.test(`nothing is missing after ${KILLS} SIGKILL under load`, async (t) => {
    await using broker = await startMosquitto([...OPEN, 'max_queued_messages 0']);
    const tally = new Tally();
    const agent = new SimulatedAgent({
      devices: [{ name: MACHINE }],
      rate: RATE,
      onProduced: ({ device, dataItemId, name, timestamp }) => {
        if (device === MACHINE) tally.addProduced(device, { id: dataItemId, name }, microsOf(timestamp));
      },
    });
    t.teardown(() => agent.stop());
    await agent.start();
    agent.pause();
    const file = join(folder, 'gateway.yaml');
    writeFileSync(
      file,
      stringify({
        gateway: { id: 'gw', tenant: 'acme', dataDir: join(folder, 'data') },
        machines: [{ id: MACHINE, driver: 'mtconnect', url: agent.url.href, device: MACHINE }],
        uplink: { url: `mqtt://127.0.0.1:${broker.port}` },
        http: { listen: 'off' },
        log: { format: 'json' },
      }),
    );
    await using consumer = await DemoConsumer.connect({ url: `mqtt://127.0.0.1:${broker.port}` }, tally);
    const start = () => {
      const child = spawn('qemu-aarch64-static', [...command, 'run', '--config', file], {
        env,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      createInterface({ input: child.stdout }).on('line', (line) => {
        const { level, msg } = JSON.parse(line);
        if (level >= 40) t.comment(msg);
      });
      return { child, exited: once(child, 'exit') };
    };

    let gateway = start();
    t.teardown(() => gateway.child.kill('SIGKILL'));
    await consumer.firstContact([MACHINE], AbortSignal.timeout(START_MS));
    agent.run();
    for (let kill = 0; kill < KILLS; kill += 1) {
      const received = tally.received;
      await until('data flows', () => tally.received > received + RATE, START_MS);
      await sleep(RUN_MS);
      gateway.child.kill('SIGKILL');
      await gateway.exited;
      gateway = start();
    }
    const received = tally.received;
    await until('data flows again', () => tally.received > received + RATE, START_MS);
    await sleep(RUN_MS);
    agent.pause();
    await until('all has come', () => tally.missing === 0, START_MS).catch(() => undefined);
    gateway.child.kill('SIGTERM');
    const [code] = await gateway.exited;
    const figures = await consumer.summary();
    t.comment({ produced: tally.produced, received: tally.received, ...figures });
    t.ok(tally.produced > RATE, 'there was something to read');
    t.equal(tally.missing, 0, 'every observation was received');
    t.match(figures, { missingBatches: 0, gaps: 0, invalid: 0 });
    t.equal(code, 0, 'it stops in order');
    t.match(run('buffer', 'verify', '--config', file), { status: 0, stdout: /sound/ });
  });
});
