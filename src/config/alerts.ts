import { z } from 'zod';
import { parseCondition } from '../expression/condition.ts';
import { ExpressionError } from '../expression/parse.ts';
import { UnknownName } from '../expression/terms.ts';
import { ID_PATTERN } from '../wire/contract.ts';
import { channelSchema } from './channels.ts';
import { nearest } from './nearest.ts';
import { always } from './pieces.ts';
import { DAYS, timeOfDay, timeZone, weekdays } from './times.ts';
import { duration } from './units.ts';

/** `alerts:` of the config. What its conditions mean is told by docs/rules.md; `checkAlerts` checks them against the machines. */

/** What is wrong with a condition, with the word that was probably meant. */
export function conditionMessage(error: ExpressionError): string {
  const meant = error instanceof UnknownName ? nearest(error.word, error.candidates) : undefined;
  return `at character ${error.column}: ${error.message}${meant === undefined ? '' : `: did you mean ${meant}?`}`;
}

const condition = () =>
  z
    .string()
    .min(1)
    .transform((text, context) => {
      try {
        return parseCondition(text);
      } catch (error) {
        if (!(error instanceof ExpressionError)) throw error;
        const params = { character: error.column };
        context.addIssue({ code: 'custom', message: conditionMessage(error), params });
        return z.NEVER;
      }
    })
    .meta({ title: 'condition' });

const quietHours = z.strictObject({
  days: weekdays()
    .prefault([...DAYS])
    .describe('Days on which they begin. Default: each'),
  from: timeOfDay().describe('When they begin, e.g. "22:00"'),
  to: timeOfDay().describe('When they end; on the next day where that is not after `from`'),
  timeZone: timeZone()
    .default(() => Intl.DateTimeFormat().resolvedOptions().timeZone)
    .describe('IANA name. Default: that of the computer'),
});

const flapping = z.strictObject({
  changes: z.int().min(2).max(1000).describe('Begins and ends of alerts…'),
  within: duration({ min: '1s' }).describe('…within so long'),
});

export const alertSchema = z
  .strictObject({
    name: z
      .string()
      .regex(ID_PATTERN, 'expected 1 to 64 letters, digits, dots, dashes or underscores')
      .describe('Unique among the rules')
      .meta({ title: 'id' }),
    condition: condition().describe('When there is an alert, e.g. `rpm > 5000`: docs/rules.md'),
    duration: duration({ min: '0s' }).optional().describe('How long it must hold before the alert fires. Default: 0s'),
    for: duration({ min: '0s' }).optional().describe('The same as `duration`'),
    clear: condition().optional().describe('When the alert is over. Default: when the condition is false'),
    severity: z.enum(['info', 'warning', 'critical']).default('warning').describe('How bad it is'),
    machines: z
      .array(z.string().min(1))
      .min(1)
      .default(['*'])
      .describe('Ids of the machines that it is for; `*` stands for any characters'),
    labels: z.record(z.string(), z.string()).default({}).describe('Labels that these machines must have'),
    channels: z
      .array(z.union([z.string().min(1).meta({ title: 'name of a channel' }), channelSchema]))
      .default([])
      .describe('Who is told: names out of `channels`, or channels written out here'),
    summary: z.string().min(1).optional().describe('Text of the notice, a LiquidJS template'),
    latch: z.boolean().default(false).describe('Whether an alert that is over stays until it is acknowledged'),
    flapping: flapping.optional().describe('Alerts that come and go so often are told as one'),
    quietHours: z.array(quietHours).default([]).describe('Hours in which nobody is told'),
    shadow: z.boolean().default(false).describe('Runs silently: its alerts are recorded, and nobody is told'),
    repeat: duration({ min: '1s' }).optional().describe('An alert that nobody acknowledges is told again this often'),
  })
  .refine((rule) => rule.for === undefined || rule.duration === undefined, {
    ...always,
    path: ['for'],
    error: 'means the same as duration: give one of them',
  })
  .transform(({ duration: held, for: hold, ...rest }) => ({ ...rest, for: hold ?? held ?? 0 }));

export const alertsSchema = z.array(alertSchema).describe('Rules: when there is an alert, and who is told');

/** A rule as the engine takes it, with its channels. */
export type AlertConfig = z.output<typeof alertSchema>;
