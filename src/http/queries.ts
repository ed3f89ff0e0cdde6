import { z } from 'zod';

const MAX_SIGNALS = 20;
/** 20 signals with so many points are about 2 MB. */
const MAX_POINTS = 2000;
const POINTS = 500;
const MAX_NAME_CHARACTERS = 512;
const MAX_PERSON_CHARACTERS = 100;

/** Fractions are cut off: clocks in browsers have them. */
const whole = (what: string) =>
  z
    .string(`expected ${what}`)
    .regex(/^\d{1,15}(\.\d+)?$/, `expected ${what}`)
    .transform((text) => Math.floor(Number(text)));

const range = { from: whole('milliseconds since the epoch'), to: whole('milliseconds since the epoch') };
const isForward = ({ from, to }: { from: number; to: number }) => from < to;
const BACKWARD = { path: ['to'], error: 'expected a time after from' };

/** `?from=MS&to=MS` */
export const timelineQuery = z.object(range).refine(isForward, BACKWARD);

/** `?signal=NAME&signal=…&from=MS&to=MS&points=N` */
export const historyQuery = z
  .object({
    ...range,
    signals: z
      .array(z.string().min(1).max(MAX_NAME_CHARACTERS))
      .min(1, 'expected ?signal=NAME')
      .max(MAX_SIGNALS, `expected at most ${MAX_SIGNALS} signals`),
    points: whole('a number of points')
      .refine((points) => points >= 1 && points <= MAX_POINTS, `expected 1 to ${MAX_POINTS}`)
      .default(POINTS),
  })
  .refine(isForward, BACKWARD);

const id = z.string().min(1).max(MAX_NAME_CHARACTERS);

/** Who has seen which alert. */
export const acknowledgement = z.strictObject({
  machine: id,
  rule: id,
  by: z
    .string()
    .trim()
    .min(1, 'expected who it is')
    .max(MAX_PERSON_CHARACTERS, `expected at most ${MAX_PERSON_CHARACTERS} characters`)
    .regex(/^\P{Cc}*$/u, 'expected a name without control characters'),
});

export const login = z.strictObject({ token: z.string() });
