import t from 'tap';
import type { Budget } from '../../src/outbox/outbox.ts';
import { pagesToGiveBack } from '../../src/outbox/retention.ts';
import { Store } from '../../src/outbox/store.ts';
import { bulky } from './support.ts';

const NOW = 1_763_640_000_000;
const ROOMY = { maxBytes: 1e9, maxAge: 1e9 };

/** A store with `count` delivered batches of 8 KiB and one that waits. */
function withHistory(dataDir: string, count: number): Store {
  const store = Store.open(dataDir, NOW);
  const batches = Array.from({ length: count + 1 }, () => bulky(8 * 1024));
  store.commit({ appends: [{ batches }], settled: [], holds: [] }, { now: NOW, budget: ROOMY });
  const settled = Array.from({ length: count }, (_, i) => i + 1);
  store.commit({ appends: [], settled, holds: [] }, { now: NOW, budget: ROOMY });
  return store;
}

/** Slices until nothing is left to do; returns how many there were. */
function tidyAll(store: Store, budget: Budget): number {
  let slices = 1;
  while (store.tidy({ now: NOW, budget }).more) slices += 1;
  return slices;
}

t.test('a large deletion comes in slices, and stops at the budget', (t) => {
  const store = withHistory(t.testdir(), 1000);
  const budget = { maxBytes: 2e6, maxAge: 1e9 };
  const first = store.stats(NOW).delivered.batches;
  t.match(store.tidy({ now: NOW, budget }), { full: false, more: true });
  t.equal(first - store.stats(NOW).delivered.batches, 256, 'one slice');
  tidyAll(store, budget);
  const { bytes, delivered, backlog } = store.stats(NOW);
  t.ok(bytes <= budget.maxBytes, `${bytes} bytes in use`);
  t.ok(delivered.batches > 150, `${delivered.batches} batches of history are left`);
  t.equal(backlog.live.batches, 1, 'what nobody has acknowledged stays');
  store.close();
  t.end();
});

t.test('freed room goes back to the file system but for a spare', (t) => {
  const store = withHistory(t.testdir(), 2000);
  const pages = () => store.room.pages;
  const before = pages();
  tidyAll(store, { maxBytes: 0, maxAge: 1e9 });
  t.ok(before > 4000, `${before} pages before`);
  t.ok(pages() < 1100, `${pages()} pages after`);
  t.ok(store.room.freePages >= 1000, 'the spare for the next batches');
  store.close();
  t.end();
});

t.test('in the steady state at the budget the file neither grows nor shrinks', (t) => {
  const store = withHistory(t.testdir(), 500);
  const budget = { maxBytes: 4e6, maxAge: 1e9 };
  tidyAll(store, budget);
  const { pages } = store.room;
  for (let id = 502; id < 802; id += 1) {
    const group = { appends: [{ batches: [bulky(8 * 1024)] }], settled: [id - 1], holds: [] };
    store.commit(group, { now: NOW, budget });
  }
  t.ok(store.room.pages <= Math.max(pages, 4e6 / 4096), `${pages} pages before, ${store.room.pages} after`);
  t.ok(store.stats(NOW).bytes <= budget.maxBytes + 16 * 1024);
  store.close();
  t.end();
});

t.test('gives back pages in slices and only what is beyond the spare', async (t) => {
  const room = (pages: number, freePages: number) => pagesToGiveBack({ pageBytes: 4096, pages, freePages });
  t.equal(room(2000, 1024), 0);
  t.equal(room(2000, 1034), 10);
  t.equal(room(100_000, 10_000), 0, 'an eighth of what is in use may be free');
  t.equal(room(100_000, 60_000), 256);
});
