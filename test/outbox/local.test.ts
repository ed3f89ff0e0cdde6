import t from 'tap';
import { Archive } from '../../src/outbox/archive.ts';
import { openOutbox } from '../../src/outbox/client.ts';
import type { LocalOutbox } from '../../src/outbox/local.ts';
import { verify } from '../../src/outbox/verify.ts';
import { batch, claimAll, ROOMY, recordingLog, valuesOf } from './support.ts';

const clock = { time: 1_763_640_000_000, now: () => clock.time };
const LIMITS = [1000, 1e9] as const;

function open(dataDir: string): Promise<LocalOutbox> {
  return openOutbox({ dataDir, budget: ROOMY, log: recordingLog().log, clock });
}

t.test('what engines know becomes durable with the batches that it follows from', async (t) => {
  const dataDir = t.testdir();
  let outbox = await open(dataDir);
  await outbox.append({ batches: [batch([1]), batch([2])], state: { machine: 'm1', state: { sum: 3 } } });
  await outbox.append({ batches: [batch([3])] });
  t.same(await outbox.state('m2'), undefined);
  await outbox.close();
  outbox = await open(dataDir);
  const known = await outbox.state('m1');
  t.same(known, { state: { sum: 3 }, after: 2, savedAt: clock.time });
  const rest = await outbox.telemetry({ machine: 'm1', after: known?.after ?? 0 }, ...LIMITS);
  t.same(rest.map(valuesOf), [[3]]);
  await outbox.append({ batches: [], state: { machine: 'm1', state: { sum: 6 } } });
  t.match(await outbox.state('m1'), { state: { sum: 6 }, after: 3 });
  await outbox.close();
});

t.test('what is local is history at once, is never sent or replayed, and takes no seq', async (t) => {
  const dataDir = t.testdir();
  const outbox = await open(dataDir);
  await outbox.append({ batches: [batch([1]), batch([2], { local: true }), batch([3])] });
  t.match(await claimAll(outbox), [{ seq: 1 }, { seq: 2 }]);
  t.same((await claimAll(outbox)).map(valuesOf), [[1], [3]]);
  await outbox.settle((await claimAll(outbox)).map(({ id }) => id));
  t.same((await outbox.recall({ from: 0, to: 1e15 }, 0, ...LIMITS)).map(valuesOf), [[1], [3]]);
  t.same((await outbox.telemetry({ after: 0 }, ...LIMITS)).map(valuesOf), [[1], [2], [3]]);
  t.same((await outbox.telemetry({ after: 1, upTo: 2 }, ...LIMITS)).map(valuesOf), [[2]]);
  const { delivered, backlog } = await outbox.stats();
  t.match({ delivered, backlog }, { delivered: { batches: 3 }, backlog: { live: { batches: 0 } } });
  await outbox.close();
  using archive = Archive.open(dataDir);
  t.same([...verify(archive, { quick: false })], []);
});

t.test('the history of the last minutes is found by when it was stored', async (t) => {
  const outbox = await open(t.testdir());
  for (const value of [1, 2, 3]) {
    await outbox.append({ batches: [batch([value])] });
    clock.time += 60_000;
  }
  t.equal(await outbox.idBefore(clock.time - 90_000), 2);
  t.equal(await outbox.idBefore(0), 0);
  await outbox.close();
});

t.test('a notice waits until it is told, also over a restart, each channel by itself', async (t) => {
  const dataDir = t.testdir();
  let outbox = await open(dataDir);
  const notices = ['a', 'b'].map((body) => ({ channel: 'slack', body }));
  await outbox.append({ batches: [batch()], notices: [...notices, { channel: 'mail', body: 'c' }] });
  t.same((await outbox.noticeChannels()).sort(), ['mail', 'slack']);
  const [first, second] = await outbox.notices('slack', 10);
  t.match([first, second], [{ body: 'a', tries: 0 }, { body: 'b' }]);
  await outbox.delayNotice(first?.id ?? 0, clock.time + 5000);
  t.match(await outbox.notices('slack', 1), [{ body: 'b' }], 'one that is put off is overtaken');
  await outbox.endNotice(second?.id ?? 0);
  await outbox.close();
  outbox = await open(dataDir);
  t.match(await outbox.notices('slack', 10), [{ body: 'a', tries: 1, dueAt: clock.time + 5000 }]);
  t.match(await outbox.notices('mail', 10), [{ body: 'c', tries: 0 }]);
  await outbox.close();
});

t.test('a channel that is never reached keeps its newest thousand', async (t) => {
  const outbox = await open(t.testdir());
  const notices = Array.from({ length: 1003 }, (_, i) => ({ channel: 'slack', body: `${i}` }));
  await outbox.append({ batches: [batch()], notices });
  const waiting = await outbox.notices('slack', 5000);
  t.equal(waiting.length, 1000);
  t.equal(waiting[0]?.body, '3');
  await outbox.close();
});
