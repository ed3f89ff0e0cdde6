import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import t from 'tap';
import { codeOf } from '../../src/errors.ts';
import { Archive } from '../../src/outbox/archive.ts';
import { dictionaryOf } from '../../src/outbox/codec.ts';
import { exportLines } from '../../src/outbox/export.ts';
import type { NewBatch, StoredBatch } from '../../src/outbox/outbox.ts';
import { openOrSalvage } from '../../src/outbox/recovery.ts';
import { Store } from '../../src/outbox/store.ts';
import { verify } from '../../src/outbox/verify.ts';
import { seededRandom } from '../support/random.ts';
import { batch, bulky, dependentIn, moment, payloadOf } from './support.ts';

const NOW = 1_763_640_000_000;
const TERMS = { now: NOW, budget: { maxBytes: 1e9, maxAge: 1e12 } };
/** A budget whose hard limit is one page: no commit may make the file grow. */
const NO_GROWTH = { now: NOW, budget: { maxBytes: 4096 - 8 * 1024 * 1024, maxAge: 1e12 } };
const TABLES = ['dictionaries', 'dictionary_copies'] as const;

function append(store: Store, batches: readonly NewBatch[], terms = TERMS): void {
  store.commit({ appends: [{ batches }], settled: [], holds: [] }, terms);
}

function settle(store: Store, settled: readonly number[], terms = TERMS): void {
  store.commit({ appends: [], settled, holds: [] }, terms);
}

function waiting(store: Store): StoredBatch[] {
  return store.claim({ lane: 'live', after: 0, limit: 1e6, maxBytes: 1e9 }, NOW);
}

function textsOf(batches: readonly StoredBatch[]): string[] {
  return batches.map(({ body }) => Buffer.from(body ?? []).toString());
}

/** What is wrong, as `buffer verify` says it. */
function problems(dataDir: string): string[] {
  using archive = Archive.open(dataDir);
  return [...verify(archive, { quick: false })];
}

function query(dataDir: string, sql: string, ...values: unknown[]): Record<string, unknown>[] {
  const db = new SqliteDatabase(join(dataDir, 'outbox.db'));
  const statement = db.prepare(sql);
  const rows = statement.reader ? statement.all(...values) : [];
  if (!statement.reader) statement.run(...values);
  db.close();
  return rows as Record<string, unknown>[];
}

/** Ids in each of the tables. */
function idsIn(dataDir: string): unknown[][] {
  return TABLES.map((table) => query(dataDir, `SELECT id FROM ${table} ORDER BY id`).map(({ id }) => id));
}

/** Flips a bit in the middle of the copies of each dictionary in a table. */
function damage(dataDir: string, table: string): void {
  for (const { id, body } of query(dataDir, `SELECT id, body FROM ${table}`)) {
    const copy = Buffer.from(body as Buffer);
    copy.writeUInt8(copy.readUInt8(copy.length >> 1) ^ 4, copy.length >> 1);
    query(dataDir, `UPDATE ${table} SET body = ? WHERE id = ?`, copy, id);
  }
}

/** Twenty batches of which most need one dictionary, in a closed outbox; their texts. */
function filled(dataDir: string): string[] {
  const store = Store.open(dataDir, NOW);
  for (let i = 1; i <= 20; i++) append(store, [moment(i)]);
  const texts = textsOf(waiting(store));
  store.close();
  return texts;
}

t.test('small bodies take fewer bytes, are read as they were, and have no frame of their own', async (t) => {
  const dataDir = t.testdir();
  const store = Store.open(dataDir, NOW);
  const batches = Array.from({ length: 40 }, (_, i) => moment(i + 1));
  for (const one of batches) append(store, [one]);
  const stored = waiting(store);
  t.same(
    textsOf(stored),
    batches.map(({ body }) => body),
  );
  const [first, ...others] = stored;
  const dependent = dependentIn(dataDir);
  t.notOk(dependent.has(first?.id ?? 0), 'the first one stands alone');
  const later = others.slice(1);
  t.ok(later.every(({ id, bytes }) => dependent.has(id) && bytes < (first?.bytes ?? 0) * 0.8));
  store.close();
  t.same(idsIn(dataDir), [[1], [1]]);
  t.same(problems(dataDir), []);
  using archive = Archive.open(dataDir);
  const exported = [...exportLines(archive, {})].map((line) => JSON.stringify(JSON.parse(line).signals));
  t.same(
    exported,
    batches.map(({ body }) => body),
  );
});

t.test('large bodies, events, alerts and rollups need none', async (t) => {
  const dataDir = t.testdir();
  const store = Store.open(dataDir, NOW);
  for (let i = 0; i < 9; i++) {
    append(store, [
      batch(Array.from({ length: 3000 }, (_, n) => n + i)),
      batch([i], { kind: 'event', body: `[${i}]` }),
      batch([i], { kind: 'rollup' }),
    ]);
  }
  t.equal(dependentIn(dataDir).size, 0);
  store.close();
  t.same(idsIn(dataDir), [[], []]);
});

t.test('what no dictionary helps has none, and is hardly ever tried', async (t) => {
  const dataDir = t.testdir();
  const store = Store.open(dataDir, NOW);
  for (let i = 0; i < 50; i++) append(store, [bulky(500)]);
  t.equal(dependentIn(dataDir).size, 0);
  store.close();
  t.same(idsIn(dataDir), [[], []]);
});

t.test(
  'signals that change get another dictionary, also of history that is never sent; a restart goes on',
  async (t) => {
    const dataDir = t.testdir();
    let store = Store.open(dataDir, NOW);
    const texts: string[] = [];
    const fill = (prefix: string, signals: number) => {
      for (let i = 0; i < 300; i++) {
        const sent = moment(i, {}, signals, prefix);
        append(store, [sent, moment(i, { machine: 'm2', local: true }, signals, prefix)]);
        texts.push(sent.body);
      }
    };
    fill('axis', 9);
    fill('other.name.', 12);
    store.close();
    const before = idsIn(dataDir)[0]?.length ?? 0;
    t.ok(before >= 4, `${before} dictionaries for two channels`);
    store = Store.open(dataDir, NOW);
    append(store, [moment(7, {}, 12, 'other.name.')]);
    const stored = waiting(store);
    t.ok(dependentIn(dataDir).has(stored.at(-1)?.id ?? 0), 'the one that was in use still is');
    t.same(textsOf(stored).slice(0, -1), texts);
    const history = store.local.telemetry({ machine: 'm2', after: 0 }, 1e6, 1e9);
    t.same(textsOf(history), texts);
    store.close();
    t.equal(idsIn(dataDir)[0]?.length, before);
    t.same(problems(dataDir), []);
  },
);

for (const [i, table] of TABLES.entries()) {
  t.test(`a damaged copy in ${table} costs nothing, is told, and mended by the next start`, async (t) => {
    const dataDir = t.testdir();
    const texts = filled(dataDir);
    damage(dataDir, table);
    t.match(problems(dataDir), [/^dictionary 1: one of its copies is damaged/]);
    const store = Store.open(dataDir, NOW);
    t.same(textsOf(waiting(store)), texts);
    append(store, [moment(21)]);
    store.close();
    t.same(problems(dataDir), []);
    const [one, two] = TABLES.map((name) => query(dataDir, `SELECT * FROM ${name}`));
    t.same(one, two);

    query(dataDir, `DELETE FROM ${table}`);
    t.match(problems(dataDir), [/^dictionary 1: one of its copies is damaged or missing/]);
    const again = Store.open(dataDir, NOW);
    append(again, [moment(22)]);
    t.same(textsOf(waiting(again)).slice(0, 20), texts);
    again.close();
    t.same(problems(dataDir), []);

    query(dataDir, `UPDATE ${table} SET until = ? WHERE id = 1`, 3);
    t.match(problems(dataDir), ['dictionary 1: its copies do not agree', ...Array(19).fill(/is about to be deleted/)]);
    const third = Store.open(dataDir, NOW);
    settle(
      third,
      waiting(third)
        .slice(0, 9)
        .map(({ id }) => id),
      { now: NOW + 1e6, budget: { maxBytes: 1e9, maxAge: 1 } },
    );
    third.tidy({ now: NOW + 2e6, budget: { maxBytes: 1e9, maxAge: 1 } });
    t.same(textsOf(waiting(third)).slice(0, 11), texts.slice(9), `by the copy of table ${i} that says more`);
    third.close();
  });
}

t.test('a dictionary that is lost in both copies is told by verify, the outbox and a salvage', async (t) => {
  const dataDir = t.testdir();
  const texts = filled(dataDir);
  for (const table of TABLES) damage(dataDir, table);
  const needed = query(dataDir, 'SELECT id, body FROM bodies').filter(({ body }) => dictionaryOf(body as Buffer) === 1);
  t.equal(needed.length, 18);
  t.match(problems(dataDir), [
    /^dictionary 1: neither copy can be read/,
    ...needed.map(({ id }) => `m1 telemetry ${id}: the body is damaged: its dictionary 1 is lost`),
  ]);
  const store = Store.open(dataDir, NOW);
  t.same(
    textsOf(waiting(store)),
    [...texts.slice(0, 2), ...needed.map(() => '')],
    'bodies that cannot be read are none',
  );
  for (let i = 30; i < 34; i++) append(store, [moment(i)]);
  t.same(idsIn(dataDir), [
    [1, 2],
    [1, 2],
  ]);
  t.equal(waiting(store).at(-1)?.body?.length, moment(33).body.length, 'another one takes its place');
  store.close();

  writeFileSync(join(dataDir, 'outbox.damaged'), 'for a test\n');
  const { store: anew, reports } = openOrSalvage(dataDir, NOW);
  t.match(reports, [{ batches: 6, lost: 18 }]);
  const gaps = waiting(anew).flatMap(({ kind, body }) => (kind === 'event' ? payloadOf(body) : []));
  t.match(gaps, [{ type: 'gap', cause: 'quarantine', batches: { first: 3, last: 20 }, count: 18 * 13 }]);
  anew.close();
});

t.test('a salvage needs one copy only, and what it takes over needs none', async (t) => {
  for (const table of TABLES) {
    const dataDir = join(t.testdir(), table);
    const texts = filled(dataDir);
    damage(dataDir, table);
    writeFileSync(join(dataDir, 'outbox.damaged'), 'for a test\n');
    const { store, reports } = openOrSalvage(dataDir, NOW);
    t.match(reports, [{ batches: 20, lost: 0 }]);
    const taken = waiting(store).filter(({ kind }) => kind === 'telemetry');
    t.same(textsOf(taken), texts);
    t.equal(dependentIn(dataDir).size, 0);
    store.close();
    t.same(problems(dataDir), []);
  }
});

t.test('a commit that fails leaves no dictionary behind, and the next one makes its own', async (t) => {
  const dataDir = t.testdir();
  const store = Store.open(dataDir, NOW);
  append(store, [moment(1)]);
  append(store, [moment(2)]);
  for (let i = 0; i < 3; i++) {
    try {
      append(store, [moment(3 + i), bulky(30_000)], NO_GROWTH);
      t.fail('there was room');
    } catch (error) {
      t.equal(codeOf(error), 'SQLITE_FULL');
    }
    store.tidy(TERMS);
  }
  t.same(idsIn(dataDir), [[], []]);
  for (let i = 10; i < 14; i++) append(store, [moment(i)]);
  t.same(
    textsOf(waiting(store)),
    [1, 2, 10, 11, 12, 13].map((i) => moment(i).body),
  );
  t.ok(dependentIn(dataDir).has(waiting(store).at(-1)?.id ?? 0));
  store.close();
  t.same(problems(dataDir), []);
});

t.test(
  'who reads beside a gateway has the dictionaries of what it has read, also when they are deleted meanwhile',
  async (t) => {
    const dataDir = t.testdir();
    const texts = filled(dataDir);
    const store = Store.open(dataDir, NOW);
    query(dataDir, 'UPDATE dictionaries SET until = 20');
    query(dataDir, 'UPDATE dictionary_copies SET until = 20');
    store.close();
    const running = Store.open(dataDir, NOW);
    using archive = Archive.open(dataDir);
    const lines = exportLines(archive, {});
    const read = [lines.next().value];
    settle(
      running,
      waiting(running).map(({ id }) => id),
    );
    while (running.tidy({ now: NOW + 1e6, budget: { maxBytes: 1e9, maxAge: 1 } }).more);
    t.same(idsIn(dataDir), [[], []]);
    t.same(
      [...read, ...lines].map((line) => JSON.stringify(JSON.parse(line ?? '').signals)),
      texts,
    );
    running.close();
  },
);

for (const seed of [1, 2, 3, Date.now() % 1e6]) {
  t.test(`a dictionary stays as long as a batch may need it, and no longer (SEED=${seed})`, async (t) => {
    const random = seededRandom(seed);
    const dataDir = t.testdir();
    let now = NOW;
    let store = Store.open(dataDir, now);
    const expected = new Map<number, string>();
    let [serial, most, highest] = [0, 0, 0];
    for (let round = 0; round < 60; round++) {
      now += 1000;
      const terms = { now, budget: { maxBytes: 1e9, maxAge: Math.floor(random() * 9000) } };
      const batches = Array.from({ length: 90 }, (_, i) => {
        serial += 1;
        // Names change, and after each start another dictionary is tried.
        return moment(serial, { machine: `m${i % 3}` }, 12, `n${Math.floor(serial / 400)}.`);
      });
      for (let i = 0; i < batches.length; i += 10) append(store, batches.slice(i, i + 10), { ...terms, now });
      for (const { id, body } of waiting(store)) {
        if (!expected.has(id)) expected.set(id, Buffer.from(body ?? []).toString());
      }
      const some = [...expected.keys()].filter(() => random() < 0.5);
      settle(store, some, terms);
      for (const id of some) expected.delete(id);
      if (random() < 0.3) {
        store.close();
        store = Store.open(dataDir, now);
      }
      while (store.tidy(terms).more);
      t.same(new Map(waiting(store).map(({ id, body }) => [id, Buffer.from(body ?? []).toString()])), expected);
      const lowest = Number(query(dataDir, 'SELECT min(id) AS lowest FROM batches')[0]?.['lowest'] ?? Infinity);
      const [one = [], two] = TABLES.map((table) => query(dataDir, `SELECT * FROM ${table} ORDER BY id`));
      t.same(one, two);
      most = Math.max(most, one.length);
      highest = Math.max(highest, ...one.map(({ id }) => Number(id)));
      const stale = one.filter(({ until }) => until !== null && Number(until) < lowest);
      t.same(stale, [], 'nothing that no batch needs');
      if (round % 10 === 9) t.same(problems(dataDir), []);
    }
    t.comment(`${serial} batches, ${highest} dictionaries, ${most} at once`);
    t.ok(highest > 9 && most > 3);
    settle(store, [...expected.keys()]);
    while (store.tidy({ now: now + 1e6, budget: { maxBytes: 1e9, maxAge: 1 } }).more);
    const left = query(dataDir, 'SELECT until FROM dictionaries');
    t.ok(left.length <= 3 && left.every(({ until }) => until === null), 'only those in use are left');
    store.close();
  });
}
