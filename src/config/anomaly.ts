import { z } from 'zod';
import { always, patterns } from './pieces.ts';
import { duration } from './units.ts';

/** `anomaly:` of the config; docs/anomaly.md explains it. */
export const anomalySchema = z
  .strictObject({
    signals: patterns()
      .min(1)
      .default(['*'])
      .describe('Numeric signals that are scored, each by itself: names, in which `*` stands for any characters'),
    machine: patterns()
      .min(1)
      .optional()
      .describe('Those of them that make up `anomaly(machine)`, 32 at most; default: all of `signals`'),
    state: z.string().min(1).default('state').describe('Signal whose values are learnt apart, 8 at most'),
    halfLife: duration({ min: '1m' }).prefault('1h').describe('How long what was learnt takes to count half'),
    warmUp: duration({ min: '1m' })
      .prefault('1h')
      .describe('Time in a state before the machine is scored in it; its signals are after half of it'),
    settle: duration({ min: '0ms' }).prefault('15s').describe('Nothing is scored so long after a change of state'),
    sample: duration({ min: '100ms', max: '1h' }).prefault('1s').describe('How often scores are made'),
    smooth: duration({ min: '100ms', max: '1d' }).prefault('10s').describe('Half-life of a single sample in a score'),
    drift: duration({ min: '1m' })
      .prefault('8h')
      .describe('What has been unusual for so long is the new normal, and is learnt anew'),
    falseAlarm: duration({ min: '1m' })
      .prefault('1d')
      .describe('How rarely normal operation should score 3 or more, for each signal and for the machine'),
    stale: duration({ min: '1s' }).prefault('30s').describe('Silence of the machine after which there is no score'),
  })
  // Of two that are not both numbers, the schema has told already.
  .refine(({ sample, stale }) => !(stale < sample), {
    ...always,
    path: ['stale'],
    error: 'expected no less than sample',
  })
  .describe('Adaptive anomaly scores, for rules with `anomaly(machine)` and `anomaly(signal)`');

export type AnomalyConfig = z.output<typeof anomalySchema>;
