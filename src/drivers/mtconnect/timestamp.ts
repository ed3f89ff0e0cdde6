import type { Instant } from '../../instant.ts';

/** Captures the digits of the fraction, and the offset. */
const LAYOUT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,](\d+))?(Z|[+-]\d\d:?\d\d)?$/;
const ZERO = '0'.charCodeAt(0);
const NANOSECOND_DIGITS = 9;
/** Every month has so many days. */
const SHORTEST_MONTH = 28;

/**
 * Reads an ISO 8601 timestamp with any number of fraction digits (beyond nanoseconds they are cut off), with or without
 * `Z` or an offset: MTConnect times are UTC, and older agents leave the `Z` out. Anything else is undefined.
 */
export function parseTimestamp(text: string): Instant | undefined {
  const match = LAYOUT.exec(text);
  if (match === null) return undefined;
  const month = digits(text, 5, 7);
  const day = digits(text, 8, 10);
  const hour = digits(text, 11, 13);
  const minute = digits(text, 14, 16);
  const second = digits(text, 17, 19);
  // A leap second (60) is the first of the next minute, as POSIX counts.
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 60) return undefined;
  const midnight = Date.UTC(digits(text, 0, 4), month - 1, day);
  // Date.UTC carries a 30 February over into March.
  if (day > SHORTEST_MONTH && new Date(midnight).getUTCDate() !== day) return undefined;
  const fraction = match[1] ?? '';
  const read = Math.min(fraction.length, NANOSECOND_DIGITS);
  const nanoseconds = digits(fraction, 0, read) * 10 ** (NANOSECOND_DIGITS - read);
  return {
    t: midnight + ((hour * 60 + minute) * 60 + second) * 1000 + Math.floor(nanoseconds / 1e6) - offset(match[2]),
    ns: nanoseconds % 1e6,
  };
}

/** The number that the characters from one position to another are. They are known to be digits: nothing is copied. */
function digits(text: string, from: number, to: number): number {
  let number = 0;
  for (let i = from; i < to; i++) number = number * 10 + text.charCodeAt(i) - ZERO;
  return number;
}

/** `+01:00` or `+0100` in milliseconds; 0 without one. */
function offset(zone: string | undefined): number {
  if (zone === undefined || zone === 'Z') return 0;
  const minutes = digits(zone, 1, 3) * 60 + digits(zone, zone.length - 2, zone.length);
  return minutes * (zone.startsWith('-') ? -60_000 : 60_000);
}

/** The instant a whole number of nanoseconds before another one. */
export function before(instant: Instant, nanoseconds: number): Instant {
  const ns = instant.ns - (nanoseconds % 1e6);
  const ms = instant.t - Math.floor(nanoseconds / 1e6);
  return ns < 0 ? { t: ms - 1, ns: ns + 1e6 } : { t: ms, ns };
}
