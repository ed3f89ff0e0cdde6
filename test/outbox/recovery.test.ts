import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import SqliteDatabase from 'better-sqlite3';
import t from 'tap';
import { openOrSalvage } from '../../src/outbox/recovery.ts';
import { Store } from '../../src/outbox/store.ts';
import { eventSchema, type WireEvent } from '../../src/wire/contract.ts';
import { seededRandom } from '../support/random.ts';
import { batch, bulky, claimAll, open, payloadOf } from './support.ts';

const SOAK = process.env['SOAK'] === '1';
const NOW = 1_763_640_000_000;
const TERMS = { now: NOW, budget: { maxBytes: 1e9, maxAge: 1e12 } };
const OPEN = fileURLToPath(new URL('./fixtures/open-or-salvage.ts', import.meta.url));
const seed = Number(process.env['SEED'] ?? Date.now() % 1e6);

/** An outbox with so many undelivered batches of m1, closed in order; gives its stream. */
function filled(dataDir: string, batches = 3, make = () => batch()): string {
  const store = Store.open(dataDir, NOW);
  for (let done = 0; done < batches; done += 500) {
    const next = Array.from({ length: Math.min(500, batches - done) }, make);
    const cursor = { machine: 'm1', cursor: { next: done + next.length } };
    store.commit({ appends: [{ batches: next, cursor }], settled: [], holds: [] }, TERMS);
  }
  store.close();
  return store.stream;
}

const damage = (dataDir: string) => writeFileSync(join(dataDir, 'outbox.damaged'), 'for a test\n');
const quarantined = (dataDir: string) => readdirSync(join(dataDir, 'quarantine')).toSorted();

/** The seqs that a store has under a stream, and the events that it tells. */
function contentOf(store: Store, stream: string) {
  const all = store.claim({ lane: 'live', after: 0, limit: 1e6, maxBytes: 1e9 }, NOW);
  const events: (WireEvent & { machine: string })[] = all
    .filter(({ kind }) => kind === 'event')
    .flatMap(({ machine, body }) =>
      payloadOf(body).map((event: unknown) => ({ machine, ...eventSchema.parse(event) })),
    );
  return { seqs: all.filter((one) => one.stream === stream).map(({ seq }) => seq), events };
}

t.test('a kill at any moment of the recovery loses nothing, and nothing comes twice', async (t) => {
  t.comment(`SEED=${seed}`);
  const random = seededRandom(seed);
  for (let round = 0; round < (SOAK ? 30 : 3); round++) {
    const dataDir = t.testdir();
    const stream = filled(dataDir, 6000);
    damage(dataDir);
    let kills = 0;
    for (;;) {
      const child = spawn(process.execPath, [OPEN, dataDir], { stdio: ['ignore', 'pipe', 'inherit'] });
      const begun = once(child.stdout, 'data');
      const ended = once(child, 'exit');
      await Promise.race([begun, ended]);
      const kill = setTimeout(() => child.kill('SIGKILL'), random() * (kills > 5 ? 3000 : 150));
      const [code] = await ended;
      clearTimeout(kill);
      if (code === 0) break;
      kills += 1;
    }
    const { store, reports } = openOrSalvage(dataDir, NOW);
    t.same(reports, [], `round ${round}: done after ${kills} kills`);
    const { seqs, events } = contentOf(store, stream);
    t.same(
      seqs.toSorted((a, b) => a - b),
      Array.from({ length: 6000 }, (_, i) => i + 1),
    );
    t.ok(events.some((event) => event.type === 'notice' && event.code === 'salvaged'));
    t.same(store.cursor('m1'), { next: 6000 });
    store.close();
  }
});

t.test('a move that was cut off goes on with the database and its WAL together', async (t) => {
  const dataDir = t.testdir();
  const store = Store.open(join(dataDir, 'source'), NOW);
  store.commit({ appends: [{ batches: [batch(), batch()] }], settled: [], holds: [] }, TERMS);
  const folder = join(dataDir, 'quarantine', '2025-11-20T120000.000Z');
  mkdirSync(folder, { recursive: true });
  copyFileSync(join(dataDir, 'source', 'outbox.db'), join(dataDir, 'outbox.db'));
  copyFileSync(join(dataDir, 'source', 'outbox.db-wal'), join(folder, 'outbox.db-wal'));
  store.close();
  writeFileSync(join(dataDir, 'outbox.salvage'), JSON.stringify({ moving: '2025-11-20T120000.000Z', folders: [] }));
  const opened = openOrSalvage(dataDir, NOW);
  t.match(opened.reports, [{ batches: 2, lost: 0 }]);
  t.same(contentOf(opened.store, store.stream).seqs, [1, 2]);
  t.notOk(existsSync(join(dataDir, 'outbox.salvage')));
  opened.store.close();
});

t.test('what was set aside lately is kept, whatever the clock says, and what is deleted is told', async (t) => {
  const dataDir = t.testdir();
  const stream = filled(dataDir);
  const later = ['2030-01-01T000000.000Z', '2030-01-02T000000.000Z', '2030-01-03T000000.000Z'];
  for (const name of later) mkdirSync(join(dataDir, 'quarantine', name), { recursive: true });
  for (let round = 1; round <= 3; round++) {
    damage(dataDir);
    const { store, deleted } = openOrSalvage(dataDir, NOW);
    t.same(deleted, [later[round - 1]]);
    t.same(contentOf(store, stream).seqs, [1, 2, 3], 'taken over before anything is deleted');
    store.close();
  }
  t.same(quarantined(dataDir), ['2030-01-03T000000.001Z', '2030-01-03T000000.002Z', '2030-01-03T000000.003Z']);
  damage(dataDir);
  const { outbox, lines } = await open(t, dataDir);
  t.match(lines[1], /^warn: older damaged buffers were deleted from quarantine: 2030-01-03T000000.001Z/);
  await outbox.close();
});

t.test('another gateway’s files are not touched', async (t) => {
  const dataDir = t.testdir();
  filled(dataDir);
  const running = Store.open(dataDir, NOW);
  damage(dataDir);
  t.throws(() => openOrSalvage(dataDir, NOW), { of: 'config', message: /another gateway is running/ });
  t.ok(existsSync(join(dataDir, 'outbox.db')));
  t.notOk(existsSync(join(dataDir, 'quarantine')));
  running.close();
});

t.test('a foreign file in the gateway’s own folder is set aside, and the machines’ consumers are told', async (t) => {
  const dataDir = t.testdir();
  filled(dataDir);
  rmSync(join(dataDir, 'outbox.db'));
  const foreign = new SqliteDatabase(join(dataDir, 'outbox.db'));
  foreign.exec("CREATE TABLE notes (text); INSERT INTO notes VALUES ('mine')");
  foreign.close();
  const before = readFileSync(join(dataDir, 'outbox.db'));
  const { store, reports } = openOrSalvage(dataDir, NOW, ['m1', 'm2']);
  t.match(reports, [{ batches: 0, lost: null }]);
  t.same(readFileSync(join(dataDir, 'quarantine', quarantined(dataDir)[0] as string, 'outbox.db')), before);
  const { events } = contentOf(store, store.stream);
  for (const machine of ['m1', 'm2']) {
    t.match(
      events.filter((event) => event.machine === machine),
      [
        { type: 'gap', cause: 'quarantine', from: null, to: NOW, count: null, exact: false },
        { type: 'notice', code: 'salvaged', detail: { stream: store.stream } },
      ],
    );
  }
  store.close();
});

t.test('a header or a schema that is not an outbox’s is damage, not a reason to stay down', async (t) => {
  const original = t.testdir();
  const stream = filled(original);
  const image = readFileSync(join(original, 'outbox.db'));
  const sql = (text: string) => (dataDir: string) => {
    const db = new SqliteDatabase(join(dataDir, 'outbox.db'));
    db.exec(text);
    db.close();
  };
  const bytes = (at: number, value: number) => (dataDir: string) => {
    const damaged = Buffer.from(image);
    damaged.writeUInt8(value, at);
    writeFileSync(join(dataDir, 'outbox.db'), damaged);
  };
  for (const [what, change] of [
    ['the name of the format', bytes(3, 0)],
    ['the page size', bytes(16, 0x20)],
    ['the write version', bytes(18, 9)],
    ['the read version', bytes(19, 9)],
    ['the schema format', bytes(47, 9)],
    ['the encoding', bytes(59, 2)],
    ['auto_vacuum', bytes(55, 0)],
    ['the application id', bytes(70, 0)],
    ['the version', bytes(60, 1)],
    ['a table that is gone', sql('DROP TABLE cursors')],
    ['the stream that is gone', sql("DELETE FROM meta WHERE key = 'stream'")],
    ['an older version', sql('PRAGMA user_version = 0')],
  ] as const) {
    const dataDir = join(original, what);
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'outbox.db'), image);
    writeFileSync(join(dataDir, 'lock.db'), '');
    change(dataDir);
    const { store, reports } = openOrSalvage(dataDir, NOW);
    t.match(reports, [{ batches: 3, lost: 0 }], what);
    t.same(contentOf(store, stream).seqs, [1, 2, 3]);
    store.close();
  }
});

t.test('a marker without a database, and a WAL without its database', async (t) => {
  const none = t.testdir();
  damage(none);
  const first = openOrSalvage(none, NOW);
  t.notOk(existsSync(join(none, 'outbox.damaged')));
  first.store.close();

  const dataDir = join(none, 'wal');
  const store = Store.open(dataDir, NOW);
  store.commit({ appends: [{ batches: [batch()] }], settled: [], holds: [] }, TERMS);
  const other = join(none, 'other');
  mkdirSync(other);
  copyFileSync(join(dataDir, 'outbox.db-wal'), join(other, 'outbox.db-wal'));
  store.close();
  const { store: salvaged, reports } = openOrSalvage(other, NOW);
  t.match(reports, [{ batches: 1 }]);
  t.same(contentOf(salvaged, store.stream).seqs, [1]);
  salvaged.close();
});

t.test('a full disk interrupts the salvage: work goes on, and the next start with room brings the rest', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'outbox-'));
  t.teardown(() => rmdirSync(dataDir));
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', dataDir]).status !== 0) {
    t.comment('a tmpfs needs root');
    return;
  }
  try {
    const stream = filled(join(dataDir, 'data'), 600, () => bulky(8000));
    damage(join(dataDir, 'data'));
    const ballast = join(dataDir, 'ballast');
    writeFileSync(ballast, Buffer.alloc(1024 * 1024));
    const { outbox, lines } = await open(t, join(dataDir, 'data'));
    const some = (await claimAll(outbox)).filter((one) => one.stream === stream).length;
    t.ok(some > 0 && some < 600, `${some} of them for now`);
    const text = `not all of it was salvaged \\(${some} batches for now\\), the next start goes on: .*free room`;
    t.match(lines[0], new RegExp(text));
    await outbox.close();
    execFileSync('mount', ['-o', 'remount,size=20m', dataDir]);
    const { store, reports } = openOrSalvage(join(dataDir, 'data'), NOW);
    t.match(reports, [{ batches: 600 - some, before: some, lost: 0 }]);
    t.equal(contentOf(store, stream).seqs.length, 600);
    store.close();
  } finally {
    execFileSync('umount', ['--lazy', dataDir]);
  }
});

t.test('what older damaged databases make room for is reported once', async (t) => {
  const dataDir = mkdtempSync(join(tmpdir(), 'outbox-'));
  t.teardown(() => rmdirSync(dataDir));
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=9m', 'tmpfs', dataDir]).status !== 0) {
    t.comment('a tmpfs needs root');
    return;
  }
  try {
    const stream = filled(join(dataDir, 'data'), 400, () => bulky(8000));
    damage(join(dataDir, 'data'));
    const old = join(dataDir, 'data', 'quarantine', '2020-01-01T000000.000Z');
    mkdirSync(old, { recursive: true });
    writeFileSync(join(old, 'outbox.db'), Buffer.alloc(4.5 * 1024 * 1024));
    const { store, reports, deleted } = openOrSalvage(join(dataDir, 'data'), NOW);
    t.match(reports, [{ batches: 400, observations: 400, before: 0, lost: 0, interrupted: undefined }]);
    t.same(deleted, ['2020-01-01T000000.000Z']);
    t.equal(contentOf(store, stream).seqs.length, 400);
    store.close();
  } finally {
    execFileSync('umount', ['--lazy', dataDir]);
  }
});

t.test('the numbering of a copy of the same stream goes on behind what it brings', async (t) => {
  const dataDir = t.testdir();
  filled(dataDir, 2);
  copyFileSync(join(dataDir, 'outbox.db'), join(dataDir, 'backup'));
  const store = Store.open(dataDir, NOW);
  store.commit({ appends: [{ batches: [batch()] }], settled: [], holds: [] }, TERMS);
  store.close();
  renameSync(join(dataDir, 'outbox.db'), join(dataDir, 'newer.db'));
  renameSync(join(dataDir, 'backup'), join(dataDir, 'outbox.db'));
  const { takeOver } = await import('../../src/outbox/take-over.ts');
  const restored = Store.open(dataDir, NOW);
  t.match(takeOver(restored, join(dataDir, 'newer.db'), { now: NOW }), { batches: 1, before: 2, lost: 0 });
  restored.commit({ appends: [{ batches: [batch()] }], settled: [], holds: [] }, TERMS);
  const telemetry = restored
    .claim({ lane: 'live', after: 0, limit: 9, maxBytes: 1e6 }, NOW)
    .filter(({ kind }) => kind === 'telemetry');
  t.same(
    telemetry.map(({ seq }) => seq),
    [1, 2, 3, 4],
  );
  restored.close();
});
