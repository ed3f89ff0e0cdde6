import t from 'tap';
import { Histogram } from '../../src/consumer/histogram.ts';
import { seededRandom } from '../support/random.ts';
import { SEED } from './support.ts';

/** Half a bucket, and what rounding at its edge adds. */
const ERROR = 1.0101;

t.test(`quantiles are within 1 % of those of the sorted values (seed ${SEED})`, async (t) => {
  const random = seededRandom(SEED);
  for (let run = 0; run < 100; run++) {
    const scale = 10 ** (random() * 8);
    const values = Array.from({ length: 1 + Math.floor(random() * 500) }, () => 0.1 + random() ** 3 * scale);
    const histogram = new Histogram();
    for (const value of values) histogram.add(value);
    values.sort((a, b) => a - b);
    for (const share of [0, 0.01, 0.5, 0.9, 0.99, 1]) {
      const exact = values[Math.max(1, Math.ceil(share * values.length)) - 1] as number;
      const estimate = histogram.quantile(share) as number;
      if (estimate > exact * ERROR || estimate < exact / ERROR)
        t.fail(`run ${run}: P${share} ${estimate}, not ${exact}`);
    }
    t.equal(histogram.count, values.length);
  }
});

t.test('without values there is no quantile', async (t) => {
  t.equal(new Histogram().quantile(0.5), undefined);
});

t.test('clocks that are ahead give 0, what is no number is left out, what is huge stays finite', async (t) => {
  const histogram = new Histogram();
  for (const value of [-5000, 0, 0.05, Number.NaN, Number.POSITIVE_INFINITY]) histogram.add(value);
  t.strictSame([histogram.count, histogram.quantile(1)], [3, 0]);
  histogram.add(1e300);
  t.ok(Number.isFinite(histogram.quantile(1)));
});
