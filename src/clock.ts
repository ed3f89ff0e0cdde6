/** Wall clock and timers, handed to whatever needs them. */
export interface Clock {
  /** Whole milliseconds since the Unix epoch. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };
