import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { AuditLog } from '../../src/audit/audit-log.ts';
import { type AuditEntry, lineOf } from '../../src/audit/entry.ts';
import { run } from './commission.ts';

/** A data folder with two lines. */
async function written(dataDir: string): Promise<string> {
  const audit = new AuditLog({ dataDir, log: { warn: console.error }, now: () => 1_763_640_000_000 });
  await audit.add({ what: 'start', who: 'uid 0' });
  await audit.add({ what: 'acknowledge', who: 'ann\u001b[2J', detail: { machine: 'vmc-3', rule: 'rpm_high' } });
  return join(dataDir, 'audit.ndjson');
}

t.test('lines are told to people, without what could move the cursor, or as they are', async (t) => {
  const folder = t.testdir({ data: {} });
  const file = await written(join(folder, 'data'));
  const audit = (...args: string[]) => run(folder, ['audit', '--data-dir', 'data', ...args]);
  t.same((await audit()).stdout.split('\n'), [
    '2025-11-20T12:00:00.000Z  start             uid 0  {}',
    '2025-11-20T12:00:00.000Z  acknowledge       ann [2J  {"machine":"vmc-3","rule":"rpm_high"}',
    '',
  ]);
  t.equal((await audit('--json')).stdout, readFileSync(file, 'utf8'));
});

t.test('--verify proves it, or names what is wrong and ends with 1', async (t) => {
  const folder = t.testdir({ data: {} });
  const file = await written(join(folder, 'data'));
  const audit = (...args: string[]) => run(folder, ['audit', '--verify', '--data-dir', 'data', ...args]);
  const { stdout } = await audit('--json');
  const { last } = JSON.parse(stdout);
  t.match(JSON.parse(stdout), { sound: true, lines: 2, torn: [], problems: [], last: /^[0-9a-f]{64}$/ });
  t.match(await audit('--has', last), {
    status: 0,
    stdout: `2 lines, none changed and none missing; the newest is ${last}\n`,
  });
  t.match(await audit('--has', 'beef'), { status: 1, stderr: /has no line beef/ });
  appendFileSync(file, '{"t":17');
  t.match(await audit(), { status: 0, stderr: 'audit.ndjson:3: a line was torn by a power cut or a full disk\n' });
  writeFileSync(file, readFileSync(file, 'utf8').replace('"vmc-3"', '"vmc-4"'));
  t.match(await audit(), {
    status: 1,
    stdout: '',
    stderr:
      /audit\.ndjson:2: is no line of an audit log, or was changed\nedge-gateway: the audit log is not sound: 1 faults/,
  });
});

t.test('a line that somebody has made up, with the right hash, is one sentence, too', async (t) => {
  const made = { t: 'noon', writer: '', seq: 1, what: '', who: '', detail: {}, prev: '' } as unknown as AuditEntry;
  const folder = t.testdir({ 'audit.ndjson': `${lineOf(made).text}\n` });
  t.match(await run(folder, ['audit', '--data-dir', '.']), {
    status: 0,
    stdout: '',
    stderr: 'audit.ndjson:1: is no line of an audit log, or was changed\n',
  });
});

t.test('where there is no log, and no folder', async (t) => {
  const folder = t.testdir({ data: {} });
  t.match(await run(folder, ['audit', '--data-dir', 'data']), { status: 0, stdout: '', stderr: '' });
  t.match(await run(folder, ['audit', '--data-dir', 'none']), { status: 78, stderr: /cannot be read: ENOENT/ });
  t.match(await run(folder, ['audit']), { status: 64, stderr: /say where the buffer is/ });
});
