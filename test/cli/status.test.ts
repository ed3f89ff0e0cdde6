import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { startAedes } from '../support/brokers.ts';
import { until } from '../support/plant.ts';
import { command, run, runningAgent } from './commission.ts';
import { KEY, noTerminal, Terminal } from './terminal.ts';

/** A gateway process that has delivered something. */
async function running(t: Test) {
  const folder = t.testdir();
  const broker = await startAedes();
  t.teardown(() => broker[Symbol.asyncDispose]());
  const { url } = await runningAgent(t, { devices: [{ name: 'm' }], rate: 100 });
  const text = `gateway: { id: gw, tenant: acme }
machines: [{ id: m, driver: mtconnect, url: "${url}" }]
uplink: { url: "mqtt://127.0.0.1:${broker.port}" }
http: { listen: "off" }
buffer: { flushInterval: 100ms }
`;
  writeFileSync(join(folder, 'gateway.yaml'), text);
  let delivered = 0;
  broker.aedes.on('publish', ({ topic }) => {
    if (/^plc\/acme\/gw\/m\//.test(topic)) delivered += 1;
  });
  const gateway = command(folder, ['run', '--config', 'gateway.yaml']);
  t.teardown(() => gateway.child.kill('SIGKILL'));
  await until('batches are delivered', () => delivered >= 5);
  return { folder, broker, gateway, delivered: () => delivered };
}

t.test('status and replay ask the running gateway', async (t) => {
  const { folder, gateway, delivered } = await running(t);
  const { status, stdout } = await run(folder, ['status', '--config', 'gateway.yaml']);
  t.equal(status, 0);
  t.match(stdout, /^acme\/gw: edge-gateway \S+, up \d+ s, 1 machines\nuplink: connected since 20/);
  t.match(stdout, /buffer: .* of 2\.0 GiB in use.*\ndisk: \d+ commits/);
  t.match(stdout, /\nalert +0 +0 +0 B +-\nlive +\d+ .*\nbackfill +0 +0 +0 B +-\n/);
  const { lanes, buffer } = JSON.parse(
    (await run(folder, ['status', '--data-dir', 'edge-gateway-data', '--json'])).stdout,
  );
  t.match(lanes, [{ lane: 'alert' }, { lane: 'live' }, { lane: 'backfill', emptyIn: 0 }]);
  t.ok(buffer.commits > 0 && buffer.appended.observations > 0);
  t.match((await run(folder, ['buffer', 'stats', '--config', 'gateway.yaml'])).stdout, /\ndisk: \d+ commits/);

  const before = delivered();
  const replayed = await run(folder, ['buffer', 'replay', '--config', 'gateway.yaml', '--machine', 'm', '--json']);
  t.match(replayed, { status: 0, stderr: '' });
  const { batches, refused } = JSON.parse(replayed.stdout);
  t.ok(batches >= 5 && refused === 0, replayed.stdout);
  t.ok(delivered() >= before + batches);
  const from = ['--from', '2040-01-01T00:00:00Z'];
  t.match(await run(folder, ['buffer', 'replay', '--config', 'gateway.yaml', ...from]), {
    status: 0,
    stdout: '0 batches with 0 observations sent once more\n',
  });

  gateway.child.kill('SIGTERM');
  await once(gateway.child, 'exit');
  for (const words of [['status'], ['buffer', 'replay']]) {
    t.match(await run(folder, [...words, '--config', 'gateway.yaml']), {
      status: 78,
      stdout: '',
      stderr: /^edge-gateway: no gateway runs on \S+: start it/,
    });
  }
});

t.test('--watch on a pipe tells it anew, an object a line, also that the gateway hangs or has gone', async (t) => {
  const { folder, gateway } = await running(t);
  const watch = command(folder, ['status', '--watch', '--json', '--config', 'gateway.yaml']);
  t.teardown(() => watch.child.kill('SIGKILL'));
  const looks = () =>
    watch.output.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
  await until('it is told twice', () => looks().length >= 2);
  t.match(looks()[0], { gateway: 'gw', uplink: { state: 'connected' }, machines: [{ id: 'm', link: 'streaming' }] });
  t.ok(looks()[1].t > looks()[0].t);
  gateway.child.kill('SIGSTOP');
  await until('that it does not answer', () => /has not answered for \d+ s/.test(looks().at(-1).error));
  gateway.child.kill('SIGCONT');
  await until('that it answers again', () => looks().at(-1).error === undefined);
  gateway.child.kill('SIGKILL');
  // A look that was under way says that it ended meanwhile.
  await until('that it has gone', () => /no gateway runs on/.test(looks().at(-1).error));
  watch.child.kill('SIGINT');
  t.equal((await watch.ended).status, 1);
});

t.test('--watch on a terminal redraws until Ctrl-C', { skip: noTerminal }, async (t) => {
  const { folder } = await running(t);
  const terminal = new Terminal(t, folder, ['status', '--watch', '--config', 'gateway.yaml']);
  for (let n = 0; n < 2; n++) {
    await terminal.shows('acme/gw: edge-gateway');
    await terminal.shows('m        mtconnect  streaming  running');
  }
  terminal.press(KEY.ctrlC);
  t.equal(await terminal.ended, 0);
});

t.test('without an uplink status says why, and ends with 1', async (t) => {
  const { folder, broker } = await running(t);
  await broker[Symbol.asyncDispose]();
  await until('it is told', async () => {
    const { status, stdout } = await run(folder, ['status', '--config', 'gateway.yaml']);
    return (
      status === 1 && /uplink: (waiting|connecting) since [^:]*:[^:]*:[^:]*: .*(ECONNREFUSED|clos|broke)/i.test(stdout)
    );
  });
});

t.test('what is missing or wrong in its use is told', async (t) => {
  const folder = t.testdir();
  t.match(await run(folder, ['status']), { status: 64, stderr: /say where the buffer is/ });
  t.match(await run(folder, ['buffer', 'replay', '--data-dir', '.', '--from', 'noon']), { status: 64, stderr: /noon/ });
});
