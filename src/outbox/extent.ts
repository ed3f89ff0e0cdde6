import type { Kind } from '../wire/contract.ts';

/** Data that comes as it is made is stored within this time. */
const REACH_MS = 3_600_000;

interface Extended {
  readonly kind: Kind;
  /** Of the earliest entry, milliseconds since the epoch. */
  readonly t0: number;
  /** When it was committed, milliseconds since the epoch. */
  readonly storedAt: number;
  /** JSON text; undefined where it cannot be read. */
  readonly body: string | undefined;
}

/**
 * When the time that a batch tells of begins, in milliseconds since the epoch: its earliest entry, but for values that a machine
 * had reached long before it was read. Those come once a signal, in a snapshot; data that was read late has more entries
 * of a signal. What lies more than an hour before them, or before the commit, is left out. Pure.
 */
export function beginOf({ kind, t0, storedAt, body }: Extended): number {
  // Rollups are stored long after their windows.
  const stored = kind === 'rollup' ? Number.POSITIVE_INFINITY : storedAt;
  if (t0 >= stored - REACH_MS) return t0;
  const columns = columnsOf(body);
  const later = columns.flatMap((offsets) => offsets.slice(1).map((offset) => t0 + offset));
  const reach = later.reduce((least, time) => Math.min(least, time), stored) - REACH_MS;
  if (reach === Number.POSITIVE_INFINITY) return t0;
  const within = columns.flat().filter((offset) => t0 + offset >= reach);
  return Math.floor(within.length === 0 ? reach : t0 + within.reduce((least, offset) => Math.min(least, offset)));
}

/** The times of each signal, milliseconds after t0; none where the body cannot be read. */
function columnsOf(body: string | undefined): (readonly number[])[] {
  if (body === undefined) return [];
  try {
    const signals: Record<string, { readonly t: readonly number[] }> = JSON.parse(body);
    return Object.values(signals).map(({ t }) => t);
  } catch {
    // A damaged body tells no times.
    return [];
  }
}
