import t from 'tap';
import { RateLimit } from '../../src/http/rate-limit.ts';

const RATES = { each: { burst: 3, perSecond: 1 }, all: { burst: 100, perSecond: 10 } };

t.test('a burst passes, and then so many a second', async (t) => {
  const limit = new RateLimit(RATES);
  for (let n = 0; n < 3; n++) {
    t.equal(limit.wait('a', 0), 0);
    limit.take('a', 0);
  }
  t.equal(limit.wait('a', 0), 1000);
  t.equal(limit.wait('a', 400), 600);
  t.equal(limit.wait('a', 1000), 0);
  limit.take('a', 1000);
  t.equal(limit.wait('a', 1000), 1000);
  t.equal(limit.wait('a', 1e9), 0, 'and rest makes good, up to the burst');
  for (let n = 0; n < 3; n++) limit.take('a', 1e9);
  t.equal(limit.wait('a', 1e9), 1000);
});

t.test('one address does not use up what others may', async (t) => {
  const limit = new RateLimit(RATES);
  for (let n = 0; n < 3; n++) limit.take('a', 0);
  t.equal(limit.wait('a', 0), 1000);
  t.equal(limit.wait('b', 0), 0);
});

t.test('all addresses together have a limit, and only so many are remembered', async (t) => {
  const limit = new RateLimit({ ...RATES, all: { burst: 1500, perSecond: 10 } });
  for (let n = 0; n < 3; n++) limit.take('first', 0);
  for (let n = 0; n < 1497; n++) limit.take(`address ${n}`, 0);
  t.equal(limit.wait('another', 0), 100);
  t.equal(limit.wait('another', 100), 0);
  t.equal(limit.wait('first', 100), 0, 'the one that was quiet longest is forgotten');
});
