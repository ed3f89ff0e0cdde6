import t from 'tap';
import { closedError, disconnectError, socketError } from '../../src/forwarder/reasons.ts';
import { STRIKES, Suspects } from '../../src/forwarder/suspects.ts';
import type { StoredBatch } from '../../src/outbox/outbox.ts';

const batch = (id: number) => ({ id }) as StoredBatch;
const inFlight = (...ids: number[]) => ids.map((id) => ({ batch: batch(id), age: 10 }));
const closed = closedError(true);

t.test('one batch at a time goes out after the broker has closed, until all suspects are cleared', async (t) => {
  const suspects = new Suspects();
  t.same(suspects.lost(closed, inFlight(1, 2)), { isExplained: false });
  t.ok(suspects.careful);
  suspects.cleared(1);
  t.ok(suspects.careful);
  suspects.cleared(2);
  t.notOk(suspects.careful);
});

t.test('the batch that was alone at three quick closes is set aside', async (t) => {
  const suspects = new Suspects();
  suspects.lost(closed, inFlight(1, 2, 3));
  for (let strike = 1; strike < STRIKES; strike += 1) {
    t.same(suspects.lost(closed, inFlight(2)), { isExplained: strike > 1 }, 'known from the second on');
    t.ok(suspects.struck, 'it goes out again on a quiet link only');
  }
  t.match(suspects.lost(closed, inFlight(2)), { poison: { id: 2 }, isExplained: true });
  t.notOk(suspects.struck);
});

t.test('an acknowledgement takes the strikes away', async (t) => {
  const suspects = new Suspects();
  suspects.lost(closed, inFlight(2));
  suspects.lost(closed, inFlight(2));
  suspects.cleared(2);
  t.notOk(suspects.struck);
  t.equal(suspects.lost(closed, inFlight(2)).poison, undefined);
});

t.test('a network that breaks, a broker that shuts down or closes late is no strike', async (t) => {
  const suspects = new Suspects();
  const cut = socketError(Object.assign(new Error('timed out'), { code: 'ETIMEDOUT' }), true);
  for (let n = 0; n < 5; n += 1) {
    t.equal(suspects.lost(cut, inFlight(1)).poison, undefined);
    t.equal(suspects.lost(disconnectError(139), inFlight(1)).poison, undefined);
  }
  t.notOk(suspects.careful);
  for (let n = 0; n < 5; n += 1) t.equal(suspects.lost(closed, [{ batch: batch(1), age: 60_000 }]).poison, undefined);
});

t.test('a suspect that is not there any more is forgotten', async (t) => {
  const suspects = new Suspects();
  suspects.lost(closed, inFlight(4, 5));
  t.same(suspects.ids, [4, 5]);
  suspects.retain([batch(5)]);
  t.same(suspects.ids, [5]);
  suspects.retain([]);
  t.notOk(suspects.careful);
});
