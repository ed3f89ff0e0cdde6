import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import SqliteDatabase from 'better-sqlite3';
import t from 'tap';
import { openForReading, openForWriting, takeFolder } from '../../src/outbox/database.ts';
import { SCHEMA_VERSION } from '../../src/outbox/migrations.ts';
import { Store } from '../../src/outbox/store.ts';
import { batch, open } from './support.ts';

const NOW = 1_763_640_000_000;

function sqlite(dataDir: string, sql: string): void {
  const db = new SqliteDatabase(join(dataDir, 'outbox.db'));
  db.exec(sql);
  db.close();
}

t.test('makes the folder, for the gateway and its group only, and the schema in it', async (t) => {
  const dataDir = join(t.testdir(), 'var', 'lib');
  const folder = takeFolder(dataDir);
  const db = openForWriting(folder, NOW);
  t.equal(statSync(dataDir).mode & 0o777, 0o750);
  const pragma = (name: string) => db.pragma(name, { simple: true });
  t.equal(pragma('user_version'), SCHEMA_VERSION);
  t.equal(pragma('application_id'), 0x65646777);
  t.equal(pragma('journal_mode'), 'wal');
  t.equal(pragma('synchronous'), 2, 'FULL');
  t.equal(pragma('auto_vacuum'), 2, 'INCREMENTAL');
  db.close();
  folder.lock.close();
});

t.test('a file that a start left without an identity is taken for a new one', async (t) => {
  for (const left of ['', 'PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL']) {
    const dataDir = t.testdir({ 'outbox.db': '' });
    if (left !== '') sqlite(dataDir, left);
    const store = Store.open(dataDir, NOW);
    store.commit(
      { appends: [{ batches: [batch()] }], settled: [], holds: [] },
      { now: NOW, budget: { maxBytes: 1e9, maxAge: 1 } },
    );
    t.equal(store.claim({ lane: 'live', after: 0, limit: 9, maxBytes: 1e6 }, NOW).length, 1);
    store.close();
  }
});

t.test('another program’s database in a folder that no gateway has used is refused and left as it was', async (t) => {
  const dataDir = t.testdir();
  sqlite(dataDir, 'CREATE TABLE notes (text)');
  const before = readFileSync(join(dataDir, 'outbox.db'));
  for (const again of ['the first time', 'and again']) {
    await t.rejects(open(t, dataDir), { of: 'config', message: /is a database of another program/ }, again);
    t.same(readFileSync(join(dataDir, 'outbox.db')), before);
    t.same(readdirSync(dataDir), ['outbox.db'], 'nothing stays behind');
  }
});

t.test('a newer schema is refused with both versions named', async (t) => {
  const dataDir = t.testdir();
  Store.open(dataDir, NOW).close();
  sqlite(dataDir, `PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
  const message = new RegExp(`newer edge-gateway \\(schema ${SCHEMA_VERSION + 1}, not ${SCHEMA_VERSION}\\)`);
  await t.rejects(open(t, dataDir), { of: 'config', message });
});

t.test('a folder that is a file is told as such', async (t) => {
  const folder = t.testdir({ file: '' });
  for (const dataDir of [join(folder, 'file'), join(folder, 'file', 'below')]) {
    await t.rejects(open(t, dataDir), {
      of: 'config',
      message: `${dataDir} is a file or lies under one: the outbox needs a folder`,
    });
  }
});

t.test('a folder without permission is told with the user and the command that mends it', async (t) => {
  const root = process.getuid?.() === 0;
  const dataDir = mkdtempSync(join(tmpdir(), 'outbox-'));
  t.teardown(() => rmSync(dataDir, { recursive: true }));
  chmodSync(dataDir, 0o555);
  // Root may write anywhere, so it tries as another user.
  const uid = root ? 65534 : process.getuid?.();
  const fixture = fileURLToPath(new URL('./fixtures/try-open.ts', import.meta.url));
  const { stdout } = spawnSync(process.execPath, [fixture, dataDir], {
    ...(root ? { uid } : {}),
    encoding: 'utf8',
    env: {},
  });
  t.match(JSON.parse(stdout), {
    of: 'config',
    message: `${dataDir} cannot be written by user ${uid} (EACCES)`,
    hint: `run: sudo mkdir -p ${dataDir} && sudo chown -R ${uid} ${dataDir}`,
  });
});

t.test('a reader is told when there is nothing to read', async (t) => {
  const dataDir = t.testdir();
  t.throws(() => openForReading(dataDir), { of: 'config', message: /there is no outbox/ });
  writeFileSync(join(dataDir, 'outbox.db'), '');
  t.throws(() => openForReading(dataDir), { of: 'config', message: /is still empty/ });
});

t.test('refuses, at once, a folder that the kernel does not make or that is a file', async (t) => {
  const file = join(t.testdir({ file: '' }), 'file');
  for (const [dataDir, what] of [
    ['/proc/nope/data', 'cannot be written'],
    [file, 'is a file'],
    [join(file, 'below'), 'is a file'],
  ] as const) {
    t.throws(() => takeFolder(dataDir), { of: 'config', message: new RegExp(what) }, dataDir);
  }
});
