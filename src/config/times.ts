import { z } from 'zod';

export const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'] as const;

/** Days of the week by name; 0 is Sunday. */
export const weekdays = () => z.array(z.enum(DAYS).transform((day) => DAYS.indexOf(day))).min(1);

/** `"06:30"` → minutes after midnight. */
export const timeOfDay = () =>
  z
    .string()
    .regex(/^([01]\d|2[0-3]):[0-5]\d$/, 'expected a time of day in quotes, e.g. "22:00"')
    .transform((text) => Number(text.slice(0, 2)) * 60 + Number(text.slice(3)))
    .meta({ title: 'time of day' });

/** IANA name of a time zone. */
export const timeZone = () => z.string().refine(isTimeZone, 'expected a time zone, e.g. Europe/Zurich');

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    // RangeError is how Intl says that it does not know the name.
    return false;
  }
}
