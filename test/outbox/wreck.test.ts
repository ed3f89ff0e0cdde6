import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import t from 'tap';
import { decodeBody, dictionaryOf, encodeBody } from '../../src/outbox/codec.ts';
import { DictionaryTexts } from '../../src/outbox/dictionary-texts.ts';
import { Wreck } from '../../src/outbox/salvage.ts';
import { dictionaryStatements } from '../../src/outbox/statements.ts';
import { Store } from '../../src/outbox/store.ts';
import { isWalDamaged } from '../../src/outbox/wal.ts';
import { seededRandom } from '../support/random.ts';
import { batch, bulky, moment } from './support.ts';

const SOAK = process.env['SOAK'] === '1';
const NOW = 1_763_640_000_000;
const seed = Number(process.env['SEED'] ?? Date.now() % 1e6);
const ROUNDS = SOAK ? 40 : 4;
/** Bytes of the header of a WAL, and of a page in it. */
const HEADER = 32;
const FRAME = 24 + 4096;

/** The same as `Wreck` gives, asked from SQLite. */
function byQuery(path: string) {
  const db = new SqliteDatabase(path, { readonly: true });
  const all = (sql: string) => db.prepare(sql).all() as Record<string, unknown>[];
  const batches = all(`SELECT channel, seq, lane, t0, count, synced, stored_at AS storedAt, b.id, body,
    delivered_at IS NOT NULL AS isDelivered FROM batches b JOIN bodies d ON d.id = b.id ORDER BY b.id`);
  const channels = all('SELECT id, machine, kind, stream, next_seq AS nextSeq, removed FROM channels');
  const cursors = all('SELECT machine, cursor FROM cursors');
  const texts = new DictionaryTexts(dictionaryStatements(db));
  let dependent = 0;
  /** As it is without a dictionary. */
  const alone = (body: Buffer) => {
    if (dictionaryOf(body) === undefined) return body;
    dependent += 1;
    return encodeBody(decodeBody(body, texts.neededBy(body)));
  };
  const rows = batches.map(({ id: _, isDelivered, body, ...row }) => ({
    ...row,
    isDelivered: isDelivered === 1,
    body: isDelivered === 1 ? null : alone(body as Buffer),
  }));
  db.close();
  return {
    dependent,
    batches: rows,
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
      const batches = [
        bulky(size, { machine }),
        batch([random()], { machine, kind: 'rollup', lane: 'alert' }),
        ...[1, 2, 3, 4].map((i) => moment(commit, { machine: `m${i}` }, 5 * i, `s${Math.floor(commit / 40)}.`)),
      ];
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
    t.ok(expected.dependent > 0);
    t.same(wreck.channels(), expected.channels);
    t.same(wreck.cursors, expected.cursors);
    if (round % 2 === 0) store.close();
  }
});

/** A WAL of so many transactions, as a kill leaves it, and the frames at which each begins. */
function walOf(dataDir: string, transactions: number, bytes = 9000) {
  const store = Store.open(dataDir, NOW);
  const path = join(dataDir, 'outbox.db-wal');
  const begins: number[] = [];
  for (let i = 0; i < transactions; i++) {
    begins.push(Math.max(0, (statSync(path, { throwIfNoEntry: false })?.size ?? 0) - HEADER) / FRAME);
    const terms = { now: NOW, budget: { maxBytes: 1e9, maxAge: 1e12 } };
    store.commit({ appends: [{ batches: [bulky(bytes)] }], settled: [], holds: [] }, terms);
  }
  const wal = readFileSync(path);
  store.close();
  return { wal, begins };
}

t.test('a WAL is damaged where transactions come behind the damage; a torn end is none', async (t) => {
  const dataDir = t.testdir();
  const { wal, begins } = walOf(dataDir, 30);
  const path = join(dataDir, 'copy');
  const isDamaged = (change: (copy: Buffer) => void) => {
    const copy = Buffer.from(wal);
    change(copy);
    writeFileSync(path, copy);
    return isWalDamaged(path);
  };
  const flippedAt = (at: number) => isDamaged((copy) => copy.writeUInt8(copy.readUInt8(at) ^ 0x10, at));
  const [before, last] = begins.slice(-2).map((frame) => HEADER + frame * FRAME) as [number, number];
  writeFileSync(path, wal);
  t.equal(isWalDamaged(path), false, 'whole');
  t.equal(isWalDamaged(join(dataDir, 'none')), false, 'there is none');
  for (const at of [17, 26, 40, 60, 5000, wal.length >> 1, before + 9, before + 100]) t.ok(flippedAt(at), `at ${at}`);
  for (const at of [0, 4, 8, 9, 16, 20, 100])
    t.ok(flippedAt(last - FRAME + at), `${at} in the end of the last but one`);
  t.ok(
    isDamaged((copy) => copy.fill(0xff, 0, FRAME)),
    'a page of garbage over header and first frame',
  );
  t.ok(flippedAt(last + 8), 'the last one is whole but for its salts');
  for (const at of [last, last + 100, wal.length - 100]) t.notOk(flippedAt(at), 'in the last');
  for (const length of [0, 20, 32, 5000, wal.length - 5000, wal.length - 1]) {
    writeFileSync(path, wal.subarray(0, length));
    t.equal(isWalDamaged(path), false, `cut at ${length}`);
  }
  writeFileSync(path, wal);
  appendFileSync(path, Buffer.alloc(20_000));
  t.equal(isWalDamaged(path), false, 'zeros behind it');
});

t.test('a damaged header is told, also where it has one transaction behind it', async (t) => {
  const { wal } = walOf(t.testdir(), 1);
  const path = join(t.testdirName, 'copy');
  for (let at = 0; at < HEADER; at++) {
    const copy = Buffer.from(wal);
    copy.writeUInt8(copy.readUInt8(at) ^ 0x10, at);
    writeFileSync(path, copy);
    t.ok(isWalDamaged(path), `at ${at}`);
  }
});

t.test('an end that a power cut has torn is left out whole: it was never acknowledged', async (t) => {
  const dataDir = t.testdir();
  const { wal, begins } = walOf(dataDir, 5, 30_000);
  const path = join(dataDir, 'torn.db');
  const frames = wal.length / FRAME - (begins.at(-1) as number);
  t.ok(frames > 6, `${frames} frames`);
  for (const [torn, expected] of [
    [-1, 5],
    [0, 4],
    [2, 4],
    [Math.floor(frames) - 1, 4],
  ] as const) {
    const copy = Buffer.from(wal);
    const start = HEADER + ((begins.at(-1) as number) + torn) * FRAME;
    // A sector that was not written: only its salts, from an older round, are there.
    if (torn >= 0) copy.fill(0, start, start + FRAME);
    writeFileSync(`${path}-wal`, copy);
    using wreck = new Wreck(path);
    t.equal([...wreck.batches()].filter(({ body }) => body !== null).length, expected, `frame ${torn}`);
  }
});
