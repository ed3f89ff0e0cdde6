import { copyFileSync, mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Archive } from '../../src/outbox/archive.ts';
import { diskFault, isDamage } from '../../src/outbox/disk-faults.ts';
import { markDamaged } from '../../src/outbox/quarantine-files.ts';
import { openOrSalvage } from '../../src/outbox/recovery.ts';
import { Store } from '../../src/outbox/store.ts';
import { verify } from '../../src/outbox/verify.ts';
import { seededRandom } from '../support/random.ts';
import { batch, moment, payloadOf } from './support.ts';

const SOAK = process.env['SOAK'] === '1';
const NOW = 1_763_640_000_000;
const seed = Number(process.env['SEED'] ?? Date.now() % 1e6);
const COMMITS = SOAK ? 400 : 60;
const CUTS = SOAK ? 20 : 4;
const DAMAGES = SOAK ? 10 : 2;
const PAGE = 4096;
const TERMS = { now: NOW, budget: { maxBytes: 1e9, maxAge: 1e12 } };

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

/** Up to a page of garbage in the database or its WAL. */
function damageSomewhere(folder: string, random: () => number): string {
  const name = random() < 0.5 ? 'outbox.db' : 'outbox.db-wal';
  const bytes = readFileSync(join(folder, name));
  const at = Math.floor(random() * bytes.length);
  const length = random() < 0.5 ? 1 : Math.floor(random() * PAGE);
  for (let i = at; i < Math.min(at + length, bytes.length); i++) bytes.writeUInt8(Math.floor(random() * 256), i);
  writeFileSync(join(folder, name), bytes);
  return `${length} bytes of ${name} from ${at}`;
}

/** What a gateway finds that starts, reads and writes, and starts again where it meets damage. */
function use(folder: string): { kept: Set<number>; told: Set<number>; stream: string } {
  for (let start = 1; ; start++) {
    const { store } = openOrSalvage(folder, NOW + start);
    try {
      const claimed = store.claim({ lane: 'live', after: 0, limit: 1e6, maxBytes: 1e9 }, NOW);
      store.commit({ appends: [{ batches: [batch()] }], settled: [], holds: [] }, TERMS);
      const events = claimed.filter(({ kind }) => kind === 'event').flatMap(({ body }) => payloadOf(body));
      const lost = events.flatMap(({ batches }) => (batches?.kind === 'telemetry' ? [batches] : []));
      return {
        kept: new Set(claimed.filter(({ kind }) => kind === 'telemetry').map(({ seq }) => seq)),
        told: new Set(lost.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i))),
        stream: store.stream,
      };
    } catch (error) {
      const fault = diskFault(error, folder)?.fault;
      if (fault === undefined || !isDamage(fault) || start === 3) throw error;
      markDamaged(folder, fault.message);
    } finally {
      store.close();
    }
  }
}

t.test(
  'images of any moment open with every committed batch, cut ones with all before the cut; damaged ones are salvaged',
  async (t) => {
    t.comment(`SEED=${seed}`);
    const random = seededRandom(seed);
    const folder = t.testdir();
    const dataDir = join(folder, 'data');
    const store = Store.open(dataDir, NOW);
    const wal = join(dataDir, 'outbox.db-wal');
    /** Size of the WAL behind each commit, by its number. */
    const ends: number[] = [];
    let number = 0;
    let before = 0;
    for (let commit = 0; commit < COMMITS; commit++) {
      before = number;
      const batches = Array.from({ length: 1 + Math.floor(random() * 3) }, () => {
        number += 1;
        const isSmall = random() < 0.7;
        return isSmall
          ? moment(number, { t0: number }, 1 + Math.floor(random() * 20), random() < 0.1 ? 'other' : 's')
          : batch(Array.from({ length: Math.floor(random() * 200) + 1 }, random), { t0: number });
      });
      const cursor = { machine: 'm1', cursor: { next: number } };
      store.commit({ appends: [{ batches, cursor }], settled: [], holds: [] }, TERMS);
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
        const whole = ends.findLastIndex((end) => end !== undefined && end <= at);
        const found = numbersIn(torn, t);
        t.same(
          found,
          Array.from({ length: found.length }, (_, i) => i + 1),
          'without a hole',
        );
        // A checkpoint has moved what was committed before it into the database.
        t.ok(found.length >= Math.max(0, whole), `cut at ${at}: ${found.length}, at least ${whole}`);
      }
      for (let n = 0; n < DAMAGES; n++) {
        const damaged = join(folder, `damaged-${commit}-${n}`);
        image(dataDir, damaged);
        const what = damageSomewhere(damaged, random);
        const { kept, told, stream } = use(damaged);
        const all = Array.from({ length: number }, (_, i) => i + 1);
        const missing = all.filter((seq) => !kept.has(seq) && !told.has(seq));
        if (stream !== store.stream || missing.length === 0) t.same(missing, [], `${what}: kept or told`);
        // The last transaction may end like this in a power cut, which is no damage.
        else if (missing.every((seq) => seq > before)) t.pass(`${what}: looks like a torn end`);
        else {
          using archive = Archive.open(damaged);
          t.not([...verify(archive, { quick: false })].length, 0, `${what}: SQLite takes it, buffer verify does not`);
        }
      }
    }
    store.close();
  },
);
