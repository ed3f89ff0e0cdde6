import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import type { SoakReport } from '../../src/soak/report.ts';
import { noMosquitto } from '../support/brokers.ts';
import { Plant, runGateway, until } from '../support/plant.ts';
import { command, run } from './commission.ts';

const RATE = 500;

t.test(
  'a gateway that is killed in the middle is told as restarted, and nothing is missing',
  { skip: noMosquitto, timeout: 90_000 },
  async (t) => {
    const folder = t.testdir();
    await using plant = await Plant.start(folder, RATE, { gateway: { heartbeat: '1s' } });
    await plant.begin();
    const soak = command(folder, [
      ...['soak', '--config', plant.configFile, '--duration', '10s', '--out', 'report'],
      ...['--broker', `mqtts://127.0.0.1:${plant.broker.port}`, '--max-restarts', '1'],
    ]);
    t.teardown(() => soak.child.kill('SIGKILL'));
    const folderOf = (name: string) => readFileSync(join(folder, 'report', name), 'utf8');
    await until('it receives', () => /batches [1-9]/.test(soak.output.stderr));
    plant.gateway?.child.kill('SIGKILL');
    await plant.gateway?.exited;
    plant.gateway = runGateway(plant.configFile);
    const { status, stdout } = await soak.ended;
    const report: SoakReport = JSON.parse(folderOf('report.json'));
    t.match(report, {
      ...{ passed: true, tenant: 'acme', id: 'gw-1', planned: 10_000 },
      gateway: { restarts: 1, memory: { max: Number }, openAlerts: 0 },
      stream: { conflicts: 0, invalid: 0, machines: [{ machine: 'vmc-1', missing: 0, behind: 0, gaps: {} }] },
    });
    const [machine] = report.stream.machines;
    t.ok((machine?.observations ?? 0) > 5 * RATE, `${machine?.observations} observations`);
    t.ok((machine?.latency.p50 ?? 0) > 0 && (machine?.latency.p99 ?? 1e9) < 5000, JSON.stringify(machine?.latency));
    t.equal(status, 0);
    t.match(stdout, /^good {2}completeness: \d+ batches: 0 missing without a gap, 0 stored and not arrived/m);
    t.match(stdout, /\npassed: report\/report\.md\n$/);
    t.match(
      folderOf('report.md'),
      /^# Soak of acme\/gw-1: passed\n[\s\S]*\| vmc-1 \| \d+ \| \d+ \| 0 \| 0 \| \d+ \| – \| [\d.]+ \| [\d.]+ \| [\d.]+ \|/,
    );
  },
);

t.test('a limit that is broken fails it, and so does a time that was cut short', { skip: noMosquitto }, async (t) => {
  const folder = t.testdir();
  await using plant = await Plant.start(folder, RATE, { secure: false, gateway: { heartbeat: '1s' } });
  await plant.begin();
  const soak = command(folder, ['soak', '--config', plant.configFile, '--duration', '1h', '--max-memory', '1MiB']);
  t.teardown(() => soak.child.kill('SIGKILL'));
  await until('it knows the memory', () => /memory \d/.test(soak.output.stderr));
  soak.child.kill('SIGINT');
  const { status, stdout } = await soak.ended;
  t.equal(status, 1);
  t.match(stdout, /^bad {3}duration: [\d.]+ s of 3600 s$/m);
  t.match(stdout, /^bad {3}memory: [\d.]+ MB at most \(limit 1 MB\)$/m);
  t.match(stdout, /^good {2}restarts: 0 /m);
  t.match(readFileSync(join(folder, 'soak-report/report.md'), 'utf8'), /^# Soak of acme\/gw-1: FAILED/);
});

t.test('what it cannot begin with is told in one sentence', async (t) => {
  const folder = t.testdir({
    'gateway.yaml': `gateway: { id: gw, tenant: acme, dataDir: data }
machines: [{ id: m, driver: mtconnect, url: "http://127.0.0.1:9" }]
uplink: { url: "mqtt://127.0.0.1:9" }
`,
    data: {},
  });
  const soak = (...args: string[]) => run(folder, ['soak', '--config', 'gateway.yaml', ...args]);
  t.match(await soak(), { status: 78, stderr: /no gateway runs on .*data/ });
  t.match(await soak('--duration', '5'), { status: 64, stderr: /--duration: expected a duration/ });
  t.match(await soak('--broker', 'http://x'), { status: 64, stderr: /--broker: expected a URL/ });
  t.match(await soak('--max-lost', 'x'), { status: 64, stderr: /expected a number, 0 or more/ });
  t.match(await soak('--out', 'gateway.yaml/x'), {
    status: 78,
    stderr: /cannot write to gateway\.yaml\/x \(ENOTDIR\)/,
  });
});
