import t from 'tap';
import type { Observation, Reading } from '../../src/observation.ts';
import type { Append, Outbox } from '../../src/outbox/outbox.ts';
import { MAX_OBSERVATIONS } from '../../src/pipeline/batcher.ts';
import { Engines } from '../../src/pipeline/engines.ts';
import { MachinePipeline } from '../../src/pipeline/machine-pipeline.ts';
import { Uncommitted } from '../../src/pipeline/uncommitted.ts';
import { recordingLog } from '../outbox/support.ts';

/** The part of an outbox that a pipeline sees, with commits that the test lets through. */
function manualOutbox() {
  const appends: { entry: Append; commit: () => void }[] = [];
  const outbox = {
    isFull: () => false,
    append(entry: Append) {
      const { promise, resolve } = Promise.withResolvers<void>();
      appends.push({ entry, commit: resolve });
      return promise;
    },
    room: () => Promise.resolve(),
  };
  return { appends, outbox: outbox as unknown as Outbox };
}

/** What it needs where nothing is computed. */
const PARTS = {
  engines: new Engines({ machine: 'vmc-3', labels: {}, rules: [] }),
  channelsOf: () => [],
  source: { tenant: 'acme', gateway: 'gw-1', labels: {} },
  observed: () => undefined,
  log: recordingLog().log,
};

function pipelineOn(outbox: Outbox, now = () => 60_000, more: { uncommitted?: Uncommitted } = {}) {
  return new MachinePipeline({
    machine: 'vmc-3',
    labels: { cell: '7' },
    outbox,
    clock: { now, origin: () => 0 },
    steady: { now },
    whenFull: () => 'pause',
    clockQuality: () => 'synced',
    ...PARTS,
    ...more,
  });
}

const observe = (t: number): Observation => ({ signal: 'rpm', t, ns: 0, v: t, q: 'good' });
/** One that makes an append of a MiB. */
const LARGE: Reading = { observations: [{ ...observe(1), v: 'x'.repeat(1024 * 1024) }] };
const signal = new AbortController().signal;

t.test('commits observations, events and the cursor that follows them as one entry', async (t) => {
  const { appends, outbox } = manualOutbox();
  const pipeline = pipelineOn(outbox);
  await pipeline.accept(
    {
      observations: [observe(1), observe(2)],
      events: [
        { type: 'machine', t: 1000, model: {}, signals: { rpm: { unit: 'rev/min' } } },
        { type: 'notice', t: 1005, code: 'x', message: 'y' },
      ],
      cursor: { next: 3 },
    },
    signal,
  );
  t.equal(appends.length, 0, 'nothing before the flush');
  pipeline.flush();
  t.equal(appends.length, 1);
  const entry = appends[0]?.entry;
  t.same(entry?.cursor, { machine: 'vmc-3', cursor: { next: 3 } });
  t.match(entry?.batches, [
    { machine: 'vmc-3', kind: 'event', lane: 'live', t0: 1000, count: 2 },
    { machine: 'vmc-3', kind: 'telemetry', lane: 'live', t0: 1, count: 2, clock: 'synced' },
  ]);
  t.same(JSON.parse(entry?.batches[1]?.body ?? ''), { rpm: { unit: 'rev/min', t: [0, 1], v: [1, 2] } });
  const events = JSON.parse(entry?.batches[0]?.body ?? '');
  t.same(events[0].labels, { cell: '7' }, 'with the labels of the config');
  t.equal(events[1].t, 5, 'times of events are relative too');
});

t.test('splits a huge reading into batches but never its cursor from the last of them', async (t) => {
  const { appends, outbox } = manualOutbox();
  const pipeline = pipelineOn(outbox);
  const observations = Array.from({ length: 2 * MAX_OBSERVATIONS + 5 }, (_, i) => observe(i));
  await pipeline.accept({ observations, cursor: { next: 9 } }, signal);
  t.equal(appends.length, 1);
  t.same(
    appends[0]?.entry.batches.map(({ count }) => count),
    [MAX_OBSERVATIONS, MAX_OBSERVATIONS, 5],
  );
  t.same(appends[0]?.entry.cursor?.cursor, { next: 9 });
});

t.test('stops the driver from being pulled while the disk does not commit', async (t) => {
  const { appends, outbox } = manualOutbox();
  const pipeline = pipelineOn(outbox);
  let accepted = 0;
  const pulling = (async () => {
    for (; accepted < 12; accepted += 1) await pipeline.accept(LARGE, signal);
  })();
  await new Promise(setImmediate);
  t.equal(appends.length, 8, '8 MiB wait');
  t.equal(accepted, 7, 'the eighth reading is taken, the ninth not asked for');
  appends[0]?.commit();
  await new Promise(setImmediate);
  t.equal(accepted, 8, 'one comes for each that is committed');
  for (const { commit } of appends) commit();
  await new Promise(setImmediate);
  t.equal(accepted, 12);
  for (const { commit } of appends) commit();
  await pulling;
});

t.test('a machine that fills what all have together does not keep another waiting', async (t) => {
  const { appends, outbox } = manualOutbox();
  const uncommitted = new Uncommitted();
  const stop = new AbortController();
  const greedy = pipelineOn(outbox, undefined, { uncommitted });
  const filling = (async () => {
    for (;;) await greedy.accept(LARGE, stop.signal);
  })();
  await new Promise(setImmediate);
  const before = appends.length;
  const modest = pipelineOn(outbox, undefined, { uncommitted });
  await modest.accept({ observations: Array.from({ length: MAX_OBSERVATIONS }, (_, i) => observe(i)) }, signal);
  t.equal(appends.length, before + 1, 'a full batch of it is on its way');
  stop.abort(new Error('stopped'));
  await t.rejects(filling, { message: 'stopped' });
  for (const { commit } of appends) commit();
  await new Promise(setImmediate);
  t.equal(uncommitted.isFull(Number.POSITIVE_INFINITY), false, 'what was committed is given back');
});

t.test('an abort releases a pull that waits for the disk', async (t) => {
  const { outbox } = manualOutbox();
  const pipeline = pipelineOn(outbox);
  const stop = new AbortController();
  const pulling = (async () => {
    for (;;) await pipeline.accept(LARGE, stop.signal);
  })();
  stop.abort(new Error('stopped'));
  await t.rejects(pulling, { message: 'stopped' });
});

t.test('writes the cursor of an idle machine every ten seconds only, and at the end', async (t) => {
  const { appends, outbox } = manualOutbox();
  let now = 60_000;
  const pipeline = pipelineOn(outbox, () => now);
  const heartbeat = async (next: number) => {
    await pipeline.accept({ observations: [], cursor: { next } }, signal);
    pipeline.flush();
  };
  await heartbeat(1);
  now += 9_999;
  await heartbeat(2);
  t.equal(appends.length, 1);
  now += 1;
  await heartbeat(3);
  t.equal(appends.length, 2);
  await heartbeat(4);
  for (const { commit } of appends) commit();
  const drained = pipeline.drain();
  t.equal(appends.length, 3, 'the drain writes what is left');
  t.same(appends[2]?.entry, { batches: [], cursor: { machine: 'vmc-3', cursor: { next: 4 } } });
  appends[2]?.commit();
  await drained;
});

t.test(
  'what different settings of the clock have stamped makes different batches, repairable where they may be wrong',
  async (t) => {
    const { appends, outbox } = manualOutbox();
    let origin = 100;
    let quality: 'synced' | 'unsynced' = 'unsynced';
    const pipeline = new MachinePipeline({
      machine: 'plc-1',
      labels: {},
      outbox,
      clock: { now: () => 0, origin: () => origin },
      steady: { now: () => 0 },
      whenFull: () => 'pause',
      clockQuality: () => quality,
      ...PARTS,
    });
    await pipeline.accept({ observations: [observe(1)], origin }, signal);
    await pipeline.accept({ observations: [observe(2)] }, signal);
    origin = 7_200_100;
    quality = 'synced';
    await pipeline.accept({ observations: [observe(3)], origin: 100 }, signal);
    await pipeline.accept({ observations: [observe(4)], origin }, signal);
    pipeline.tell({ type: 'clock', t: 5, offset: 7_200_000 });
    pipeline.flush();
    t.match(
      appends.flatMap(({ entry }) => entry.batches),
      [
        { t0: 1, clock: 'unsynced', origin: 100 },
        { t0: 2, clock: 'unsynced', origin: undefined },
        { t0: 3, clock: 'unsynced', origin: 100 },
        { t0: 4, clock: 'synced', origin: undefined },
        { kind: 'event', t0: 5, clock: 'synced', origin: undefined },
      ],
    );
  },
);
