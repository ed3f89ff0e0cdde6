import { statfsSync } from 'node:fs';
import t from 'tap';
import { Archive } from '../../src/outbox/archive.ts';
import { type Budget, LANES, type NewBatch, type Outbox, type WhenFull } from '../../src/outbox/outbox.ts';
import { Store } from '../../src/outbox/store.ts';
import { verify } from '../../src/outbox/verify.ts';
import { eventSchema } from '../../src/wire/contract.ts';
import { seededRandom } from '../support/random.ts';
import { batch, bulky, open, payloadOf } from './support.ts';

const MIB = 2 ** 20;
const NOW = 1_763_640_000_000;
/** Observations a batch: a second of a busy machine. */
const COUNT = 400;

const random = seededRandom(7);

/** A second of a machine whose signal takes no two equal values. */
function second(machine: string, at: number): NewBatch {
  const v = Array.from({ length: COUNT }, () => Math.round(random() * 1e9) / 1000);
  const t = Array.from({ length: COUNT }, (_, i) => (i * 1000) / COUNT);
  return batch(v, { machine, t0: at, body: JSON.stringify({ rpm: { t, v } }) });
}

interface Sent {
  readonly machine: string;
  readonly kind: string;
  readonly seq: number;
  readonly count: number;
  readonly payload: unknown;
}

/** Takes everything, as a forwarder does. */
async function drain(outbox: Outbox): Promise<Sent[]> {
  const sent: Sent[] = [];
  for (const lane of LANES) {
    for (;;) {
      const batches = await outbox.claim({ lane, after: 0, limit: 1000, maxBytes: 1e8 });
      if (batches.length === 0) break;
      for (const { machine, kind, seq, count, body } of batches) {
        sent.push({ machine, kind, seq, count, payload: payloadOf(body) });
      }
      await outbox.settle(batches.map(({ id }) => id));
    }
  }
  return sent;
}

/** What the consumer can add up: observations that came, in rollups, and that gaps say are lost. */
function sums(sent: readonly Sent[], machine: string) {
  const own = sent.filter((one) => one.machine === machine);
  const telemetry = own.filter(({ kind }) => kind === 'telemetry');
  const gaps = own
    .filter(({ kind }) => kind === 'event')
    .flatMap(
      ({ payload }) =>
        payload as { cause: string; count: number; batches: { kind: string; first: number; last: number } }[],
    );
  const rollups = own
    .filter(({ kind }) => kind === 'rollup')
    .flatMap(({ payload }) => Object.values(payload as Record<string, { n: number[] }>))
    .flatMap(({ n }) => n)
    .reduce((sum, n) => sum + n, 0);
  const seqs = new Set(telemetry.map(({ seq }) => seq));
  for (const { batches } of gaps)
    if (batches.kind === 'telemetry') for (let s = batches.first; s <= batches.last; s++) seqs.add(s);
  return {
    delivered: telemetry.reduce((sum, { count }) => sum + count, 0),
    rollups,
    lost: gaps.reduce((sum, { count }) => sum + count, 0),
    gaps,
    seqs: seqs.size,
  };
}

async function filled(
  t: Parameters<typeof open>[0] & { testdir(): string },
  budget: Partial<Budget>,
  machines: readonly string[],
  seconds: number,
) {
  const dataDir = t.testdir();
  const opened = await open(t, dataDir, { maxBytes: 4 * MIB, maxAge: 1e12, ...budget });
  for (let at = 0; at < seconds; at += 1) {
    opened.clock.time = NOW + at * 1000;
    await opened.outbox.append({ batches: machines.map((machine) => second(machine, NOW + at * 1000)) });
  }
  return { ...opened, dataDir };
}

t.test('thinned: the newest is there, the oldest as rollups, and every observation is accounted for', async (t) => {
  const SECONDS = 3000;
  const { outbox, lines, dataDir } = await filled(t, { whenFull: 'thin' }, ['m'], SECONDS);
  const { bytes, shed } = await outbox.stats();
  t.ok(bytes <= 4 * MIB, `${bytes} bytes`);
  const sent = await drain(outbox);
  const { delivered, rollups, lost, gaps, seqs } = sums(sent, 'm');
  t.comment({ delivered, rollups, lost, gaps: gaps.length });
  t.equal(delivered + lost, SECONDS * COUNT);
  t.equal(rollups, lost, 'what is lost is in rollups');
  t.equal(shed.thinned, lost);
  t.equal(shed.dropped, 0);
  t.equal(seqs, SECONDS, 'each seq came or is in a gap');
  for (const gap of gaps) t.ok(eventSchema.safeParse(gap).success, 'fits the contract');
  t.ok(lost > 0 && gaps.every(({ cause }) => cause === 'budget'));
  t.match(lines, [
    /^warn: the buffer is full .* \d+ observations were thinned to rollups of a minute, and recorded as gaps/,
  ]);
  t.equal(
    lines.filter((line) => line.includes('thinned')).length,
    Math.ceil(SECONDS / 600 / 2) + 1,
    'told now and then',
  );
  using archive = Archive.open(dataDir);
  t.same([...verify(archive, { quick: false })], []);
});

t.test('the gap of what is given up is of the wall clock, its batch of the steady one', async (t) => {
  const store = Store.open(t.testdir(), NOW);
  t.teardown(() => store.close());
  const terms = {
    now: NOW,
    wall: NOW + 5_000_000,
    budget: { maxBytes: 2 * MIB, maxAge: 1e12, whenFull: 'dropOldest' },
  } as const;
  for (let i = 0; i < 4; i++) {
    const batches = Array.from({ length: 40 }, () => bulky(20_000));
    store.commit({ appends: [{ batches }], settled: [], holds: [] }, terms);
  }
  const gap = store
    .claim({ lane: 'live', after: 0, limit: 1e6, maxBytes: 1e9 }, NOW)
    .find(({ kind }) => kind === 'event');
  t.match(gap, { t0: NOW + 5_000_000, storedAt: NOW });
});

t.test('dropped: each machine by its own policy', async (t) => {
  const machines = { drops: 'dropOldest', thins: 'thin' } as const;
  const { outbox } = await filled(t, { whenFull: 'pause', machines }, ['drops', 'thins', 'keeps'], 700);
  const sent = await drain(outbox);
  const [drops, thins, keeps] = ['drops', 'thins', 'keeps'].map((machine) => sums(sent, machine));
  t.match([drops?.rollups, keeps?.rollups, keeps?.lost], [0, 0, 0]);
  t.equal(keeps?.delivered, 700 * COUNT);
  t.ok((drops?.lost ?? 0) > 0 && (thins?.lost ?? 0) > 0);
  t.equal(thins?.rollups, thins?.lost);
  for (const machine of [drops, thins]) t.equal((machine?.delivered ?? 0) + (machine?.lost ?? 0), 700 * COUNT);
});

t.test('who may lose nothing waits before the others lose all', async (t) => {
  const { outbox } = await filled(t, { whenFull: 'thin' }, ['m'], 1200);
  t.equal(outbox.isFull('thin'), false);
  t.equal(outbox.isFull('pause'), true);
  const room = outbox.room('pause', AbortSignal.timeout(20_000));
  await drain(outbox);
  await room;
  t.equal(outbox.isFull('pause'), false);
});

t.test('what rollups would not make smaller is dropped', async (t) => {
  const { outbox, clock } = await open(t, t.testdir(), { maxBytes: MIB, maxAge: 1e12, whenFull: 'thin' });
  for (let at = 0; at < 200; at++) {
    clock.time = NOW + at * 60_000;
    const signals = Array.from({ length: 1000 }, (_, i) => [`s${i}`, { t: [0], v: [random()] }]);
    const body = JSON.stringify(Object.fromEntries(signals));
    await outbox.append({ batches: [batch([], { t0: clock.time, count: 1000, body })] });
  }
  const { shed } = await outbox.stats();
  t.ok(shed.dropped > 0, `${shed.dropped} dropped`);
  t.equal(shed.thinned, 0);
});

t.test('when all telemetry is thinned, rollups go, and what was lost is told to the end', async (t) => {
  const { outbox, clock, dataDir } = await filled(t, { whenFull: 'thin', maxBytes: MIB }, ['m'], 300);
  t.ok((await outbox.stats()).shed.thinned > 0);
  outbox.setBudget({ maxBytes: 0, maxAge: 1e12, whenFull: 'thin' });
  const left = async () => (await outbox.stats()).machines.find(({ kind }) => kind === 'rollup')?.backlog;
  while ((await left()) !== 0) {
    clock.time += 1000;
    await outbox.append({ batches: [second('m', clock.time)] });
  }
  const sent = await drain(outbox);
  t.ok(sent.filter(({ kind }) => kind === 'event').length > 5);
  t.ok(sent.filter(({ kind }) => kind === 'telemetry').length <= 1);
  const { delivered, lost } = sums(sent, 'm');
  t.equal((delivered + lost) % COUNT, 0);
  using archive = Archive.open(dataDir);
  t.same([...verify(archive, { quick: false })], []);
});

t.test('events are never given up: then everybody waits', async (t) => {
  const { outbox } = await open(t, t.testdir(), { maxBytes: 0, maxAge: 1e12, whenFull: 'dropOldest' });
  await outbox.append({ batches: [batch([], { kind: 'event', count: 0, body: '[]' })] });
  t.equal(outbox.isFull('dropOldest'), true);
});

t.test('a disk that others fill counts as a smaller budget', async (t) => {
  const dataDir = t.testdir();
  const { bavail, bsize } = statfsSync(dataDir);
  const policies: readonly WhenFull[] = ['thin', 'pause'];
  for (const whenFull of policies) {
    const { outbox } = await open(t, `${dataDir}/${whenFull}`, {
      maxBytes: 1e12,
      maxAge: 1e12,
      minFreeDisk: bavail * bsize * 2,
      whenFull,
    });
    for (let at = 0; at < 20; at++) await outbox.append({ batches: [second('m', NOW + at * 1000)] });
    const { shed } = await outbox.stats();
    t.equal(shed.thinned + shed.dropped > 0, whenFull === 'thin');
    t.equal(outbox.isFull('pause'), true);
  }
});

t.test(
  'signals that are to be kept go last: they come as they are while there is anything else to give up',
  async (t) => {
    const budget: Budget = { maxBytes: 2 * MIB, maxAge: 1e12, whenFull: 'thin', keep: ['state', 'alarm*'] };
    const { outbox } = await open(t, t.testdir(), budget);
    const seconds = 1500;
    const states: string[] = [];
    const pending: NewBatch[] = [];
    for (let i = 0; i < seconds; i++) {
      const { body, ...rest } = second('m1', NOW + i * 1000);
      const state = ['running', 'idle', 'stopped'][i % 3] as string;
      states.push(state);
      const signals = {
        ...JSON.parse(body),
        state: { t: [0.5], v: [state] },
        alarm1: { t: [1], v: [null], q: ['bad'] },
      };
      pending.push({ ...rest, count: rest.count + 2, body: JSON.stringify(signals) });
      if (pending.length === 25) await outbox.append({ batches: pending.splice(0) });
    }
    const sent = await drain(outbox);
    const telemetry = sent.filter(({ kind }) => kind === 'telemetry');
    const columns = telemetry.map(
      ({ payload }) => payload as Record<string, { t: number[]; v: unknown[]; q?: string[] }>,
    );
    t.equal(columns.flatMap(({ state }) => state?.v ?? []).length, seconds, 'every state is there');
    t.same(columns.flatMap(({ state }) => state?.v ?? []).toSorted(), states.toSorted());
    t.ok(columns.every(({ alarm1 }) => alarm1 === undefined || alarm1.q?.length === alarm1.v.length));
    const gaps = sent.filter(({ kind }) => kind === 'event').flatMap(({ payload }) => payload as { count: number }[]);
    const lost = gaps.reduce((sum, { count }) => sum + count, 0);
    const came = telemetry.reduce((sum, { count }) => sum + count, 0);
    t.ok(lost > 0);
    t.equal(came + lost, seconds * (COUNT + 2), 'every observation came or is in a gap');
  },
);

t.test('where only such signals are left, they are given up like all others', async (t) => {
  const budget: Budget = { maxBytes: MIB, maxAge: 1e12, whenFull: 'dropOldest', keep: ['rpm'] };
  const { outbox } = await open(t, t.testdir(), budget);
  for (let i = 0; i < 600; i += 25) {
    await outbox.append({ batches: Array.from({ length: 25 }, (_, j) => second('m1', NOW + (i + j) * 1000)) });
  }
  const { came, lost } = await drain(outbox).then((sent) => ({
    came: sent.filter(({ kind }) => kind === 'telemetry').reduce((sum, { count }) => sum + count, 0),
    lost: sent
      .filter(({ kind }) => kind === 'event')
      .flatMap(({ payload }) => payload as { count: number }[])
      .reduce((sum, { count }) => sum + count, 0),
  }));
  t.ok(lost > 0);
  t.equal(came + lost, 600 * COUNT);
});
