import { copyFileSync, mkdirSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Archive } from '../../src/outbox/archive.ts';
import { openOrSalvage } from '../../src/outbox/recovery.ts';
import { Store } from '../../src/outbox/store.ts';
import { verify } from '../../src/outbox/verify.ts';
import { seededRandom } from '../support/random.ts';
import { batch } from './support.ts';

const SOAK = process.env['SOAK'] === '1';
const NOW = 1_763_640_000_000;
const seed = Number(process.env['SEED'] ?? Date.now() % 1e6);
const COMMITS = SOAK ? 400 : 60;
const CUTS = SOAK ? 20 : 4;

/** What a power cut would leave: the database and its WAL as they are now. */
function image(from: string, to: string): void {
  mkdirSync(to);
  for (const name of ['outbox.db', 'outbox.db-wal']) copyFileSync(join(from, name), join(to, name));
}

/** The numbers of all batches that a folder's outbox has, in order; it opens without salvage, and is sound. */
function numbersIn(folder: string, t: { same(a: unknown, b: unknown, what: string): void }): number[] {
  const { store, reports } = openOrSalvage(folder, NOW);
  const numbers = store.claim({ lane: 'live', after: 0, limit: 1e6, maxBytes: 1e9 }, NOW).map(({ t0 }) => t0);
  const cursor = store.cursor('m1')?.['next'] ?? 0;
  store.close();
  t.same(reports, [], 'it is not damaged');
  t.same(cursor, numbers.at(-1) ?? 0, 'the cursor is that of the last batch');
  using archive = Archive.open(folder);
  t.same([...verify(archive, { quick: false })], [], 'and sound');
  return numbers;
}

t.test('images of any moment open with every committed batch, cut ones with all before the cut', async (t) => {
  t.comment(`SEED=${seed}`);
  const random = seededRandom(seed);
  const folder = t.testdir();
  const dataDir = join(folder, 'data');
  const store = Store.open(dataDir, NOW);
  const wal = join(dataDir, 'outbox.db-wal');
  /** Size of the WAL behind each commit, by its number. */
  const ends: number[] = [];
  let number = 0;
  for (let commit = 0; commit < COMMITS; commit++) {
    const batches = Array.from({ length: 1 + Math.floor(random() * 3) }, () => {
      number += 1;
      return batch(Array.from({ length: Math.floor(random() * 200) + 1 }, random), { t0: number });
    });
    const cursor = { machine: 'm1', cursor: { next: number } };
    store.commit(
      { appends: [{ batches, cursor }], settled: [], holds: [] },
      { now: NOW, budget: { maxBytes: 1e9, maxAge: 1e12 } },
    );
    ends[number] = statSync(wal).size;
    if (random() > 0.2) continue;
    const whole = join(folder, `whole-${commit}`);
    image(dataDir, whole);
    t.equal(numbersIn(whole, t).length, number, `all ${number} batches`);
    for (let n = 0; n < CUTS; n++) {
      const torn = join(folder, `torn-${commit}-${n}`);
      image(dataDir, torn);
      const at = Math.floor(random() * statSync(wal).size);
      truncateSync(join(torn, 'outbox.db-wal'), at);
      const before = ends.findLastIndex((end) => end !== undefined && end <= at);
      const found = numbersIn(torn, t);
      t.same(
        found,
        Array.from({ length: found.length }, (_, i) => i + 1),
        'without a hole',
      );
      // A checkpoint has moved what was committed before it into the database.
      t.ok(found.length >= Math.max(0, before), `cut at ${at}: ${found.length}, at least ${before}`);
    }
  }
  store.close();
});
