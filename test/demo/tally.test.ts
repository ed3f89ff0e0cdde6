import t from 'tap';
import { microsOf, Tally } from '../../src/demo/tally.ts';

const ITEM = { id: 'd1_x', name: 'Xabs' };
const AT = 1_763_640_000_000;
const seen = (source: string, micros: number, signal = 'Xabs', value = 0) => ({
  machine: 'm',
  signal,
  source,
  micros,
  value,
});

t.test('matches what was produced with what was received, by item and microsecond', async (t) => {
  const tally = new Tally();
  for (const micros of [AT * 1000 + 1, AT * 1000 + 2, AT * 1000 + 3]) tally.addProduced('m', ITEM, micros);
  tally.addReceived(seen('d1_x', AT * 1000 + 1), AT);
  tally.addReceived(seen('Xabs', AT * 1000 + 2), AT);
  tally.addReceived(seen('d1_x', AT * 1000 + 4), AT);
  t.same(tally.machines(), [{ machine: 'm', produced: 3, received: 2, missing: 1 }]);
  t.equal(tally.missing, 1);
  t.equal(tally.repeated, 0);
});

t.test('a second signal of an item is no repetition, the same observation again is', async (t) => {
  const tally = new Tally();
  tally.addProduced('m', ITEM, 5);
  tally.addReceived(seen('d1_x', 5), AT);
  tally.addReceived(seen('d1_x', 5, 'state'), AT);
  t.equal(tally.repeated, 0);
  tally.addReceived(seen('d1_x', 5), AT);
  t.equal(tally.repeated, 1);
  t.equal(tally.received, 1);
});

t.test('what is polled is matched by its distinct values, whatever their times', async (t) => {
  const tally = new Tally();
  const counter = { id: 'holding:7' };
  for (const value of [1, 2, 2, 3, 1]) tally.addCounted('m', counter, value, AT);
  tally.addReceived(seen('holding:7', 10, 'parts', 1), AT);
  tally.addReceived(seen('holding:7', 20, 'parts', 1), AT);
  tally.addReceived(seen('holding:7', 30, 'parts', 3), AT);
  t.same(tally.machines(), [{ machine: 'm', produced: 3, received: 2, missing: 1 }]);
  t.equal(tally.repeated, 0, 'a second poll of a value is no repetition');
});

t.test('the backlog is drained when all that waited has come', async (t) => {
  const tally = new Tally();
  tally.addProduced('m', ITEM, 1);
  tally.addProduced('m', ITEM, 2);
  const drained = tally.drained();
  tally.addProduced('m', ITEM, 3);
  tally.addReceived(seen('d1_x', 2), AT + 1);
  tally.addReceived(seen('d1_x', 1), AT + 2);
  t.equal(await drained, AT + 2);
  t.ok((await tally.drained.call(new Tally())) > 0, 'at once when nothing waits');
});

t.test('latency counts live observations only', async (t) => {
  const tally = new Tally();
  tally.isLive = (time) => time >= AT;
  for (const ms of [-10, 0, 10]) tally.addProduced('m', ITEM, (AT + ms) * 1000);
  for (const ms of [-10, 0, 10]) tally.addReceived(seen('d1_x', (AT + ms) * 1000), AT + 100);
  t.ok(Math.abs(tally.latency(1) - 100) <= 1);
  t.ok(Math.abs(tally.latency(0) - 90) <= 1);
});

t.test('microseconds of timestamps with any number of digits', async (t) => {
  t.equal(microsOf('2025-11-20T12:00:00Z'), AT * 1000);
  t.equal(microsOf('2025-11-20T12:00:00.5Z'), AT * 1000 + 500_000);
  t.equal(microsOf('2025-11-20T12:00:00.000001Z'), AT * 1000 + 1);
});
