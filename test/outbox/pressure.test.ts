import { setImmediate as turn } from 'node:timers/promises';
import t from 'tap';
import { openForReading } from '../../src/outbox/database.ts';
import type { Outbox } from '../../src/outbox/outbox.ts';
import { batch, bulky, claimAll, open, valuesOf } from './support.ts';

const KIB = 1024;
/** The smallest budget that an empty outbox fits in, with room for little more. */
const TINY = { maxBytes: 100 * KIB, maxAge: 1e9 };

async function stored(outbox: Outbox): Promise<unknown[]> {
  return (await claimAll(outbox)).map((entry) => valuesOf(entry)[0]);
}

function durableCursor(dataDir: string, machine: string): unknown {
  const db = openForReading(dataDir);
  try {
    const row = db.prepare('SELECT cursor FROM cursors WHERE machine = ?').get(machine) as { cursor: string };
    return JSON.parse(row.cursor);
  } finally {
    db.close();
  }
}

t.test('is full when undelivered data uses up the budget, and has room once some is acknowledged', async (t) => {
  const { outbox, lines } = await open(t, t.testdir(), TINY);
  const { signal } = new AbortController();
  await outbox.room('pause', signal);
  while (!outbox.isFull('pause')) await outbox.append({ batches: [bulky(8 * KIB)] });
  const { bytes, backlog } = await outbox.stats();
  t.ok(bytes > TINY.maxBytes && bytes < TINY.maxBytes + 32 * KIB, 'full as soon as the budget is passed');
  let roomy = false;
  const room = outbox.room('pause', signal).then(() => {
    roomy = true;
  });
  await outbox.append({ batches: [] });
  t.equal(roomy, false, 'still full');
  await outbox.settle([1, 2, 3]);
  await room;
  t.equal(outbox.isFull('pause'), false);
  await outbox.append({ batches: [bulky(8 * KIB)] });
  t.ok((await outbox.stats()).bytes <= TINY.maxBytes, 'delivered batches made way');
  t.equal((await claimAll(outbox)).length, backlog.live.batches - 3 + 1, 'nothing else did');
  t.match(lines, [/^warn: the buffer is full/, /^info: the buffer has room/]);
});

t.test('waiting for room ends with the signal, and with the outbox', async (t) => {
  const { outbox } = await open(t, t.testdir(), { ...TINY, maxBytes: 0 });
  await outbox.append({ batches: [batch()] });
  const stop = new AbortController();
  const waits = outbox.room('pause', stop.signal);
  const other = outbox.room('pause', new AbortController().signal);
  stop.abort(new Error('stop'));
  await t.rejects(waits, { message: 'stop' });
  const ended = t.rejects(other, { message: 'the outbox is closed' });
  await outbox.close();
  await ended;
});

t.test('a larger budget makes room at once', async (t) => {
  const { outbox } = await open(t, t.testdir(), { ...TINY, maxBytes: 0 });
  await outbox.append({ batches: [batch()] });
  const room = outbox.room('pause', new AbortController().signal);
  outbox.setBudget({ maxBytes: 1e9, maxAge: 1e9 });
  await room;
  t.equal(outbox.isFull('pause'), false);
});

t.test('what the disk has no room for waits, is tried again and is stored whole and in order', async (t) => {
  const dataDir = t.testdir();
  const { outbox, lines, logged } = await open(t, dataDir, { maxBytes: 0, maxAge: 1e9 });
  // The file may pass its budget by 8 MiB; then SQLite answers SQLITE_FULL.
  const appends = Array.from({ length: 40 }, (_, i) => {
    const big = bulky(500 * KIB, { machine: 'big' });
    return outbox.append({ batches: [batch([i]), big], cursor: { machine: 'm1', cursor: { i } } });
  });
  await logged('SQLITE_FULL');
  // `outbox.cursor` already knows of the appends that wait: what is on the disk is asked of the file.
  const before = durableCursor(dataDir, 'm1') as { i: number };
  t.ok(before.i < 39, 'the cursor is not ahead of the batches');
  t.equal((await claimAll(outbox)).length, 2 * (before.i + 1), 'entries are stored whole or not at all');
  outbox.setBudget({ maxBytes: 1e9, maxAge: 1e9 });
  await Promise.all(appends);
  const small = (await claimAll(outbox)).filter(({ machine }) => machine === 'm1');
  t.same(
    small.map((entry) => valuesOf(entry)[0]),
    Array.from({ length: 40 }, (_, i) => i),
  );
  t.same(
    small.map(({ seq }) => seq),
    Array.from({ length: 40 }, (_, i) => i + 1),
  );
  const told = lines.filter((line) => /SQLITE_FULL|takes data again/.test(line));
  t.match(
    told,
    [/^error: .*Nothing is dropped/, /^info: the disk takes data again/],
    'told once, and once that it is over',
  );
});

t.test('an acknowledgement is durable also while appends still find no room', async (t) => {
  const { outbox, logged } = await open(t, t.testdir(), { maxBytes: 0, maxAge: 1e9 });
  const small = outbox.append({ batches: [batch()] });
  const appends = Array.from({ length: 40 }, () => outbox.append({ batches: [bulky(500 * KIB)] }));
  await small;
  await logged('SQLITE_FULL');
  await outbox.settle([1]);
  t.not((await claimAll(outbox))[0]?.seq, 1);
  const pending = Symbol();
  t.equal(await Promise.race([appends.at(-1), turn(pending)]), pending);
  outbox.setBudget({ maxBytes: 1e9, maxAge: 1e9 });
  await Promise.all(appends);
});

t.test('acknowledgements get through a full disk and make the room that appends wait for', async (t) => {
  const { outbox, logged } = await open(t, t.testdir(), { maxBytes: 0, maxAge: 1e9 });
  const appends = Array.from({ length: 24 }, () => outbox.append({ batches: [bulky(500 * KIB)] }));
  await logged('SQLITE_FULL');
  let done = false;
  const all = Promise.all(appends).then(() => {
    done = true;
  });
  const delivered: number[] = [];
  while (!done) {
    const claimed = await claimAll(outbox);
    await outbox.settle(claimed.map(({ id }) => id));
    delivered.push(...claimed.map(({ seq }) => seq));
  }
  await all;
  delivered.push(...(await claimAll(outbox)).map(({ seq }) => seq));
  t.same(
    delivered,
    Array.from({ length: 24 }, (_, i) => i + 1),
  );
});

t.test('an outbox that is closed while the disk refuses tells those who wait', async (t) => {
  const { outbox, logged } = await open(t, t.testdir(), { maxBytes: 0, maxAge: 1e9 });
  const appends = Promise.allSettled(Array.from({ length: 24 }, () => outbox.append({ batches: [bulky(500 * KIB)] })));
  await logged('SQLITE_FULL');
  await outbox.close();
  const rejected = (await appends).filter(({ status }) => status === 'rejected');
  t.ok(rejected.length > 0 && rejected.length < 24);
  t.match(rejected[0], { reason: { of: 'disk' } });
});

t.test('history older than maxAge is deleted, undelivered data never', async (t) => {
  const { outbox, clock } = await open(t, t.testdir(), { maxBytes: 1e9, maxAge: 1000 });
  await outbox.append({ batches: [batch(['a']), batch(['b']), batch(['c'])] });
  await outbox.settle([1]);
  clock.time += 500;
  await outbox.settle([2]);
  clock.time += 501;
  await outbox.append({ batches: [] });
  t.match(await outbox.stats(), { delivered: { batches: 1 }, backlog: { live: { batches: 1 } } });
  clock.time += 1e9;
  await outbox.append({ batches: [] });
  t.match(await outbox.stats(), { delivered: { batches: 0 }, backlog: { live: { batches: 1 } } });
  t.same(await stored(outbox), ['c']);
  await outbox.append({ batches: [batch(['d'])] });
  t.match(await claimAll(outbox), [{ seq: 3 }, { seq: 4 }], 'the numbering outlives what it numbered');
});
