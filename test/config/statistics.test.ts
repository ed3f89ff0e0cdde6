import t from 'tap';
import type { z } from 'zod';
import { featuresSchema } from '../../src/config/features.ts';
import { oeeSchema } from '../../src/config/oee.ts';
import { rollupsSchema } from '../../src/config/rollups.ts';

const told = (schema: z.ZodType, value: unknown) => schema.safeParse(value).error?.issues.map(({ message }) => message);

t.test('the defaults are valid, with lengths in milliseconds', async (t) => {
  t.match(featuresSchema.parse({}), { windows: [300_000, 1_800_000], every: 30_000, lateness: 2000 });
  t.match(rollupsSchema.parse({}), { windows: [60_000, 300_000, 3_600_000], send: [] });
  const shifts = [
    { name: 'night', days: ['sun', 'sat'], from: '22:00', to: '06:30', breaks: [{ from: '02:00', to: '02:30' }] },
  ];
  t.match(oeeSchema.parse([{ shifts, idealCycle: '45s' }]), [
    {
      ...{ machines: ['*'], timeZone: 'UTC', state: 'state', running: ['running'], idealCycle: 45_000 },
      shifts: [{ days: [0, 6], from: 1320, to: 390, breaks: [{ from: 120, to: 150 }] }],
    },
  ]);
});

t.test('what does not fit together is told', async (t) => {
  t.same(told(featuresSchema, { windows: ['45s'] }), ['expected multiples of every']);
  t.same(told(featuresSchema, { stateWindow: '45s' }), ['expected a multiple of every']);
  t.same(told(featuresSchema, { every: '1s', windows: ['1d'] }), ['expected at least a 2880th of the longest window']);
  for (const windows of [
    ['1h', '1m'],
    ['1m', '90s'],
    ['1m', '1m'],
  ]) {
    t.same(told(rollupsSchema, { windows }), ['expected the shortest first, each a multiple of the one before it']);
  }
  t.same(told(rollupsSchema, { send: [{ signals: ['a'], send: 'change', deadband: 1, deviation: 1 }] }), [
    'give a dead band or a deviation, not both',
  ]);
  t.same(told(oeeSchema, [{ timeZone: 'Mars/Olympus' }]), ['expected a time zone, e.g. Europe/Zurich']);
  t.match(told(oeeSchema, [{ shifts: [{ name: 'a', from: '24:00', to: '6:00' }] }]), [/time of day/, /time of day/]);
});
