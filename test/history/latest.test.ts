import t from 'tap';
import { LatestValues } from '../../src/history/latest.ts';

const value = (t: number, v: string) => ({ name: 'program', t, v, q: 'good' }) as const;

t.test('a value that is older than what is known is passed over', async (t) => {
  const values = new LatestValues({ now: () => 1000 });
  values.take([value(20, 'O2'), value(10, 'O1')]);
  t.match(values.all(), [{ t: 20, v: 'O2' }]);
});

t.test('one of the future, by a clock that was wrong, does not outlive the next', async (t) => {
  const values = new LatestValues({ now: () => 1000 });
  values.take([value(1e12, 'O1'), value(900, 'O2')]);
  t.match(values.all(), [{ t: 900, v: 'O2' }]);
});
