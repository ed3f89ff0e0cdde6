import t from 'tap';
import { Told } from '../../src/forwarder/told.ts';

t.test('tells the same thing once, and again after five minutes with the number of times', async (t) => {
  let now = 0;
  const told = new Told({ now: () => now });
  t.equal(told.count('a'), 1);
  t.equal(told.count('b'), 1, 'another thing is news');
  for (let n = 0; n < 9; n += 1) t.equal(told.count('a'), undefined);
  now = 5 * 60_000;
  t.equal(told.count('a'), 10);
  t.equal(told.count('a'), undefined);
});

t.test('forgets when all is well, and never remembers without bound', async (t) => {
  const told = new Told({ now: () => 0 });
  told.count('a');
  told.forget();
  t.equal(told.count('a'), 1);
  for (let n = 0; n < 1000; n += 1) told.count(`error ${n}`);
  t.equal(told.count('a'), 1, 'the oldest had to go');
});
