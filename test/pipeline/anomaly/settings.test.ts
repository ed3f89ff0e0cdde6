import t from 'tap';
import { anomalySchema } from '../../../src/config/anomaly.ts';
import type { AnomalySettings } from '../../../src/pipeline/anomaly/tuning.ts';
import { DEFAULTS } from './plant.ts';

t.test('an empty section gives the defaults that the figures were measured with', async (t) => {
  const settings: AnomalySettings = anomalySchema.parse({});
  t.same(settings, DEFAULTS);
});

t.test('durations are read with their units', async (t) => {
  const { halfLife, falseAlarm, settle } = anomalySchema.parse({ halfLife: '30m', falseAlarm: '7d', settle: '0ms' });
  t.same([halfLife, falseAlarm, settle], [1_800_000, 604_800_000, 0]);
});

t.test('what cannot work is told', async (t) => {
  const told = (section: object) => anomalySchema.safeParse(section).error?.issues.map(({ path }) => path.join('.'));
  t.same(told({ stale: '1s', sample: '2s' }), ['stale']);
  t.same(told({ signals: [] }), ['signals']);
  t.same(told({ halfLife: 60 }), ['halfLife']);
  t.same(told({ halflife: '1h' }), ['']);
});
