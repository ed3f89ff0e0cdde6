import t from 'tap';
import { Backlog } from '../../src/forwarder/backlog.ts';
import { stored } from './support.ts';

t.test('oldest first: each range from its beginning, one after the other', async (t) => {
  const backlog = new Backlog('oldest');
  t.equal(backlog.next, undefined);
  backlog.add({ after: 0, upTo: 0 });
  t.equal(backlog.next, undefined, 'nothing in it');
  backlog.add({ after: 0, upTo: 10 });
  backlog.add({ after: 20, upTo: 25 });
  t.same(backlog.next, { after: 0, upTo: 10 });
  backlog.claimed(stored(1, 4));
  t.same(backlog.next, { after: 4, upTo: 10 });
  backlog.claimed([]);
  t.same(backlog.next, { after: 20, upTo: 25 }, 'the rest of it was delivered before');
  backlog.claimed(stored(21, 25));
  t.equal(backlog.next, undefined);
});

t.test('newest first: the last range from its end', async (t) => {
  const backlog = new Backlog('newest');
  backlog.add({ after: 0, upTo: 10 });
  backlog.add({ after: 20, upTo: 25 });
  backlog.claimed(stored(25, 22));
  t.same(backlog.next, { after: 20, upTo: 21 });
  backlog.add({ after: 30, upTo: 31 });
  backlog.claimed(stored(31));
  backlog.claimed(stored(21));
  t.same(backlog.next, { after: 0, upTo: 10 });
  backlog.claimed(stored(10, 1));
  t.same(backlog.ranges, []);
});
