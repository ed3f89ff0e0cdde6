/** The next deadline of a schedule, and how many before it have been missed. */
export interface Deadline {
  /** On the clock that `now` was of, in milliseconds. */
  readonly at: number;
  readonly missed: number;
}

/**
 * Deadlines at start + n × interval: no delay of one shifts the next, and those that have passed are skipped and counted,
 * never made up for.
 */
export class Schedule {
  readonly #start: number;
  readonly #interval: number;
  #next = 0;

  constructor(start: number, interval: number) {
    this.#start = start;
    this.#interval = interval;
  }

  /** The deadline to wait for now. One that has just come may still be kept: it is missed when the one after it has come. */
  next(now: number): Deadline {
    const latest = Math.floor((now - this.#start) / this.#interval);
    const missed = Math.max(0, latest - this.#next);
    const n = this.#next + missed;
    this.#next = n + 1;
    return { at: this.#start + n * this.#interval, missed };
  }
}
