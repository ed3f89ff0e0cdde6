/** Whether the gateway's own clock was known to be right when a batch was made. */
export type ClockQuality = 'synced' | 'unsynced';

/** A clock, handed to whatever needs the time. */
export interface Clock {
  /** Whole milliseconds since the Unix epoch. */
  now(): number;
}

/** A clock that tells how it is set, so that what it stamped can be corrected when it turns out to have been wrong. */
export interface StampClock extends Clock {
  /**
   * What this clock showed when the monotonic clock was at zero, whole milliseconds since the epoch. It changes only
   * when somebody sets the clock: a time of origin A is, by a clock of origin B, that time + B − A.
   */
  origin(): number;
}

/** Milliseconds since the machine was booted. Runs on whatever happens to the wall clock (CLOCK_MONOTONIC). */
export function sinceBoot(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

function originNow(): number {
  return Math.round(Date.now() - sinceBoot());
}

/** The computer's own wall clock. */
export const systemClock: StampClock = { now: () => Date.now(), origin: originNow };
