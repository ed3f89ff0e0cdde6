import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Quota, type QuotaCrossing, type QuotaOptions } from '../../src/health/quota.ts';
import { QuotaFile } from '../../src/health/quota-file.ts';
import { load, MINIMAL } from '../config/support.ts';
import { testLog } from '../support/forwarding.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** The beginning of a day. */
const T0 = 20_000 * DAY_MS;

function counting(limits: QuotaOptions['limits'], snapshot?: QuotaOptions['snapshot']) {
  const told: QuotaCrossing[] = [];
  const quota = new Quota({ limits, snapshot, crossed: (crossing) => told.push(crossing) });
  return { quota, told, codes: () => told.map(({ code }) => code) };
}

t.test('80 % and 100 % are told once an hour, whatever is used beyond', async (t) => {
  const { quota, told, codes } = counting({ pointsPerHour: 1000 });
  quota.points(799, T0);
  t.same(told, []);
  quota.points(1, T0 + 1);
  t.same(told, [
    {
      quota: 'pointsPerHour',
      used: 800,
      limit: 1000,
      code: 'quota-80',
      message: '80 % of the quota gateway.quota.pointsPerHour are used: 800 of 1000 observations in this hour',
    },
  ]);
  for (let n = 0; n < 30; n++) quota.points(100, T0 + 2);
  t.same(codes(), ['quota-80', 'quota-100']);
  t.same(quota.use(T0 + 2), [{ quota: 'pointsPerHour', used: 3800, limit: 1000 }]);
  t.same(quota.use(T0 + HOUR_MS), [{ quota: 'pointsPerHour', used: 0, limit: 1000 }]);
  quota.points(5000, T0 + HOUR_MS);
  t.same(codes(), ['quota-80', 'quota-100', 'quota-100'], 'who reaches all at once is told once');
});

t.test('what is not configured is counted and not told', async (t) => {
  const { quota, told } = counting({});
  quota.points(1e9, T0);
  quota.machines(1000, T0);
  t.equal(quota.alert('info', T0), 'tell');
  t.same([told, quota.use(T0)], [[], []]);
  quota.setLimits({ pointsPerHour: 10, machines: 1200 }, T0);
  t.match(told, [
    { quota: 'pointsPerHour', code: 'quota-100' },
    { quota: 'machines', code: 'quota-80' },
  ]);
  quota.setLimits({ pointsPerHour: 10, machines: 1200 }, T0);
  t.equal(told.length, 2);
});

t.test('beyond the alerts of a day people get one last word, and then only what is critical', async (t) => {
  const { quota, codes } = counting({ alertsPerDay: 2 });
  const severities = ['warning', 'critical', 'info', 'warning', 'critical', 'info'];
  t.same(
    severities.map((severity) => quota.alert(severity, T0)),
    ['tell', 'tell', 'last', 'silent', 'tell', 'silent'],
  );
  t.same(codes(), ['quota-100']);
  t.equal(quota.alert('info', T0 + DAY_MS), 'tell', 'the next day');
});

t.test('where the first beyond is critical, the one after it says the last word', async (t) => {
  const { quota } = counting({ alertsPerDay: 1 });
  t.same(
    ['info', 'critical', 'info', 'info'].map((severity) => quota.alert(severity, T0)),
    ['tell', 'tell', 'last', 'silent'],
  );
});

t.test('counts and what was told survive a restart within the hour, and not the hour', async (t) => {
  const dataDir = t.testdir();
  const { log, lines } = testLog();
  const first = counting({ pointsPerHour: 100 });
  first.quota.points(85, T0);
  t.equal(await new QuotaFile(dataDir, log).read(), undefined);
  await new QuotaFile(dataDir, log).write(first.quota.snapshot());
  const restart = async () => counting({ pointsPerHour: 100 }, await new QuotaFile(dataDir, log).read());
  const second = await restart();
  second.quota.points(1, T0 + 1);
  t.same(second.quota.use(T0 + 1), [{ quota: 'pointsPerHour', used: 86, limit: 100 }]);
  t.same(second.told, [], 'told before the restart');
  const third = await restart();
  third.quota.points(1, T0 + HOUR_MS);
  t.same(third.quota.use(T0 + HOUR_MS), [{ quota: 'pointsPerHour', used: 1, limit: 100 }]);
  t.same(lines, []);
});

t.test('a damaged file costs the counts and is told', async (t) => {
  for (const text of ['', '{', '{"pointsPerHour":{"period":1,"used":-5,"told":0}}', '{"machines":7}']) {
    const dataDir = t.testdir({ 'quota.json': text });
    const { log, lines } = testLog();
    t.equal(await new QuotaFile(dataDir, log).read(), undefined);
    t.match(lines, [/^warn: .*quota\.json .*: quotas are counted anew/]);
  }
});

t.test('it is written whole, and only when something has changed', async (t) => {
  const dataDir = t.testdir();
  const { log } = testLog();
  const file = new QuotaFile(dataDir, log);
  await file.write({ machines: { period: 0, used: 3, told: 0 } });
  t.same(readdirSync(dataDir), ['quota.json']);
  writeFileSync(join(dataDir, 'quota.json'), 'touched');
  await file.write({ machines: { period: 0, used: 3, told: 0 } });
  t.equal(readFileSync(join(dataDir, 'quota.json'), 'utf8'), 'touched');
});

t.test('a disk that does not take it is told once', async (t) => {
  const dataDir = join(t.testdir(), 'none');
  const { log, lines } = testLog();
  const file = new QuotaFile(dataDir, log);
  const write = (used: number) => file.write({ machines: { period: 0, used, told: 0 } });
  await write(1);
  await write(2);
  t.match(lines, [/^warn: .*cannot be written \(ENOENT/]);
  t.equal(lines.length, 1);
  mkdirSync(dataDir);
  chmodSync(dataDir, 0o750);
  await write(3);
  t.match(JSON.parse(readFileSync(join(dataDir, 'quota.json'), 'utf8')), { machines: { used: 3 } });
});

t.test('more machines than the quota are an error of the config', async (t) => {
  const limited = (machines: number) =>
    MINIMAL.replace('tenant: acme', `tenant: acme, quota: { machines: ${machines} }`).replace(
      'uplink:',
      '  - { id: saw, driver: mtconnect, url: "http://192.168.0.22:5000" }\nuplink:',
    );
  t.same(load(t.testdir(), limited(2)).errors, []);
  t.same(load(t.testdir(), limited(1)).errors, [
    '1:56: gateway.quota.machines: there are 2 machines: remove some, or raise the quota',
  ]);
});
