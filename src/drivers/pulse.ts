/**
 * A driver's sign of life beside its readings. `answer`: the machine said something. `turn`: its loop goes round, whether or not
 * the machine answers. `unreadable`: what the machine said could not be understood.
 */
export type Sign = 'answer' | 'turn' | 'unreadable';

/** What one machine's supervision does: reads, hands a reading over, or waits before it tries again. */
export type Doing = 'reading' | 'handing-over' | 'waiting';

/** How one machine's driver lives, for the watchdog. Times are those of `performance.now()`. */
export class Pulse {
  #doing: Doing = 'waiting';
  #beatAt = performance.now();
  /** Answers and the like of which nothing could be understood. */
  unreadable = 0;
  /** How often the driver has failed and was started again. */
  failures = 0;
  /** When the machine was last heard. */
  heardAt: number | undefined;

  get doing(): Doing {
    return this.#doing;
  }

  /** Milliseconds since anything happened. */
  silence(now: number): number {
    return now - this.#beatAt;
  }

  /** The supervision goes on to something else. */
  turnTo(doing: Doing): void {
    this.#doing = doing;
    this.#beatAt = performance.now();
  }

  sign(sign: Sign): void {
    this.#beatAt = performance.now();
    if (sign === 'answer') this.heardAt = this.#beatAt;
    if (sign === 'unreadable') this.unreadable += 1;
  }
}
