import { z } from 'zod';
import { always, patterns } from './pieces.ts';
import { duration } from './units.ts';

const send = z
  .strictObject({
    signals: patterns().min(1).describe('Signals that this is for; the first entry that fits counts'),
    send: z
      .enum(['raw', 'rollup', 'change', 'none'])
      .describe('raw: all; rollup: none but the rollups; change: what says something new; none: nothing at all'),
    deadband: z.number().nonnegative().optional().describe('change: a number that differs by no more is left out'),
    deadbandPercent: z.number().nonnegative().optional().describe('The same, in percent of the last number sent'),
    deviation: z
      .number()
      .nonnegative()
      .optional()
      .describe('change, by a swinging door: most that the line between numbers sent may miss one left out'),
    maxInterval: duration({ min: '1s', max: '7d' })
      .prefault('10m')
      .describe('change: one is sent at least as often, as long as any come'),
  })
  .refine(
    ({ deviation, deadband, deadbandPercent }) =>
      deviation === undefined || (deadband ?? deadbandPercent) === undefined,
    {
      ...always,
      path: ['deviation'],
      error: 'give a dead band or a deviation, not both',
    },
  );

/** `rollups:` of the config. Lengths become milliseconds. */
export const rollupsSchema = z
  .strictObject({
    signals: patterns().default([]).describe('Signals that are rolled up; `*` stands for anything'),
    windows: z
      .array(duration({ min: '1s', max: '1d' }))
      .min(1)
      .max(4)
      .prefault(['1m', '5m', '1h'])
      .describe('Lengths, the shortest first, each a multiple of the one before it'),
    states: patterns().default(['state']).describe('Those of them that are states: time in each value'),
    send: z.array(send).default([]).describe('What is sent of raw data; signals without an entry: all'),
  })
  .refine(({ windows }) => windows.every((window, i) => i === 0 || isMultiple(window, windows[i - 1] as number)), {
    ...always,
    path: ['windows'],
    error: 'expected the shortest first, each a multiple of the one before it',
  })
  .describe('Windows of fixed length, sent as their own kind; and what is sent of raw data');

export type RollupsConfig = z.output<typeof rollupsSchema>;

function isMultiple(longer: number, shorter: number): boolean {
  return longer > shorter && longer % shorter === 0;
}
