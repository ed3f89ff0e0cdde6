import { z } from 'zod';
import { patterns } from './pieces.ts';
import { timeOfDay, timeZone, weekdays } from './times.ts';
import { duration } from './units.ts';

const times = { from: timeOfDay(), to: timeOfDay() };

const shift = z.strictObject({
  name: z.string().min(1).max(64).describe('E.g. `early`'),
  days: weekdays().prefault(['mon', 'tue', 'wed', 'thu', 'fri']).describe('Days on which it begins'),
  from: times.from.describe('Beginning, local time, e.g. "06:00"'),
  to: times.to.describe('End; at or before `from` it is on the next day'),
  breaks: z.array(z.strictObject(times)).default([]).describe('Planned downtime: neither running nor down'),
});

/** An entry of `oee:`. Times of day become minutes, lengths milliseconds. */
export const oeeEntrySchema = z.strictObject({
  machines: patterns().prefault(['*']).describe('Machines that this is for; the first entry that fits counts'),
  timeZone: timeZone().default('UTC').describe('Of shifts, days and hours'),
  shifts: z.array(shift).default([]).describe('Planned busy time; default: always'),
  state: z.string().min(1).default('state').describe('Signal of the machine’s state'),
  running: z.array(z.string()).min(1).default(['running']).describe('Its values in which the machine produces'),
  parts: z.string().min(1).optional().describe('Signal that counts parts'),
  good: z.string().min(1).optional().describe('Signal that counts good parts'),
  scrap: z.string().min(1).optional().describe('Signal that counts scrap'),
  idealCycle: duration({ min: '1ms' }).optional().describe('Ideal time of one part'),
  maxStep: z.int().min(1).default(100).describe('Parts that a counter may add at once; more is a jump, not counted'),
  alarms: patterns().default([]).describe('Signals that tell what is wrong, e.g. conditions'),
  minDowntime: duration({ min: '0ms', max: '1d' }).prefault('1m').describe('Shorter downtimes are not told'),
});

/** `oee:` of the config. */
export const oeeSchema = z.array(oeeEntrySchema).describe('Overall equipment effectiveness, per hour, shift and day');

export type OeeConfig = z.output<typeof oeeEntrySchema>;
