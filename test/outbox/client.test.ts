import { Worker } from 'node:worker_threads';
import t from 'tap';
import { sizeOf } from '../../src/outbox/outbox.ts';
import { WorkerLink } from '../../src/outbox/worker-link.ts';
import { until } from '../support/plant.ts';
import { batch, claimAll, open, valuesOf } from './support.ts';

t.test('what was appended can be claimed, byte for byte, in commit order over machines and kinds', async (t) => {
  const { outbox, clock } = await open(t, t.testdir());
  const event = batch([7], { kind: 'event', body: '[{"type":"notice"}]', clock: 'unsynced' });
  await outbox.append({ batches: [batch([1, 'ä', null]), event, batch([2], { machine: 'm2' })] });
  await outbox.append({ batches: [batch([3])] });
  const claimed = await claimAll(outbox);
  t.match(claimed, [
    { id: 1, machine: 'm1', kind: 'telemetry', seq: 1, t0: 1000, count: 3, clock: 'synced', refusals: 0 },
    { id: 2, machine: 'm1', kind: 'event', seq: 1, clock: 'unsynced', storedAt: clock.time },
    { id: 3, machine: 'm2', kind: 'telemetry', seq: 1 },
    { id: 4, machine: 'm1', kind: 'telemetry', seq: 2 },
  ]);
  t.same(valuesOf(claimed[0] as never), [1, 'ä', null]);
  t.same(await claimAll(outbox, 'alert'), [], 'lanes are apart');
});

t.test('appends made at once become durable in the order in which they were made', async (t) => {
  const { outbox } = await open(t, t.testdir());
  await Promise.all(Array.from({ length: 200 }, (_, i) => outbox.append({ batches: [batch([i])] })));
  const claimed = await claimAll(outbox);
  t.same(
    claimed.map(({ seq, ...rest }) => [seq, valuesOf(rest)[0]]),
    Array.from({ length: 200 }, (_, i) => [i + 1, i]),
  );
});

t.test('a claim is bounded by bytes and by number, holds at least one, and goes on after a position', async (t) => {
  const { outbox } = await open(t, t.testdir());
  await outbox.append({ batches: [1, 2, 3, 4].map((i) => batch([i])) });
  const [first] = await claimAll(outbox);
  const size = first === undefined ? 0 : sizeOf(first);
  const ids = async (after: number, limit: number, bytes: number) =>
    (await outbox.claim({ lane: 'live', after, limit, maxBytes: bytes })).map(({ id }) => id);
  t.same(await ids(0, 10, 2 * size), [1, 2]);
  t.same(await ids(0, 10, 1), [1]);
  t.same(await ids(2, 1, 1e6), [3]);
  t.same(await ids(4, 10, 1e6), []);
});

t.test('settled batches are not claimed again, settling is idempotent, and stats keep the books', async (t) => {
  const { outbox } = await open(t, t.testdir());
  await outbox.append({ batches: [batch([1, 2]), batch([3]), batch([4], { lane: 'alert' })] });
  await outbox.settle([1]);
  await outbox.settle([1, 99]);
  t.same(
    (await claimAll(outbox)).map(({ id }) => id),
    [2],
  );
  t.match(await outbox.stats(), {
    stream: outbox.stream,
    backlog: { live: { batches: 1, observations: 1 }, alert: { batches: 1, observations: 1 } },
    delivered: { batches: 1, observations: 2 },
    held: 0,
    maxBytes: 1e9,
    machines: [{ machine: 'm1', kind: 'telemetry', lastSeq: 3, backlog: 2 }],
  });
});

t.test('marks wait for a commit that they can share, for as long as they may', async (t) => {
  const { outbox } = await open(t, t.testdir());
  const commits = async () => (await outbox.stats()).commits;
  await outbox.append({ batches: [batch([1]), batch([2]), batch([3]), batch([4])] });
  const before = await commits();
  let isMarked = false;
  const marked = outbox.settle([1], 3_600_000).then(() => {
    isMarked = true;
  });
  t.equal((await claimAll(outbox)).length, 4);
  t.notOk(isMarked);
  await outbox.append({ batches: [batch([5])] });
  await marked;
  t.equal(await commits(), before + 1, 'with the next append');
  await outbox.settle([2], 20);
  t.equal(await commits(), before + 2, 'alone, after a while');
  const late = outbox.settle([3], 3_600_000);
  await outbox.settle([]);
  await late;
  t.equal(await commits(), before + 3, 'with what does not wait');
  const last = outbox.settle([4], 3_600_000);
  await outbox.close();
  await last;
});

t.test('a held batch is left out until its time and counts its refusals; the lane goes on', async (t) => {
  const { outbox, clock } = await open(t, t.testdir());
  await outbox.append({ batches: [batch([1]), batch([2])] });
  await outbox.hold(1, clock.time + 1000, 'not authorised');
  t.same(
    (await claimAll(outbox)).map(({ id }) => id),
    [2],
  );
  t.equal((await outbox.stats()).held, 1);
  clock.time += 1000;
  t.match(await claimAll(outbox), [
    { id: 1, refusals: 1 },
    { id: 2, refusals: 0 },
  ]);
  t.equal((await outbox.stats()).held, 0);
  await outbox.hold(1, clock.time + 1000, 'again');
  await outbox.settle([1]);
  t.match(await outbox.stats(), { held: 0, delivered: { batches: 1 } }, 'a delivered batch is held no more');
});

t.test('the cursor is that of the newest append, also of one that still waits for its commit', async (t) => {
  const { outbox } = await open(t, t.testdir());
  await outbox.append({ batches: [batch()], cursor: { machine: 'm1', cursor: { next: 1 } } });
  const append = outbox.append({ batches: [batch()], cursor: { machine: 'm1', cursor: { next: 2 } } });
  t.same(await outbox.cursor('m1'), { next: 2 });
  await append;
});

t.test('stream, seq, marks and cursors go on where they were after a reopen', async (t) => {
  const dataDir = t.testdir();
  const first = await open(t, dataDir);
  await first.outbox.append({ batches: [batch([1]), batch([2])], cursor: { machine: 'm1', cursor: { next: 3 } } });
  await first.outbox.append({ batches: [], cursor: { machine: 'm1', cursor: { next: 4 } } });
  await first.outbox.settle([1]);
  const { stream } = first.outbox;
  await first.outbox.close();

  const { outbox } = await open(t, dataDir);
  t.equal(outbox.stream, stream);
  t.match(stream, /^[a-z2-7]{16}$/);
  t.same(await outbox.cursor('m1'), { next: 4 });
  t.equal(await outbox.cursor('m2'), undefined);
  await outbox.append({ batches: [batch([3])] });
  t.match(await claimAll(outbox), [
    { id: 2, seq: 2 },
    { id: 3, seq: 3 },
  ]);
});

t.test('tells which lanes have received batches, until the listener leaves', async (t) => {
  const { outbox } = await open(t, t.testdir());
  const heard: string[][] = [];
  const leave = outbox.onStored((lanes) => heard.push([...lanes]));
  await outbox.append({ batches: [batch([1], { lane: 'alert' })] });
  await outbox.append({ batches: [], cursor: { machine: 'm1', cursor: {} } });
  await outbox.settle([1]);
  leave();
  await outbox.append({ batches: [batch([2])] });
  t.same(heard, [['alert']]);
});

t.test('a batch that no table can hold is refused alone', async (t) => {
  const { outbox } = await open(t, t.testdir());
  const [bad, good] = await Promise.allSettled([
    outbox.append({ batches: [batch([1], { t0: 1.5 })] }),
    outbox.append({ batches: [batch([2])] }),
  ]);
  t.match(bad, { status: 'rejected', reason: { of: 'us' } });
  t.equal(good.status, 'fulfilled');
});

t.test('close commits what is under way; later calls reject', async (t) => {
  const dataDir = t.testdir();
  const { outbox } = await open(t, dataDir);
  const appends = Array.from({ length: 50 }, (_, i) => outbox.append({ batches: [batch([i])] }));
  const closed = outbox.close();
  await Promise.all(appends);
  await closed;
  await t.rejects(outbox.append({ batches: [batch()] }), { of: 'us', message: 'the outbox is closed' });
  await t.rejects(outbox.stats(), { message: 'the outbox is closed' });
  await t.rejects(outbox.room('pause', new AbortController().signal), { message: 'the outbox is closed' });
  t.equal((await claimAll((await open(t, dataDir)).outbox)).length, 50);
});

t.test(
  'a second gateway on the same folder is refused in one sentence, and may start when the first has ended',
  async (t) => {
    const dataDir = t.testdir();
    const { outbox } = await open(t, dataDir);
    await t.rejects(open(t, dataDir), { of: 'config', message: `another gateway is running on ${dataDir}` });
    await outbox.append({ batches: [batch()] });
    await outbox.close();
    t.equal((await claimAll((await open(t, dataDir)).outbox)).length, 1);
  },
);

t.test('a thread that dies rejects what waits, what comes later, and `failed`', async (t) => {
  const link = new WorkerLink(
    new Worker(`require('node:worker_threads').parentPort.on('message', () => { throw new Error('boom'); })`, {
      eval: true,
    }),
  );
  const fault = { of: 'us', message: 'the outbox thread died: boom' };
  await t.rejects(link.call({ type: 'cursor', machine: 'm1' }), fault);
  await t.rejects(link.failed, fault);
  await t.rejects(link.call({ type: 'cursor', machine: 'm1' }), fault);
});

t.test('a thread that answers one after the other is busy, one that answers nothing is silent', async (t) => {
  const busy = `const { parentPort } = require('node:worker_threads');
    parentPort.on('message', ({ id, request }) => {
      if (request.machine === 'silent') return;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
      parentPort.postMessage({ id, value: undefined });
    });`;
  const link = new WorkerLink(new Worker(busy, { eval: true }));
  t.teardown(() => link.stop());
  await link.call({ type: 'cursor', machine: 'm1' });
  const silences: number[] = [];
  const ask = async () => {
    await link.call({ type: 'cursor', machine: 'm1' });
    silences.push(link.unanswered ?? 0);
  };
  await Promise.all(Array.from({ length: 10 }, ask));
  t.ok(Math.max(...silences) < 500, `${Math.max(...silences)} ms`);
  t.equal(link.unanswered, null);
  void link.call({ type: 'cursor', machine: 'silent' }).catch(() => undefined);
  await until('it is silent', () => (link.unanswered ?? 0) > 200);
});
