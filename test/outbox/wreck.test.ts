import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import t from 'tap';
import { Wreck } from '../../src/outbox/salvage.ts';
import { Store } from '../../src/outbox/store.ts';
import { isWalDamaged } from '../../src/outbox/wal.ts';
import { seededRandom } from '../support/random.ts';
import { batch, bulky } from './support.ts';

const SOAK = process.env['SOAK'] === '1';
const NOW = 1_763_640_000_000;
const seed = Number(process.env['SEED'] ?? Date.now() % 1e6);
const ROUNDS = SOAK ? 40 : 4;

/** The same as `Wreck` gives, asked from SQLite. */
function byQuery(path: string) {
  const db = new SqliteDatabase(path, { readonly: true });
  const all = (sql: string) => db.prepare(sql).all() as Record<string, unknown>[];
  const batches = all(`SELECT channel, seq, lane, t0, count, synced, stored_at AS storedAt, b.id, body,
    delivered_at IS NOT NULL AS isDelivered FROM batches b JOIN bodies d ON d.id = b.id ORDER BY b.id`);
  const channels = all('SELECT id, machine, kind, stream, next_seq AS nextSeq, removed FROM channels');
  const cursors = all('SELECT machine, cursor FROM cursors');
  db.close();
  return {
    batches: batches.map(({ id: _, isDelivered, body, ...row }) => ({
      ...row,
      isDelivered: isDelivered === 1,
      body: isDelivered === 1 ? null : body,
    })),
    channels: new Map(channels.map(({ id, ...channel }) => [id, channel])),
    cursors: new Map(cursors.map(({ machine, cursor }) => [machine, cursor])),
  };
}

t.test('reading the pages gives what SQLite gives, with and without a WAL', async (t) => {
  t.comment(`SEED=${seed}`);
  const random = seededRandom(seed);
  for (let round = 0; round < ROUNDS; round++) {
    const dataDir = t.testdir();
    const store = Store.open(dataDir, NOW);
    for (let commit = 0; commit < 120; commit++) {
      const machine = `m${Math.floor(random() * 40)}`;
      // From a few bytes to many pages, and often where a payload begins not to fit into its page.
      const size = random() < 0.5 ? random() * 20_000 : 4000 + random() * 150;
      const batches = [bulky(size, { machine }), batch([random()], { machine, kind: 'rollup', lane: 'alert' })];
      // Longer ones do not fit into a page of an index either.
      const cursor = { machine, cursor: { next: commit, path: 'x'.repeat(random() < 0.2 ? 3000 : 20) } };
      const settled = random() < 0.3 ? store.claim({ lane: 'live', after: 0, limit: 9, maxBytes: 1e9 }, NOW) : [];
      // The budget is small: retention makes free pages, and gives some back.
      const terms = { now: NOW + commit, budget: { maxBytes: 600_000, maxAge: 1e12 } };
      store.commit({ appends: [{ batches, cursor }], settled: settled.map(({ id }) => id), holds: [] }, terms);
      if (random() < 0.1) store.tidy(terms);
    }
    if (round % 2 === 1) store.close();
    const path = join(dataDir, 'outbox.db');
    t.equal(existsSync(`${path}-wal`), round % 2 === 0);
    const expected = byQuery(path);
    using wreck = new Wreck(path);
    t.same([...wreck.batches()], expected.batches, `round ${round}: ${expected.batches.length} batches`);
    t.same(wreck.channels(), expected.channels);
    t.same(wreck.cursors, expected.cursors);
    if (round % 2 === 0) store.close();
  }
});

t.test('a WAL is damaged where transactions come behind the damage; a torn end is none', async (t) => {
  const dataDir = t.testdir();
  const store = Store.open(dataDir, NOW);
  for (let i = 0; i < 30; i++) {
    const terms = { now: NOW, budget: { maxBytes: 1e9, maxAge: 1e12 } };
    store.commit({ appends: [{ batches: [bulky(9000)] }], settled: [], holds: [] }, terms);
  }
  const wal = readFileSync(join(dataDir, 'outbox.db-wal'));
  store.close();
  const path = join(dataDir, 'copy');
  const damagedAt = (at: number) => {
    const copy = Buffer.from(wal);
    copy.writeUInt8(copy.readUInt8(at) ^ 0x10, at);
    writeFileSync(path, copy);
    return isWalDamaged(path);
  };
  writeFileSync(path, wal);
  t.equal(isWalDamaged(path), false, 'whole');
  t.equal(isWalDamaged(join(dataDir, 'none')), false, 'there is none');
  for (const at of [17, 26, 40, 60, 5000, wal.length >> 1]) t.equal(damagedAt(at), true, `at ${at}`);
  t.equal(damagedAt(wal.length - 100), false, 'in the last frame');
  for (const length of [0, 20, 32, 5000, wal.length - 5000, wal.length - 1]) {
    writeFileSync(path, wal.subarray(0, length));
    t.equal(isWalDamaged(path), false, `cut at ${length}`);
  }
  writeFileSync(path, wal);
  appendFileSync(path, Buffer.alloc(20_000));
  t.equal(isWalDamaged(path), false, 'zeros behind it');
});
