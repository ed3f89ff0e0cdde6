import t, { type Test } from 'tap';
import { Archive } from '../../src/outbox/archive.ts';
import type { NewBatch, StoredBatch } from '../../src/outbox/outbox.ts';
import { Store } from '../../src/outbox/store.ts';
import { verify } from '../../src/outbox/verify.ts';
import { batch, payloadOf, ROOMY } from './support.ts';

const NOW = 1_763_640_000_000;
const TERMS = { now: NOW, budget: ROOMY };
/** How the clock was set when the batches were stamped, and how it is right. */
const WRONG = 1_000_000;
const RIGHT = 8_200_000;
const OFFSET = RIGHT - WRONG;
const ALL = { lane: 'live', after: 0, limit: 10_000, maxBytes: 1e9 } as const;

function stamped(more: Partial<NewBatch> = {}): NewBatch {
  return batch([1], { clock: 'unsynced', origin: WRONG, ...more });
}

function append(store: Store, ...batches: NewBatch[]): void {
  store.commit({ appends: [{ batches }], settled: [], holds: [] }, TERMS);
}

function repair(store: Store) {
  const sum = { moved: 0, told: 0 };
  for (;;) {
    const { moved, told, more } = store.repairClock(RIGHT, { ...TERMS, wall: NOW + 5 });
    sum.moved += moved;
    sum.told += told;
    if (!more) return sum;
  }
}

function open(t: Test, dataDir = t.testdir(), boot = 'boot-1'): Store {
  const store = Store.open(dataDir, NOW);
  store.startBoot(boot);
  return store;
}

const events = (batches: readonly StoredBatch[]) =>
  batches.filter(({ kind }) => kind === 'event').flatMap(({ body }) => payloadOf(body));

t.test('times of batches that nobody has are moved, and the originals follow from an event', (t) => {
  const store = open(t);
  append(
    store,
    stamped({ t0: 1000 }),
    stamped({ t0: 2000 }),
    stamped({ machine: 'm2', t0: 3000 }),
    batch([2], { t0: 4000 }),
  );
  t.same(repair(store), { moved: 3, told: 0 });
  const batches = store.claim(ALL, NOW);
  t.match(batches, [
    { machine: 'm1', seq: 1, t0: 1000 + OFFSET, clock: 'synced' },
    { machine: 'm1', seq: 2, t0: 2000 + OFFSET, clock: 'synced' },
    { machine: 'm2', seq: 1, t0: 3000 + OFFSET, clock: 'synced' },
    { machine: 'm1', seq: 3, t0: 4000, clock: 'synced' },
    { machine: 'm1', kind: 'event', t0: NOW + 5 },
    { machine: 'm2', kind: 'event', t0: NOW + 5 },
  ]);
  const run = { kind: 'telemetry', stream: store.stream };
  t.same(events(batches), [
    { type: 'clock', t: 0, offset: OFFSET, repaired: true, batches: { ...run, first: 1, last: 2 } },
    { type: 'clock', t: 0, offset: OFFSET, repaired: true, batches: { ...run, first: 1, last: 1 } },
  ]);
  t.same(repair(store), { moved: 0, told: 0 }, 'once');
  store.close();
  t.end();
});

t.test('what may be out already keeps its content: an event tells by how much it is off', (t) => {
  const dataDir = t.testdir();
  let store = open(t, dataDir);
  append(store, stamped({ t0: 1000 }), stamped({ t0: 2000 }));
  store.close();
  // Another process of the same boot: what the first has stored it may have sent.
  store = open(t, dataDir);
  append(store, stamped({ t0: 3000 }), stamped({ t0: 4000 }));
  const [, , third] = store.claim({ ...ALL, limit: 3 }, NOW);
  store.commit({ appends: [], settled: [third?.id ?? 0], holds: [] }, TERMS);
  append(store, stamped({ t0: 5000 }));
  t.same(repair(store), { moved: 2, told: 3 });
  const waiting = store.claim(ALL, NOW);
  t.match(waiting, [
    { seq: 1, t0: 1000, clock: 'unsynced' },
    { seq: 2, t0: 2000, clock: 'unsynced' },
    { seq: 4, t0: 4000 + OFFSET, clock: 'synced' },
    { seq: 5, t0: 5000 + OFFSET, clock: 'synced' },
    { kind: 'event' },
  ]);
  t.match(store.recall({ from: 0, to: NOW }, 0, 10, 1e9), [{ seq: 3, t0: 3000, clock: 'unsynced' }], 'as it was sent');
  t.match(events(waiting), [
    { repaired: false, offset: OFFSET, batches: { first: 1, last: 3 } },
    { repaired: true, offset: OFFSET, batches: { first: 4, last: 5 } },
  ]);
  store.close();
  t.end();
});

t.test('what an earlier boot has stamped stays as it is', (t) => {
  const dataDir = t.testdir();
  let store = open(t, dataDir, 'boot-1');
  append(store, stamped());
  store.close();
  store = open(t, dataDir, 'boot-2');
  t.same(repair(store), { moved: 0, told: 0 });
  t.match(store.claim(ALL, NOW), [{ t0: 1000, clock: 'unsynced' }]);
  store.close();
  t.end();
});

t.test('a gap of the gateway’s own clock moves with both its ends', (t) => {
  const dataDir = t.testdir();
  const store = open(t, dataDir);
  const gap = { type: 'gap', t: 3, cause: 'link-down', from: 900, to: 1003, count: 7, exact: true };
  const driver = { type: 'driver', t: 4, state: 'polling' };
  const body = JSON.stringify([{ ...gap, from: null }, gap, driver]);
  append(store, stamped({ kind: 'event', t0: 1000, count: 3, body }));
  repair(store);
  const [first] = store.claim(ALL, NOW);
  t.equal(first?.t0, 1000 + OFFSET);
  t.same(payloadOf(first?.body), [
    { ...gap, from: null, to: 1003 + OFFSET },
    { ...gap, from: 900 + OFFSET, to: 1003 + OFFSET },
    driver,
  ]);
  const { bytes } = store.stats(NOW).backlog.live;
  t.equal(
    bytes,
    store.claim(ALL, NOW).reduce((sum, { bytes }) => sum + bytes, 0),
    'the books know its size',
  );
  store.close();
  const archive = Archive.open(dataDir);
  t.same([...verify(archive, { quick: false })], []);
  archive[Symbol.dispose]();
  t.end();
});

t.test('parts and rollups of batches are of the clock that the batches were stamped by', (t) => {
  const store = open(t);
  append(store, batch([1, 2, 3, 4], { clock: 'unsynced', origin: WRONG }));
  const [large] = store.claim(ALL, NOW);
  t.ok(store.split(large?.id ?? 0, 2, TERMS));
  t.same(repair(store), { moved: 3, told: 0 });
  t.match(
    store.claim(ALL, NOW).filter(({ kind }) => kind === 'telemetry'),
    [{ t0: 1000 + OFFSET }, { t0: 1000 + OFFSET }],
  );
  store.close();
  t.end();
});

t.test('thousands of batches are corrected in slices, with one event for each run of them', (t) => {
  const store = open(t);
  const count = 2500;
  append(store, ...Array.from({ length: count }, (_, i) => stamped({ t0: 1000 * i })));
  t.same(repair(store), { moved: count, told: 0 });
  const batches = store.claim(ALL, NOW);
  t.ok(batches.slice(0, count).every(({ t0 }, i) => t0 === 1000 * i + OFFSET));
  t.match(events(batches), [
    { batches: { first: 1, last: 1000 } },
    { batches: { first: 1001 } },
    { batches: { last: count } },
  ]);
  store.close();
  t.end();
});
