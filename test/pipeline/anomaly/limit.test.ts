import t from 'tap';
import { Limit } from '../../../src/pipeline/anomaly/limit.ts';
import { SignalSample } from '../../../src/pipeline/anomaly/sample.ts';
import { tuningOf } from '../../../src/pipeline/anomaly/tuning.ts';
import { DAY, DEFAULTS, Noise, SECOND } from './plant.ts';

const tuning = tuningOf(DEFAULTS);
const levelOf = (limit: Limit) => (limit.snapshot() as [number, number])[0];

t.test('an alarm widens the limit by 5 % once, however long it lasts, and a day without takes that back', async (t) => {
  const limit = new Limit(tuning);
  t.equal(limit.score(tuning.limit), 3);
  for (let i = 0; i < 10_000; i++) limit.score(10);
  t.ok(Math.abs(levelOf(limit) / tuning.limit - 1.05) < 1e-9);
  for (let i = 0; i < DAY / SECOND + tuning.calm; i++) limit.score(0);
  t.ok(Math.abs(levelOf(limit) / tuning.limit - 1) < 1e-9);
  for (let i = 0; i < DAY / SECOND; i++) limit.score(0);
  t.equal(levelOf(limit), tuning.limit, 'it never gets narrower');
});

t.test('alarms all day widen the limit to four times at most', async (t) => {
  const limit = new Limit(tuning);
  for (let alarm = 0; alarm < 200; alarm++) {
    limit.score(1000);
    for (let i = 0; i < tuning.calm; i++) limit.score(0);
  }
  t.ok(Math.abs(levelOf(limit) / tuning.limit - 4) < 0.01);
  t.equal(limit.score(1e9), 100);
});

t.test('what has heavy tails comes down to about an alarm a day', async (t) => {
  const limit = new Limit(tuning);
  const noise = new Noise(1);
  const alarms: number[] = [];
  for (let day = 0; day < 20; day++) {
    let count = 0;
    for (let i = 0; i < DAY / SECOND; i++) {
      const before = levelOf(limit);
      // Student’s t with three degrees of freedom.
      const chi = Math.hypot(noise.next(), noise.next(), noise.next()) / Math.sqrt(3);
      limit.score(Math.abs(noise.next()) / chi / 4);
      if (levelOf(limit) > before) count++;
    }
    alarms.push(count);
  }
  t.comment(`seed 1: ${alarms.join(' ')}`);
  t.ok((alarms[0] ?? 0) > 10);
  const settled = alarms.slice(10).reduce((sum, count) => sum + count, 0) / 10;
  t.ok(settled < 2, `${settled} a day`);
});

t.test(
  'a sample is the mean of what came in it, else the last value; what is older than that is left out',
  async (t) => {
    const sample = new SignalSample('load', 0);
    t.ok(Number.isNaN(sample.take()));
    sample.add(1000, 10);
    sample.add(1500, 20);
    sample.add(1200, 1000);
    t.equal(sample.take(), 15);
    t.equal(sample.take(), 20);
    sample.add(2500, 40);
    sample.add(2600, Number.NaN);
    t.ok(Number.isNaN(sample.take()));
    t.ok(sample.isMissing);
    sample.add(3000, 1e308);
    sample.add(3100, 1.7e308);
    t.equal(sample.take(), 1.7e308, 'a sum that is not finite makes no mean');
  },
);
