import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import SqliteDatabase from 'better-sqlite3';
import t from 'tap';
import { Archive } from '../../src/outbox/archive.ts';
import { cellsOf, payloadAt, recordOf } from '../../src/outbox/cells.ts';
import { decodeBody } from '../../src/outbox/codec.ts';
import { DictionaryTexts } from '../../src/outbox/dictionary-texts.ts';
import { dictionaryStatements } from '../../src/outbox/statements.ts';
import { Store } from '../../src/outbox/store.ts';
import { verify } from '../../src/outbox/verify.ts';
import { seededRandom } from '../support/random.ts';
import { moment } from './support.ts';

const SOAK = process.env['SOAK'] === '1';
const NOW = 1_763_640_000_000;
const TERMS = { now: NOW, budget: { maxBytes: 1e9, maxAge: 1e12 } };
const PAGE = 4096;
const FLIPS = SOAK ? 2000 : 150;
const seed = Number(process.env['SEED'] ?? Date.now() % 1e6);

/** Numbers that nothing else in the database tells: another one is as good. */
const ALONE = ['t0', 'stored_at', 'synced', 'refusals', 'created_at'];

/** An outbox that was closed in order, a half of it delivered. */
function filled(dataDir: string): Buffer {
  const store = Store.open(dataDir, NOW);
  for (let i = 1; i <= 200; i++) {
    const cursor = { machine: 'm1', cursor: { next: i } };
    const batches = ['m1', 'm2'].map((machine) => moment(i, { machine, t0: NOW + i * 1000 }));
    store.commit({ appends: [{ batches, cursor }], settled: i <= 100 ? [i] : [], holds: [] }, TERMS);
  }
  store.close();
  return readFileSync(join(dataDir, 'outbox.db'));
}

/** Every value of a database, by table, row and column; undefined where SQLite cannot read it all. */
function contentOf(path: string): Map<string, unknown> | undefined {
  const db = new SqliteDatabase(path, { readonly: true });
  try {
    const tables = ['meta', 'channels', 'cursors', 'batches', 'bodies', 'dictionaries', 'dictionary_copies'];
    const texts = new DictionaryTexts(dictionaryStatements(db));
    const rows = tables.flatMap((table) =>
      (db.prepare(`SELECT * FROM ${table}`).all() as Record<string, unknown>[]).flatMap((row) => {
        const [key] = Object.values(row);
        const name = (column: string) => `${table} ${key} ${table === 'meta' ? key : column}`;
        return Object.entries(row).map(([column, value]) => [name(column), value] as const);
      }),
    );
    // Bits of a zstd frame that mean nothing may be any.
    return new Map(
      rows.map(([name, value]) => [name, Buffer.isBuffer(value) ? decodeBody(value, texts.neededBy(value)) : value]),
    );
  } catch {
    // That is found by any reader.
    return undefined;
  } finally {
    db.close();
  }
}

t.test('a flipped byte anywhere is found, but for numbers that nothing else tells', async (t) => {
  t.comment(`SEED=${seed}`);
  const random = seededRandom(seed);
  const folder = t.testdir();
  const image = filled(join(folder, 'original'));
  const whole = contentOf(join(folder, 'original', 'outbox.db'));
  const figures = { flips: FLIPS, unchanged: 0, byOpening: 0, bySqlite: 0, byVerify: 0, unnoticed: 0 };
  const columns: Record<string, number> = {};
  for (let round = 0; round < FLIPS; round++) {
    const dataDir = join(folder, `round-${round % 10}`);
    mkdirSync(dataDir, { recursive: true });
    const at = Math.floor(random() * image.length);
    const damaged = Buffer.from(image);
    damaged.writeUInt8(damaged.readUInt8(at) ^ (1 << Math.floor(random() * 8)), at);
    const path = join(dataDir, 'outbox.db');
    writeFileSync(path, damaged);
    let archive: Archive;
    try {
      archive = Archive.open(dataDir);
    } catch {
      // The gateway refuses it, too, and salvages.
      figures.byOpening += 1;
      continue;
    }
    using _ = archive;
    const problems = [...verify(archive, { quick: false })];
    if (problems.length > 0) {
      let bySqlite = true;
      try {
        bySqlite = archive.integrity(false).length > 0;
      } catch {
        // It cannot even be checked.
      }
      figures[bySqlite ? 'bySqlite' : 'byVerify'] += 1;
      continue;
    }
    const content = contentOf(path);
    const changed = [...(whole ?? [])].filter(([name, value]) => content?.get(name) !== value).map(([name]) => name);
    if (content?.size === whole?.size && changed.length === 0) figures.unchanged += 1;
    else {
      const names = changed.map((name) => name.split(' ').at(-1) as string);
      figures.unnoticed += 1;
      for (const name of names) columns[name] = (columns[name] ?? 0) + 1;
      t.ok(
        names.length > 0 && names.every((name) => ALONE.includes(name)),
        `byte ${at}: ${changed.slice(0, 9).join(', ')}`,
      );
    }
  }
  t.comment({ ...figures, columns });
  t.ok(figures.byVerify > 0, 'more than SQLite finds');
});

t.test('an id that leads back to rows that were read does not keep a reader for ever', async (t) => {
  const dataDir = t.testdir();
  const image = filled(dataDir);
  for (let page = 1; page <= image.length / PAGE; page++) {
    const bytes = image.subarray((page - 1) * PAGE, page * PAGE);
    const { offsets, isTable } = cellsOf(page, bytes);
    for (const offset of offsets) {
      const payload = payloadAt(bytes, offset, isTable);
      // The last row of the first that are read at once; its id has one byte, behind that of its length.
      if (payload?.rowid === 64 && recordOf(payload.local)?.length === 13) bytes.writeUInt8(3, offset + 1);
    }
  }
  writeFileSync(join(dataDir, 'outbox.db'), image);
  using archive = Archive.open(dataDir);
  t.match(
    [...verify(archive, { quick: true })].at(-1),
    /cannot be read any further: the batches after 0 are out of order/,
  );
});
