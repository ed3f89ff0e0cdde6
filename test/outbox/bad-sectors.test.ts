import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, existsSync, mkdirSync, openSync, readSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { isUnreadable } from '../../src/outbox/disk-faults.ts';
import { readAround } from '../../src/outbox/disk-read.ts';
import { openOrSalvage } from '../../src/outbox/recovery.ts';
import { Store } from '../../src/outbox/store.ts';
import { badDisk } from '../support/bad-disk.ts';
import { seededRandom } from '../support/random.ts';
import { noCompiler } from '../support/slow-disk.ts';
import { bulky, moment, payloadOf } from './support.ts';

const SOAK = process.env['SOAK'] === '1';
const NOW = 1_763_640_000_000;
const TERMS = { now: NOW, budget: { maxBytes: 1e9, maxAge: 1e12 } };
const BATCHES = 600;
const PAGE = 4096;
const OPEN = fileURLToPath(new URL('./fixtures/open-or-salvage.ts', import.meta.url));
const seed = Number(process.env['SEED'] ?? Date.now() % 1e6);

/** An outbox with undelivered batches, closed in order or as a kill leaves it; gives its stream. */
function filled(dataDir: string, isClosed: boolean, make = moment): string {
  const store = Store.open(`${dataDir}-open`, NOW);
  for (let done = 0; done < BATCHES; done += 20) {
    const cursor = { machine: 'm1', cursor: { next: done + 20 } };
    store.commit(
      { appends: [{ batches: Array.from({ length: 20 }, (_, i) => make(done + i)), cursor }], settled: [], holds: [] },
      TERMS,
    );
  }
  mkdirSync(dataDir);
  if (isClosed) store.close();
  for (const name of ['outbox.db', 'outbox.db-wal', 'lock.db']) {
    const from = join(`${dataDir}-open`, name);
    if (existsSync(from)) copyFileSync(from, join(dataDir, name));
  }
  if (!isClosed) store.close();
  return store.stream;
}

/** Runs a recovery on a disk with bad sectors; gives its exit code. */
async function recover(dataDir: string, env: Record<string, string>): Promise<number> {
  const child = spawn(process.execPath, [OPEN, dataDir], { stdio: ['ignore', 'ignore', 'inherit'], env });
  const [code] = await once(child, 'exit');
  return code;
}

/** Seqs of the old stream that are there, and those that gaps name. */
function found(dataDir: string, stream: string) {
  const { store } = openOrSalvage(dataDir, NOW);
  const all = store.claim({ lane: 'live', after: 0, limit: 1e6, maxBytes: 1e9 }, NOW);
  const isNew = store.stream !== stream;
  store.close();
  const kept = all.filter((one) => one.stream === stream && one.kind === 'telemetry').map(({ seq }) => seq);
  const gaps = all.filter(({ kind }) => kind === 'event').flatMap(({ body }) => payloadOf(body));
  const told = gaps.flatMap(({ batches }) =>
    batches === undefined ? [] : Array.from({ length: batches.last - batches.first + 1 }, (_, i) => batches.first + i),
  );
  // A gap of unknown extent, from the newest batch on.
  const open = gaps.some(({ type, batches }) => type === 'gap' && batches === undefined);
  const end = open ? Math.max(...kept, ...told) : BATCHES;
  const known = new Set([...kept, ...told]);
  const missing = Array.from({ length: BATCHES }, (_, i) => i + 1).filter((seq) => seq <= end && !known.has(seq));
  return { kept, told, missing, isNew };
}

t.test('a page that stays unreadable costs what is on it, and that is told', { skip: noCompiler }, async (t) => {
  t.comment(`SEED=${seed}`);
  const random = seededRandom(seed);
  const folder = t.testdir();
  for (let round = 0; round < (SOAK ? 30 : 4); round++) {
    const dataDir = join(folder, `round-${round}`);
    const isClosed = round % 4 < 2;
    const stream = filled(dataDir, isClosed, round % 2 === 0 ? undefined : () => bulky(3000));
    const file = join(dataDir, isClosed ? 'outbox.db' : 'outbox.db-wal');
    // Bodies are not looked at by opening: a running gateway has met it.
    if (round % 4 === 1) writeFileSync(join(dataDir, 'outbox.damaged'), 'for a test\n');
    // The first block is the header, and the worst.
    const block = round < 4 ? Math.floor(round / 4) : Math.floor((random() * statSync(file).size) / PAGE);
    const what = `round ${round}, block ${block} of ${isClosed ? 'the database' : 'the WAL'}`;
    t.equal(await recover(dataDir, badDisk(folder, file, block)), 0, `${what}: it starts`);
    const { kept, told, missing, isNew } = found(dataDir, stream);
    t.same(missing, [], `${what}: ${kept.length} kept, ${told.length} told`);
    t.equal(existsSync(join(dataDir, 'quarantine')), isNew);
    if (block === 0) t.ok(isNew, 'it was set aside');
    if (isNew) t.ok(kept.length > BATCHES / 2);
  }
});

t.test('memory that lacks counts as a page that cannot be read: a damaged length may ask for any', async (t) => {
  t.ok(isUnreadable(Object.assign(new Error('out of memory'), { code: 'SQLITE_NOMEM' })));
  t.notOk(isUnreadable(Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' })));
});

t.test('reads go on behind what the disk does not give, and what is behind the end is zeros', async (t) => {
  // The kernel gives the memory of a process as a file, and EIO where it has none.
  const bytes = Buffer.alloc(3 * PAGE, 7);
  const handle = openSync('/proc/self/mem', 'r');
  t.throws(() => readSync(handle, bytes, 0, PAGE, 0), { code: 'EIO' });
  t.same(readAround(handle, bytes, 0), { length: bytes.length, isWhole: false });
  t.ok(bytes.equals(Buffer.alloc(bytes.length)));
  const [file] = [join(t.testdir({ file: 'ten bytes.' }), 'file')];
  const ten = Buffer.alloc(16, 7);
  t.same(readAround(openSync(file, 'r'), ten, 4), { length: 6, isWhole: true });
  t.equal(ten.toString(), `bytes.${'\0'.repeat(10)}`);
});
