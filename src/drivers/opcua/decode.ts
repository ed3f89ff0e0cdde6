import type { DataValue, StatusCode } from 'node-opcua-client';
import type { Observation, Quality, Value } from '../../observation.ts';
import { toValue } from './values.ts';

/** Members of a structure that become signals; what is beyond is left in an object. */
const MAX_MEMBERS = 500;
/** Earlier and later times are none: clocks that were never set begin in 1601, 1970 or 1980. */
const EARLIEST = Date.UTC(1990, 0, 1);
const LATEST = Date.UTC(2200, 0, 1);
/** InfoType DataValue (bit 10) with the Overflow bit (7): OPC UA Part 4, 7.39.1. */
const OVERFLOW_BITS = 0x0480;

/** What is done with the value of a signal. */
export interface Conversion {
  readonly signal: string;
  readonly scale?: number | undefined;
  readonly offset?: number | undefined;
}

/**
 * One notified or read value as observations: one, or one for each member of a structure (`signal.member`, and so on
 * below it). The time is the source's, else the server's, else `now`; a bad status has no value.
 */
export function decode(conversion: Conversion, data: DataValue, now: number): Observation[] {
  const quality = qualityOf(data.statusCode);
  const value = quality === 'bad' ? null : convert(toValue(data.value), conversion);
  const { t, ns } = timeOf(data, now);
  return flatten(conversion.signal, value).map(([signal, v]) => ({
    signal,
    t,
    ns,
    v,
    q: v === null ? 'bad' : quality,
  }));
}

/** Severity, the two highest bits: 00 good, 01 uncertain, 10 bad (OPC UA Part 4, 7.39.1). */
export function qualityOf(status: StatusCode): Quality {
  return (['good', 'uncertain', 'bad', 'bad'] as const)[status.value >>> 30] as Quality;
}

/** Whether the server's queue of this item had no room for values before or after this one. */
export function isOverflow({ statusCode }: DataValue): boolean {
  return (statusCode.value & OVERFLOW_BITS) === OVERFLOW_BITS;
}

function timeOf(data: DataValue, now: number): { t: number; ns: number } {
  const { sourceTimestamp, sourcePicoseconds, serverTimestamp, serverPicoseconds } = data;
  const isTime = (date: Date | null | undefined): date is Date =>
    date instanceof Date && date.getTime() >= EARLIEST && date.getTime() < LATEST;
  if (isTime(sourceTimestamp)) return instant(sourceTimestamp, sourcePicoseconds);
  if (isTime(serverTimestamp)) return instant(serverTimestamp, serverPicoseconds);
  return { t: now, ns: 0 };
}

/** node-opcua puts what is below a millisecond into the picoseconds. */
function instant(date: Date, picoseconds: number): { t: number; ns: number } {
  const nanoseconds = Math.floor((picoseconds || 0) / 1000);
  return { t: date.getTime() + Math.floor(nanoseconds / 1e6), ns: nanoseconds % 1e6 };
}

function convert(value: Value, { scale = 1, offset = 0 }: Conversion): Value {
  if (scale === 1 && offset === 0) return value;
  if (Array.isArray(value)) return value.map((one) => convert(one, { signal: '', scale, offset }));
  if (typeof value !== 'number') return value;
  const scaled = value * scale + offset;
  return Number.isFinite(scaled) ? scaled : null;
}

/** Structures by member; arrays stay whole, also those of structures. */
function flatten(signal: string, value: Value): (readonly [string, Value])[] {
  if (!isObject(value)) return [[signal, value]];
  const members = Object.entries(value);
  if (members.length === 0 || members.length > MAX_MEMBERS) return [[signal, value]];
  return members.flatMap(([name, member]) => flatten(`${signal}.${name}`, member));
}

function isObject(value: Value): value is { readonly [key: string]: Value } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
