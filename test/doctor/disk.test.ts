import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { systemClock } from '../../src/clock.ts';
import { cards } from '../../src/doctor/card.ts';
import { diskSection, fileSystem, judgeSpace } from '../../src/doctor/disk.ts';
import { mountOf } from '../../src/doctor/mounts.ts';
import { forecast, outageSection } from '../../src/doctor/outage.ts';
import { writeSpeed } from '../../src/doctor/write-speed.ts';
import { openOutbox } from '../../src/outbox/client.ts';
import { batches, testLog } from '../support/forwarding.ts';
import { ailing, loaded, named, told } from './support.ts';

const GIB = 2 ** 30;
const TABLE = [
  '22 1 179:2 / / rw,noatime shared:1 - ext4 /dev/mmcblk0p2 rw',
  '25 22 0:23 / /run rw,nosuid - tmpfs tmpfs rw,size=1024k',
  '26 22 8:1 / /mnt/my\\040disk rw - ext4 /dev/sda1 rw',
  '27 22 8:2 / /mnt/old ro,noatime - ext4 /dev/sda2 rw',
  '28 22 8:3 / /mnt/broken rw - ext4 /dev/sda3 ro,errors=remount-ro',
  '29 22 0:40 / /mnt/share rw - nfs4 nas:/share rw',
  '30 25 0:41 / /run rw - ext4 /dev/covers rw',
  '',
].join('\n');

t.test('the mount of a path is the nearest one, and the last one on its point', async (t) => {
  t.match(mountOf('/var/lib/edge-gateway', TABLE), { kind: 'ext4', source: '/dev/mmcblk0p2', isReadOnly: false });
  t.match(mountOf('/mnt/my disk/data', TABLE), { point: '/mnt/my disk', source: '/dev/sda1' });
  t.match(mountOf('/mnt/oldish', TABLE), { point: '/' }, 'a name that begins alike is another folder');
  t.match(mountOf('/run', TABLE), { source: '/dev/covers' });
  t.match(mountOf('/mnt/old/x', TABLE), { isReadOnly: true });
  t.match(mountOf('/mnt/broken/x', TABLE), { isReadOnly: true }, 'as the kernel mounts it after an error');
  t.equal(mountOf('/x', ''), undefined);
});

t.test('file systems that lose data are told', async (t) => {
  const of = (kind: string, isReadOnly = false) => fileSystem({ kind, point: '/d', source: 'x', isReadOnly });
  t.match(of('ext4'), { level: 'good' });
  t.match(of('tmpfs'), { level: 'bad', text: /nothing in it outlives a restart/, hint: /dataDir/ });
  t.match(of('nfs4'), { level: 'bad', text: /damaged/, hint: /this computer/ });
  t.match(of('overlay'), { level: 'warn', text: /container/, hint: /volume/ });
  t.match(of('ext4', true), { level: 'bad', text: /read-only/, hint: /remount/ });
});

t.test('room is judged by what the outbox has already', async (t) => {
  t.match(judgeSpace(3 * GIB, 0, 2 * GIB), { level: 'good' });
  t.match(judgeSpace(GIB, 2 * GIB, 2 * GIB), { level: 'good' });
  t.match(judgeSpace(GIB, 0, 2 * GIB), {
    level: 'warn',
    text: /^1\.0 GiB free, .* 2\.0 GiB$/,
    hint: /to 924MiB or less/,
  });
  t.match(judgeSpace(50 * 2 ** 20, 0, 2 ** 20), { level: 'bad', hint: /free some room/ });
});

t.test('an outage is forecast from rate and room', async (t) => {
  t.match(forecast(2 * GIB, 1500), { level: 'good', text: /^about 17 days without the broker fit into 2\.0 GiB/ });
  t.match(forecast(2 * GIB, 100_000), { level: 'warn', text: /^about 6\.0 h/, hint: /maxBytes/ });
  t.match(forecast(2 * GIB, 0), { level: 'good', text: /no forecast/ });
});

t.test('writing is measured with a file that is gone afterwards', async (t) => {
  const folder = t.testdir();
  const finding = await writeSpeed(folder, AbortSignal.timeout(20_000));
  t.match(finding.text, /^a commit of 4 KiB takes [\d.]+ m?s \(99 % within [\d.]+ m?s\), [\d.]+ MB\/s at once$/);
  t.same(readdirSync(folder), []);
  await t.rejects(writeSpeed(folder, AbortSignal.abort(new Error('enough'))), { message: 'enough' });
  t.same(readdirSync(folder), [], 'nor after an abort');
});

t.test('cards tell their wear as far as the kernel knows it', async (t) => {
  const files = (more: Record<string, string>) => ({ device: { name: 'BJTD4R\n', date: '07/2021\n', ...more } });
  const sys = (more: Record<string, string>) =>
    t.testdir({ block: { sda: {}, mmcblk0: files(more), mmcblk0boot0: files({}) } });
  const of = (more: Record<string, string>) => cards(sys(more));
  t.match(of({ type: 'SD\n' }), [{ level: 'good', text: /^mmcblk0 \(SD BJTD4R 07\/2021\) tells nothing of its wear/ }]);
  const emmc = (life_time: string, pre_eol_info = '0x01\n') => of({ type: 'MMC\n', life_time, pre_eol_info });
  t.match(emmc('0x01 0x02\n'), [{ level: 'good', text: /up to 20 % of its life/ }]);
  t.match(emmc('0x08 0x01\n'), [{ level: 'warn', text: /up to 80 %/, hint: /new card/ }]);
  t.match(emmc('0x0b 0x01\n'), [{ level: 'bad', text: /more than its whole life/, hint: /new card/ }]);
  t.match(emmc('0x01 0x01\n', '0x02\n'), [{ level: 'warn' }]);
  t.match(emmc('0x01 0x01\n', '0x03\n'), [{ level: 'bad' }]);
  t.equal(emmc('0x01 0x01').length, 1, 'boot partitions are no cards');
  t.match(cards(t.testdir({})), [{ level: 'good', text: /no SD card and no eMMC/ }]);
});

t.test('before the first run nothing is made', async (t) => {
  const folder = t.testdir();
  const { config } = await loaded(folder, { dataDir: 'not/yet/there' });
  const findings = await told(diskSection(config));
  t.match(named(findings, 'data folder'), { level: 'good', text: /is not there yet/ });
  t.match(named(findings, 'write speed'), { text: /a commit/ });
  t.same(readdirSync(folder), ['gateway.yaml']);
  t.match(await told(outageSection(config, () => [100])), [{ name: 'outage', text: /^about \d+ days/ }]);
  t.same(readdirSync(folder), ['gateway.yaml']);
});

t.test('a data folder that is a file, or cannot be written, says what to do', async (t) => {
  const folder = t.testdir({ file: 'x' });
  const file = await told(diskSection((await loaded(folder, { dataDir: 'file/data' })).config));
  t.match(named(file, 'data folder'), { level: 'bad', text: /is a file/, hint: /move it away/ });
  const { config } = await loaded(folder, { dataDir: '/proc/data' });
  t.match(
    ailing(await told(diskSection(config))),
    [{ name: 'file system', level: 'bad', text: /nothing in it outlives a restart/, hint: /gateway\.dataDir/ }],
    'once, whatever else cannot work there',
  );
});

t.test('beside a running gateway its outbox is read, and stays as it is', async (t) => {
  const folder = t.testdir();
  const dataDir = join(folder, 'data');
  mkdirSync(dataDir);
  const { config } = await loaded(folder);
  const idle = await told(diskSection(config));
  t.equal(named(idle, 'gateway'), undefined);
  const budget = { maxBytes: GIB, maxAge: 3_600_000 };
  const outbox = await openOutbox({ dataDir, budget, log: testLog().log, clock: systemClock });
  t.teardown(() => outbox.close());
  await outbox.append({ batches: batches('vmc-3', 20) });
  const before = readdirSync(dataDir);
  t.match(named(await told(diskSection(config)), 'gateway'), { level: 'good', text: /a gateway is running/ });
  t.match(named(await told(outageSection(config, () => [10])), 'outbox'), {
    level: 'good',
    text: /, 20 batches waiting$/,
  });
  t.same(readdirSync(dataDir), before);
  const [held] = await outbox.claim({ lane: 'live', after: 0, limit: 1, maxBytes: 1e6 });
  await outbox.hold(held?.id ?? 0, Date.now() + 60_000, 'the packet is too large');
  t.match(named(await told(outageSection(config, () => [10])), 'outbox'), {
    level: 'warn',
    text: /20 batches waiting, 1 of them refused/,
    hint: /buffer stats/,
  });
});

t.test('an outbox that is damaged is a fault', async (t) => {
  const folder = t.testdir({ data: {} });
  writeFileSync(
    join(folder, 'data/outbox.db'),
    'this is no database at all, it is only text, and long enough to be read',
  );
  const { config } = await loaded(folder);
  t.match(named(await told(outageSection(config, () => [1])), 'outbox'), { level: 'bad', hint: /./ });
});
