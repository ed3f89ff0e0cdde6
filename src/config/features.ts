import { z } from 'zod';
import { always, patterns } from './pieces.ts';
import { duration } from './units.ts';

/** `features:` of the config. Lengths become milliseconds. */
export const featuresSchema = z
  .strictObject({
    signals: patterns().default([]).describe('Numeric signals that have features; `*` stands for anything'),
    windows: z
      .array(duration({ min: '1s', max: '1d' }))
      .min(1)
      .max(4)
      .prefault(['5m', '30m'])
      .describe('Lengths of the rolling windows, multiples of `every`'),
    every: duration({ min: '1s', max: '1h' }).prefault('30s').describe('How often features are told, in event time'),
    lateness: duration({ min: '0ms', max: '5m' })
      .prefault('2s')
      .describe('How long an observation is waited for; of later ones only the raw data is sent'),
    ewma: z
      .strictObject({
        halfLife: duration({ min: '1s' }).prefault('5m').describe('Age at which a value weighs half as much'),
      })
      .prefault({})
      .describe('The exponentially weighted moving average'),
    states: patterns().default(['state']).describe('Signals that are states: changes, and time in each value'),
    stateWindow: duration({ min: '1s', max: '1d' }).prefault('1h').describe('Their window, a multiple of `every`'),
  })
  .refine(({ windows, every }) => windows.every((window) => window % every === 0), {
    ...always,
    path: ['windows'],
    error: 'expected multiples of every',
  })
  .refine(({ windows, stateWindow, every }) => [...windows, stateWindow].every((window) => window / every <= 2880), {
    ...always,
    path: ['every'],
    error: 'expected at least a 2880th of the longest window',
  })
  .refine(({ stateWindow, every }) => stateWindow % every === 0, {
    ...always,
    path: ['stateWindow'],
    error: 'expected a multiple of every',
  })
  .describe('Rolling statistics of signals, sent and used like signals of the machine');

export type FeaturesConfig = z.output<typeof featuresSchema>;
