import t from 'tap';
import { Moments } from '../../../src/pipeline/statistics/moments.ts';
import { seededRandom } from '../../support/random.ts';

const SEED = 20_261_121;
t.comment(`seed ${SEED}`);

const close = (a: number, b: number) => Math.abs(a - b) <= 1e-9 * Math.max(1e-300, Math.abs(a), Math.abs(b));

t.test('equals a naive computation however the values are cut into parts and merged', async (t) => {
  const random = seededRandom(SEED);
  for (let round = 0; round < 200; round++) {
    const offset = (random() - 0.5) * 10 ** Math.floor(random() * 7);
    const values = Array.from({ length: 1 + Math.floor(random() * 300) }, () => offset + (random() - 0.5) * 100);
    const parts: Moments[] = [new Moments()];
    values.forEach((value, i) => {
      if (random() < 0.1) parts.push(new Moments());
      parts.at(-1)?.add(value, i * 1000);
    });
    const [forth, back] = [new Moments(), new Moments()];
    for (const part of parts) forth.merge(part);
    for (const part of parts.toReversed()) back.prepend(part);
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const stddev = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
    for (const all of [forth, back]) {
      t.ok(close(all.mean, mean), `round ${round}: mean ${all.mean} is ${mean}`);
      t.ok(
        values.length === 1 || close(all.populationStddev ?? Number.NaN, stddev),
        `round ${round}: stddev ${all.populationStddev} is ${stddev}`,
      );
      t.match(all, { n: values.length, min: Math.min(...values), max: Math.max(...values) });
      t.match(all, { first: values[0], firstT: 0, last: values.at(-1), lastT: (values.length - 1) * 1000 });
    }
  }
});

t.test('a snapshot brings back the same, and an empty one nothing', async (t) => {
  const [all, copy] = [new Moments(), new Moments()];
  copy.add(1, 1);
  copy.restore(JSON.parse(JSON.stringify(all.snapshot())));
  t.same(copy, all);
  all.add(3, 1000);
  all.add(5, 3000);
  copy.restore(JSON.parse(JSON.stringify(all.snapshot())));
  t.same(copy, all);
  t.equal(copy.rate, 1, 'units a second');
  t.equal(copy.populationStddev, 1);
  t.ok(close(copy.stddev ?? 0, Math.SQRT2), 'of a sample');
});

t.test('values of one time have no rate', async (t) => {
  const all = new Moments();
  t.equal(all.rate, null);
  all.add(3, 1000);
  all.add(5, 1000);
  t.equal(all.rate, null);
});
