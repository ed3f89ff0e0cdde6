import { inverse, Matrix } from 'ml-matrix';
import t from 'tap';
import { normalOf } from '../../../src/pipeline/anomaly/chi-square.ts';
import { Correlation } from '../../../src/pipeline/anomaly/correlation.ts';
import { Noise } from './plant.ts';

t.test('quantiles of chi-square come out as those of the normal distribution', async (t) => {
  // [degrees, value, probability as standard deviations]: NIST/SEMATECH e-Handbook, 1.3.6.7.4.
  for (const [degrees, value, normal] of [
    [2, 5.991, 1.645],
    [6, 12.592, 1.645],
    [6, 16.812, 2.326],
    [20, 31.41, 1.645],
    [20, 45.315, 3.09],
    [6, 1.635, -1.645],
  ] as const) {
    const z = normalOf(value, degrees);
    t.ok(Math.abs(z - normal) < 0.05, `${value} of ${degrees}: ${z.toFixed(3)}`);
  }
  t.ok(Number.isFinite(normalOf(0, 1)));
});

/** Learnt from samples in which neighbours go together. */
function learnt(size: number, samples: number, seed: number) {
  const [noise, correlation, rows] = [new Noise(seed), new Correlation(32), [] as number[][]];
  for (let n = 0; n < samples; n++) {
    const common = noise.next();
    const row = Array.from({ length: size }, (_, i) =>
      Math.max(-5, Math.min(5, (i % 2) * common + 0.5 * noise.next())),
    );
    rows.push(row);
    correlation.learn(Float64Array.from(row), size, 0);
  }
  return { correlation, rows, noise };
}

t.test('the distance is that of the plain formula, and a contribution what it lacks without its signal', async (t) => {
  for (let seed = 1; seed <= 5; seed++) {
    const size = 3 + seed;
    const { correlation, rows, noise } = learnt(size, 400, seed);
    const members = Array.from({ length: size }, (_, i) => i);
    correlation.invert(members);
    const x = Float64Array.from({ length: size }, () => 3 * noise.next());
    const covariance = new Matrix(rows).transpose().mmul(new Matrix(rows)).div(rows.length);
    const distanceOf = (signals: readonly number[]) => {
      const some = covariance.selection([...signals], [...signals]).add(Matrix.eye(signals.length).mul(0.01));
      const row = Matrix.rowVector(signals.map((i) => x[i] as number));
      return row.mmul(inverse(some)).mmul(row.transpose()).get(0, 0);
    };
    const distance = correlation.distance(x);
    t.ok(Math.abs(distance / distanceOf(members) - 1) < 1e-6, `seed ${seed}: ${distance}`);
    correlation.contributions(x).forEach((part, i) => {
      const lack = distance - distanceOf(members.filter((member) => member !== i));
      t.ok(Math.abs(part - lack) < 1e-6 * distance, `seed ${seed}, signal ${i}: ${part}`);
    });
  }
});

t.test('signals that are the same, or never move, can be inverted', async (t) => {
  const correlation = new Correlation(32);
  const noise = new Noise(1);
  for (let n = 0; n < 200; n++) {
    const x = noise.next();
    correlation.learn(Float64Array.of(x, x, 0, -x), 4, 0.01);
  }
  correlation.invert([0, 1, 2, 3]);
  t.ok(correlation.distance(Float64Array.of(1, 1, 0, -1)) < 2);
  t.ok(correlation.distance(Float64Array.of(1, -1, 0, -1)) > 50);
  t.ok(Number.isFinite(correlation.distance(Float64Array.of(1, 1, 20, -1))));
});

t.test('a signal that joins later is learnt from as many samples as it has', async (t) => {
  const correlation = new Correlation(32);
  const noise = new Noise(2);
  for (let n = 0; n < 2000; n++) {
    const x = noise.next();
    correlation.learn(Float64Array.of(x, n < 1000 ? Number.NaN : x + 0.1 * noise.next()), 2, 0);
  }
  t.equal(correlation.countOf(0), 2000);
  t.equal(correlation.countOf(1), 1000);
  correlation.invert([0, 1]);
  t.ok(correlation.distance(Float64Array.of(2, -2)) > 50);
  t.ok(correlation.distance(Float64Array.of(2, 2)) < 6);
});
