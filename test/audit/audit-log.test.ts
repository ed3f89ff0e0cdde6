import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { AuditLog, type AuditLogOptions } from '../../src/audit/audit-log.ts';
import { verifyAudit } from '../../src/audit/verify.ts';
import { testLog } from '../support/forwarding.ts';

const T0 = 1_763_640_000_000;

function writer(dataDir: string, more: Partial<AuditLogOptions> = {}) {
  const { log, lines } = testLog();
  return { audit: new AuditLog({ dataDir, log, now: () => T0, ...more }), lines };
}

/** A log of so many lines of one writer. */
async function written(dataDir: string, count: number): Promise<string> {
  const { audit } = writer(dataDir);
  for (let n = 1; n <= count; n++) await audit.add({ what: 'command', who: 'uid 0', detail: { n } });
  return join(dataDir, 'audit.ndjson');
}

const edit = (file: string, change: (lines: string[]) => string[]) =>
  writeFileSync(file, change(readFileSync(file, 'utf8').split('\n')).join('\n'));

t.test('each line is chained to the one before, over restarts', async (t) => {
  const dataDir = t.testdir();
  const first = writer(dataDir);
  await Promise.all([
    first.audit.add({ what: 'start', who: 'uid 0' }),
    first.audit.add({ what: 'config-load', who: 'uid 0', detail: { sha256: 'ab' } }),
  ]);
  const second = writer(dataDir);
  await second.audit.add({ what: 'stop', who: 'SIGTERM' });
  const { lines, problems, torn, isCut } = await verifyAudit(dataDir);
  t.match(lines, [
    { t: T0, seq: 1, what: 'start', who: 'uid 0', detail: {}, prev: '' },
    { seq: 2, what: 'config-load', detail: { sha256: 'ab' }, prev: lines[0]?.hash },
    { seq: 1, what: 'stop', who: 'SIGTERM', prev: lines[1]?.hash },
  ]);
  t.same({ problems, torn, isCut }, { problems: [], torn: [], isCut: false });
  t.equal(second.audit.last, lines[2]?.hash);
  t.equal(statSync(join(dataDir, 'audit.ndjson')).mode & 0o777, 0o640);
});

t.test('a line that was changed, taken out, put in, doubled or moved is found', async (t) => {
  const forged = (lines: string[]) => [
    ...lines.slice(0, 3),
    (lines[3] as string).replace('"n":4', '"n":5'),
    ...lines.slice(4),
  ];
  for (const [what, change, place] of [
    ['changed', forged, 4],
    ['taken out', (lines) => lines.toSpliced(3, 1), 4],
    ['put in', (lines) => lines.toSpliced(3, 0, '{"what":"command"}'), 4],
    ['doubled', (lines) => lines.toSpliced(3, 0, lines[2] as string), 4],
    ['moved', (lines) => lines.toSpliced(1, 1).toSpliced(4, 0, lines[1] as string), 2],
    ['the first, taken out', (lines) => lines.slice(1), 1],
  ] as [string, (lines: string[]) => string[], number][]) {
    const dataDir = t.testdir();
    const file = await written(dataDir, 6);
    edit(file, change);
    const { problems } = await verifyAudit(dataDir);
    t.equal(problems[0]?.place, `audit.ndjson:${place}`, what);
  }
});

t.test('the one line of a command is missed, too', async (t) => {
  const dataDir = t.testdir();
  const gateway = writer(dataDir);
  await gateway.audit.add({ what: 'start', who: 'uid 0' });
  await writer(dataDir).audit.add({ what: 'trust-accept', who: 'uid 1000' });
  await gateway.audit.add({ what: 'stop', who: 'uid 0' });
  t.same((await verifyAudit(dataDir)).problems, []);
  edit(join(dataDir, 'audit.ndjson'), (lines) => lines.toSpliced(1, 1));
  t.match((await verifyAudit(dataDir)).problems, [{ place: 'audit.ndjson:2', problem: /not there any more/ }]);
});

t.test('a line torn by a power cut breaks neither what follows nor the proof', async (t) => {
  const whole = '{"t":1,"what":"start"';
  for (const [what, tear] of [
    ['half a line', (file: string) => appendFileSync(file, whole)],
    ['zeros', (file: string) => appendFileSync(file, Buffer.alloc(100_000))],
    ['all but its end', (file: string) => truncateSync(file, statSync(file).size - 1)],
  ] as const) {
    const dataDir = t.testdir();
    tear(await written(dataDir, 2));
    const before = await verifyAudit(dataDir);
    t.same([before.problems, before.torn.length], [[], 1], what);
    const { audit } = writer(dataDir);
    await audit.add({ what: 'start', who: 'uid 0' });
    await audit.add({ what: 'stop', who: 'uid 0' });
    const { problems, torn, lines } = await verifyAudit(dataDir);
    t.same([problems, torn.length, lines.at(-1)?.what], [[], 1, 'stop'], what);
  }
});

t.test('files follow one another, four are kept beside the new one, and the chain goes on over them', async (t) => {
  const dataDir = t.testdir();
  const { audit } = writer(dataDir, { mayRotate: true, maxFileBytes: 1000 });
  const add = async (count: number) => {
    for (let n = 0; n < count; n++) await audit.add({ what: 'command', who: 'uid 0', detail: { n } });
  };
  await add(12);
  t.match(await verifyAudit(dataDir), { problems: [], isCut: false, lines: { length: 12 } });
  await add(30);
  t.same(readdirSync(dataDir).sort(), [...[1, 2, 3, 4].map((n) => `audit-${n}.ndjson`), 'audit.ndjson']);
  const { problems, isCut, lines } = await verifyAudit(dataDir);
  t.same(problems, []);
  t.ok(isCut && lines.length < 42 && lines.at(-1)?.seq === 42);
  rmSync(join(dataDir, 'audit-2.ndjson'));
  t.match((await verifyAudit(dataDir)).problems[0], { place: 'audit-1.ndjson:1' });
});

t.test('of a full set the oldest file cannot be taken away unnoticed', async (t) => {
  const dataDir = t.testdir();
  const { audit } = writer(dataDir, { mayRotate: true, maxFileBytes: 500 });
  for (let n = 0; n < 20; n++) await audit.add({ what: 'command', who: 'uid 0' });
  rmSync(join(dataDir, 'audit-4.ndjson'));
  t.match((await verifyAudit(dataDir)).problems[0], { place: 'audit-3.ndjson:1' });
});

t.test('processes that write at the same time lose no line and need no lock', async (t) => {
  const dataDir = t.testdir();
  const program = join(import.meta.dirname, 'append.ts');
  const children = [1, 2, 3].map(() =>
    spawn(process.execPath, [program, dataDir, '40'], { stdio: ['ignore', 'inherit', 'inherit'] }),
  );
  await Promise.all(children.map((child) => once(child, 'exit')));
  const { lines, problems, torn } = await verifyAudit(dataDir);
  t.same({ problems, torn }, { problems: [], torn: [] });
  t.equal(lines.length, 120);
});

t.test('a writer that is killed leaves a log that goes on', async (t) => {
  const dataDir = t.testdir();
  const child = spawn(process.execPath, [join(import.meta.dirname, 'append.ts'), dataDir, '100000'], {
    stdio: 'ignore',
  });
  const file = join(dataDir, 'audit.ndjson');
  while ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) < 2000)
    await new Promise((resolve) => setTimeout(resolve, 5));
  child.kill('SIGKILL');
  await once(child, 'exit');
  const { audit } = writer(dataDir);
  await audit.add({ what: 'start', who: 'uid 0' });
  const { lines, problems } = await verifyAudit(dataDir);
  t.same(problems, []);
  t.equal(lines.at(-1)?.what, 'start');
});

t.test('a disk that fails costs lines, is told once, and the next line says how many', async (t) => {
  const dataDir = join(t.testdir(), 'none');
  const { audit, lines } = writer(dataDir);
  await audit.add({ what: 'start', who: 'uid 0' });
  await audit.add({ what: 'command', who: 'uid 0' });
  t.match(lines, [/^warn: the audit log in .* cannot be written: ENOENT.*Everything else goes on/]);
  t.equal(lines.length, 1);
  mkdirSync(dataDir);
  await audit.add({ what: 'stop', who: 'uid 0' });
  const report = await verifyAudit(dataDir);
  t.match(report.lines, [{ what: 'stop', seq: 1, missed: 2 }]);
  t.same(report.problems, []);
});

t.test('a detail that is too long is left out, and the line is there', async (t) => {
  const dataDir = t.testdir();
  const { audit } = writer(dataDir);
  await audit.add({ what: 'command', who: 'mqtt', detail: { id: 'x'.repeat(1e6) } });
  t.match((await verifyAudit(dataDir)).lines, [{ who: 'mqtt', detail: { tooLong: Number } }]);
});

t.test('what waits for a slow disk is bounded', async (t) => {
  const dataDir = t.testdir();
  const { audit, lines } = writer(dataDir);
  const all = Array.from({ length: 300 }, () => audit.add({ what: 'command', who: 'uid 0' }));
  await Promise.all(all);
  await audit.add({ what: 'stop', who: 'uid 0' });
  const report = await verifyAudit(dataDir);
  t.equal(report.lines.length, 257);
  t.equal(report.lines.find(({ missed }) => missed !== undefined)?.missed, 44);
  t.match(lines, [/256 lines wait for the disk already/]);
});
