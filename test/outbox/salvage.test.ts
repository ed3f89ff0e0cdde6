import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import t from 'tap';
import { Archive } from '../../src/outbox/archive.ts';
import { encodeBody } from '../../src/outbox/codec.ts';
import { newStream } from '../../src/outbox/database.ts';
import { APPLICATION_ID, migrate, SCHEMA_VERSION } from '../../src/outbox/migrations.ts';
import type { Outbox } from '../../src/outbox/outbox.ts';
import { Store } from '../../src/outbox/store.ts';
import { takeOver } from '../../src/outbox/take-over.ts';
import { verify } from '../../src/outbox/verify.ts';
import { eventSchema, type WireEvent } from '../../src/wire/contract.ts';
import { seededRandom } from '../support/random.ts';
import { batch, claimAll, dependentIn, moment, open, payloadOf, valuesOf } from './support.ts';

const SOAK = process.env['SOAK'] === '1';
const NOW = 1_763_640_000_000;
const PAGE = 4096;
const TERMS = { now: NOW, budget: { maxBytes: 1e9, maxAge: 1e12 } };
const seed = Number(process.env['SEED'] ?? Date.now() % 1e6);

/** An outbox that was closed in order: 300 batches of m1, the first 100 of them delivered, and 20 of m2, most of them by dictionaries. */
function filled(dataDir: string): string {
  const store = Store.open(dataDir, NOW);
  for (let i = 1; i <= 300; i++) {
    const t0 = NOW + i * 1000;
    const mine = moment(i, { t0 }, 40, i < 200 ? 's' : 'other');
    const others = i % 15 === 0 ? [moment(i, { machine: 'm2', t0 })] : [];
    const cursor = { machine: 'm1', cursor: { next: i } };
    store.commit({ appends: [{ batches: [mine, ...others], cursor }], settled: [], holds: [] }, TERMS);
  }
  const delivered = store.claim({ lane: 'live', after: 0, limit: 106, maxBytes: 1e9 }, NOW);
  store.commit(
    {
      appends: [],
      settled: delivered.filter(({ seq, machine }) => machine === 'm1' && seq <= 100).map(({ id }) => id),
      holds: [],
    },
    TERMS,
  );
  const { stream } = store;
  store.close();
  return stream;
}

interface Found {
  /** `machine seq` of what is there again under its old identity. */
  readonly kept: Set<string>;
  /** The same of what gaps name, or what lies behind the newest one where a gap says that nobody knows what followed. */
  readonly told: Set<string>;
  readonly gaps: Extract<WireEvent, { type: 'gap' }>[];
}

async function found(outbox: Outbox, stream: string): Promise<Found> {
  const kept = new Set<string>();
  const told = new Set<string>();
  const gaps: Found['gaps'] = [];
  const open = new Set<string>();
  for (const { machine, kind, seq, stream: own, body } of await claimAll(outbox)) {
    if (kind === 'telemetry' && own === stream) kept.add(`${machine} ${seq}`);
    if (kind !== 'event') continue;
    for (const event of payloadOf(body)) {
      const gap = eventSchema.parse(event);
      if (gap.type !== 'gap') continue;
      gaps.push(gap);
      if (gap.batches === undefined) open.add(machine);
      if (gap.batches?.kind !== 'telemetry') continue;
      for (let lost = gap.batches.first; lost <= gap.batches.last; lost++) told.add(`${machine} ${lost}`);
    }
  }
  for (const machine of open) {
    const seqs = UNDELIVERED.filter((one) => one.startsWith(`${machine} `));
    const newest = seqs.findLastIndex((one) => kept.has(one) || told.has(one));
    for (const one of seqs.slice(newest + 1)) told.add(one);
  }
  return { kept, told, gaps };
}

/** Every batch that was not delivered. */
const UNDELIVERED = [
  ...Array.from({ length: 200 }, (_, i) => `m1 ${i + 101}`),
  ...Array.from({ length: 20 }, (_, i) => `m2 ${i + 1}`),
];

t.test('pages that are damaged cost what is on them, and that is told', async (t) => {
  t.comment(`SEED=${seed}`);
  const random = seededRandom(seed);
  const original = t.testdir();
  const stream = filled(original);
  const image = readFileSync(join(original, 'outbox.db'));
  const pages = image.length / PAGE;
  for (let round = 0; round < (SOAK ? 300 : 12); round++) {
    const dataDir = join(original, `round-${round}`);
    mkdirSync(dataDir);
    const damaged = Buffer.from(image);
    for (let n = 0; n < 1 + Math.floor(random() * 4); n++) {
      // One in five is the first page: the schema, and where it all starts.
      const page = random() < 0.2 ? 0 : Math.floor(random() * pages);
      if (random() < 0.5) damaged.fill(0xff, page * PAGE, (page + 1) * PAGE);
      else damaged.writeUInt8(Math.floor(random() * 256), page * PAGE + Math.floor(random() * PAGE));
    }
    writeFileSync(join(dataDir, 'outbox.db'), damaged);
    // Damage that opening does not meet is met by reading or writing: then the next start salvages.
    const use = async () => {
      const opened = await open(t, dataDir);
      try {
        const result = await found(opened.outbox, stream);
        await opened.outbox.append({ batches: [batch([1], { machine: 'm1' })] });
        return { ...result, lines: opened.lines };
      } finally {
        await opened.outbox.close();
      }
    };
    const { kept, told, lines } = await use().catch(use);
    // Where even the names of the machines are gone, the log is all that can tell.
    const isNameless = /not even the machine is known/.test(lines[0] ?? '');
    const neither = isNameless ? [] : UNDELIVERED.filter((one) => !kept.has(one) && !told.has(one));
    const salvaged = existsSync(join(dataDir, 'quarantine'));
    if (!salvaged && neither.length > 0) {
      // A flipped byte that SQLite cannot notice: it has no checksums. Verifying finds it.
      using archive = Archive.open(dataDir);
      t.not([...verify(archive, { quick: false })].length, 0, `round ${round}: found by buffer verify`);
      continue;
    }
    t.same(neither, [], `round ${round}: ${kept.size} kept, ${told.size} told`);
    if (salvaged) t.match(lines[0], /^warn: the buffer was damaged and lies in .*quarantine/);
    using archive = Archive.open(dataDir);
    if (salvaged) t.same([...verify(archive, { quick: false })], []);
  }
});

t.test('the root of a table, and the schema itself, cost no more than any other page', async (t) => {
  const original = t.testdir();
  const stream = filled(original);
  const image = readFileSync(join(original, 'outbox.db'));
  const db = new SqliteDatabase(join(original, 'outbox.db'), { readonly: true });
  const roots = db.prepare('SELECT name, rootpage FROM sqlite_schema').all() as { name: string; rootpage: number }[];
  db.close();
  for (const { name, rootpage } of [{ name: 'sqlite_schema', rootpage: 1 }, ...roots]) {
    const dataDir = join(original, name);
    mkdirSync(dataDir);
    writeFileSync(join(dataDir, 'outbox.db'), Buffer.from(image).fill(0xff, (rootpage - 1) * PAGE, rootpage * PAGE));
    writeFileSync(join(dataDir, 'outbox.damaged'), 'for a test\n');
    const { outbox } = await open(t, dataDir);
    const { kept } = await found(outbox, stream);
    t.same([...kept].toSorted(), UNDELIVERED.toSorted(), name);
    // The one page of a small table is all of it.
    t.same(await outbox.cursor('m1'), name === 'cursors' ? undefined : { next: 300 });
    await outbox.close();
  }
});

t.test('a file that is no database, or ends early, is set aside and work goes on', async (t) => {
  const nothing = t.testdir({ 'outbox.db': 'this is not SQLite. '.repeat(500) });
  const opened = await open(t, nothing);
  t.match(opened.lines, [/^warn: the buffer was damaged .*: 0 undelivered batches .* nothing else can be read/]);
  await opened.outbox.append({ batches: [batch()] });
  t.equal((await claimAll(opened.outbox)).length, 1);

  const short = join(nothing, 'short');
  mkdirSync(short);
  const stream = filled(short);
  truncateSync(join(short, 'outbox.db'), 40 * PAGE);
  const { outbox } = await open(t, short);
  const { kept, told } = await found(outbox, stream);
  t.same(
    UNDELIVERED.filter((one) => !kept.has(one) && !told.has(one)),
    [],
  );
});

t.test(
  'what is salvaged keeps its identity and resumes where reading was; the last three wrecks are kept',
  async (t) => {
    const dataDir = t.testdir();
    const stream = filled(dataDir);
    writeFileSync(join(dataDir, 'outbox.damaged'), 'told by the last run\n');
    const { outbox } = await open(t, dataDir);
    t.not(outbox.stream, stream);
    const { kept, gaps } = await found(outbox, stream);
    t.same([...kept].toSorted(), UNDELIVERED.toSorted());
    t.same(await outbox.cursor('m1'), { next: 300 });
    t.match(gaps, [{ cause: 'quarantine', count: null, from: NOW + 300_000 }], 'm2 never had a place to resume from');
    t.notOk(existsSync(join(dataDir, 'outbox.damaged')));
    await outbox.append({ batches: [batch([9])] });
    const last = (await claimAll(outbox)).at(-1);
    t.match(last, { machine: 'm1', seq: 1, stream: outbox.stream });
    await outbox.close();
    for (let round = 0; round < 4; round++) {
      writeFileSync(join(dataDir, 'outbox.damaged'), '');
      const again = await open(t, dataDir);
      t.equal((await found(again.outbox, stream)).kept.size, UNDELIVERED.length, 'also from a salvaged one');
      await again.outbox.close();
    }
    t.ok(readdirSync(join(dataDir, 'quarantine')).length <= 3);
  },
);

t.test('a wreck can be salvaged again by hand, and nothing comes twice', async (t) => {
  const wreck = t.testdir();
  const stream = filled(wreck);
  copyFileSync(join(wreck, 'outbox.db'), join(wreck, 'copy.db'));
  const store = Store.open(join(wreck, 'new'), NOW);
  const first = takeOver(store, join(wreck, 'copy.db'), { now: NOW });
  t.match(first, { batches: 220, lost: 0 });
  t.match(takeOver(store, join(wreck, 'copy.db'), { now: NOW }), { batches: 0, lost: 0 });
  const claimed = store.claim({ lane: 'live', after: 0, limit: 1e6, maxBytes: 1e9 }, NOW);
  t.equal(claimed.filter((one) => one.stream === stream).length, 220);
  store.close();
});

for (let schema = 1; schema < SCHEMA_VERSION; schema++) {
  t.test(`an outbox of schema ${schema} is read as it is, brought up to date, and goes on`, async (t) => {
    const dataDir = t.testdir();
    const path = join(dataDir, 'outbox.db');
    const db = new SqliteDatabase(path);
    db.pragma('auto_vacuum = INCREMENTAL');
    const stream = newStream();
    migrate(db, stream, NOW, schema);
    const body = encodeBody(batch([7]).body);
    db.prepare(`INSERT INTO channels VALUES (1, 'm1', 'telemetry', ${schema === 1 ? '' : `'${stream}', `}9, 7)`).run();
    db.prepare(`INSERT INTO batches (id, channel, seq, lane, t0, count, synced, bytes, stored_at)
      VALUES (40, 1, 8, 1, ?, 1, 1, ?, ?)`).run(NOW, body.length, NOW);
    db.prepare('INSERT INTO bodies VALUES (40, ?)').run(body);
    db.close();
    if (schema > 1) {
      using archive = Archive.open(dataDir);
      t.same([...verify(archive, { quick: false })], [], 'while the program that wrote it still runs');
    }
    const store = Store.open(dataDir, NOW);
    for (let i = 1; i <= 9; i++) {
      store.commit({ appends: [{ batches: [moment(i)] }], settled: [], holds: [] }, TERMS);
    }
    const claimed = store.claim({ lane: 'live', after: 0, limit: 99, maxBytes: 1e6 }, NOW);
    t.same(claimed.map(valuesOf), [[7], [1], [2], [3], [4], [5], [6], [7], [8], [9]]);
    t.match(claimed.at(-1), { seq: 17, stream });
    t.ok(dependentIn(dirname(path)).has(claimed.at(-1)?.id ?? 0), 'with a dictionary');
    store.close();
    const migrated = new SqliteDatabase(path, { readonly: true });
    t.equal(migrated.pragma('application_id', { simple: true }), APPLICATION_ID);
    t.equal(migrated.pragma('user_version', { simple: true }), SCHEMA_VERSION, 'which no older program opens');
    migrated.close();
    using archive = Archive.open(dataDir);
    t.same([...verify(archive, { quick: false })], []);
  });
}
