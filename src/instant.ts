/** An instant to the nanosecond, which one double cannot hold. */
export interface Instant {
  /** Whole milliseconds since the Unix epoch. */
  readonly t: number;
  /** Nanoseconds within that millisecond, 0…999,999. */
  readonly ns: number;
}

/**
 * The instant that lies an offset of milliseconds after `t0`. Rounded to whole nanoseconds, which a double of
 * milliseconds holds for 49 days (2^32 ms).
 */
export function instantAt(t0: number, offset: number): Instant {
  const nanoseconds = Math.round(offset * 1e6);
  const ms = Math.floor(nanoseconds / 1e6);
  return { t: t0 + ms, ns: nanoseconds - ms * 1e6 };
}
