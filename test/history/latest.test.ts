import t from 'tap';
import { LatestValues } from '../../src/history/latest.ts';

t.test('a value that is older than what is known is passed over', async (t) => {
  const values = new LatestValues({ now: () => 1000 });
  values.observe('program', undefined, 20, 'O2', 'good');
  values.observe('program', undefined, 10, 'O1', 'good');
  t.match(values.all(), [{ name: 'program', t: 20, v: 'O2' }]);
});

t.test('one of the future, by a clock that was wrong, does not outlive the next', async (t) => {
  const values = new LatestValues({ now: () => 1000 });
  values.observe('program', undefined, 1e12, 'O1', 'good');
  values.observe('program', undefined, 900, 'O2', 'good');
  t.match(values.all(), [{ t: 900, v: 'O2' }]);
});

t.test('a value keeps its object until another comes', async (t) => {
  const values = new LatestValues({ now: () => 1000 });
  values.observe('rpm', 'rev/min', 10, 1200, 'good');
  const before = values.get('rpm');
  values.observe('rpm', 'rev/min', 10, 1200, 'good');
  t.equal(values.all()[0], before, 'the same again is no other');
  values.observe('rpm', 'rev/min', 20, 1200, 'good');
  t.not(values.get('rpm'), before);
  t.same(before, { name: 'rpm', unit: 'rev/min', t: 10, v: 1200, q: 'good' }, 'and stays as it was');
});

t.test('what JSON has kept of it is known again', async (t) => {
  const values = new LatestValues({ now: () => 1000 });
  values.observe('rpm', 'rev/min', 10, 1200, 'good');
  values.observe('load', undefined, 10, null, 'bad');
  const again = new LatestValues({ now: () => 1000 });
  again.restore([...JSON.parse(JSON.stringify(values.all())), null, 7, { name: 'x' }]);
  t.same(again.all(), values.all());
});
