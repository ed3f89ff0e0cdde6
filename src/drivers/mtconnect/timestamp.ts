import type { Instant } from '../../instant.ts';

const PATTERN = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)(?:[.,](\d+))?(?:Z|([+-])(\d\d):?(\d\d))?$/;

/**
 * Reads an ISO 8601 timestamp with any number of fraction digits (beyond nanoseconds they are cut off), with or without
 * `Z` or an offset: MTConnect times are UTC, and older agents leave the `Z` out. Anything else is undefined.
 */
export function parseTimestamp(text: string): Instant | undefined {
  const match = PATTERN.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second, fraction = '', sign, offsetHour = '0', offsetMinute = '0'] = match;
  // A leap second (60) is the first of the next minute, as POSIX counts.
  if (Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined;
  const midnight = Date.UTC(Number(year), Number(month) - 1, Number(day));
  // Date.UTC carries a 13th month or a 30 February over into the next one.
  if (new Date(midnight).getUTCMonth() !== Number(month) - 1 || Number(day) === 0) return undefined;
  const offset = (sign === '-' ? -60_000 : 60_000) * (Number(offsetHour) * 60 + Number(offsetMinute));
  const seconds = Number(hour) * 3600 + Number(minute) * 60 + Number(second);
  const nanoseconds = Number(fraction.slice(0, 9).padEnd(9, '0'));
  return {
    t: midnight + seconds * 1000 + Math.floor(nanoseconds / 1e6) - offset,
    ns: nanoseconds % 1e6,
  };
}

/** The instant a whole number of nanoseconds before another one. */
export function before(instant: Instant, nanoseconds: number): Instant {
  const ns = instant.ns - (nanoseconds % 1e6);
  const ms = instant.t - Math.floor(nanoseconds / 1e6);
  return ns < 0 ? { t: ms - 1, ns: ns + 1e6 } : { t: ms, ns };
}
