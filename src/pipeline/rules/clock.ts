/** Event time, as the conditions of one machine see it. Milliseconds since the epoch. */
export interface EventClock {
  /** Never goes back. */
  readonly now: number;
  /** Where a jump that is under way will end; `now` where there is none. */
  readonly until: number;
  /** When the first observation came; counts as the last one of signals that have had none. */
  readonly start: number;
}

/** Something whose value changes with time alone. */
export interface Timed {
  /** When it may change next if nothing is observed; Infinity where it will not. */
  wake(clock: EventClock): number;
}
