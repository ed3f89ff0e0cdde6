import type { Value } from '../../observation.ts';
import { HIGHEST, type Tuning, UNUSUAL, WIDEN } from './tuning.ts';

/** However wild a signal is, what is so many times the limit of well-behaved noise is unusual. */
const WIDEST = 4;
/** An alarm is over below this part of the limit. */
const OVER = 2 / 3;

/**
 * Where unusual begins, in standard deviations of a score, so that normal operation gets there once in `falseAlarm`. What
 * is not normally distributed (programs, tool changes) alarms more often at first: each alarm widens the limit by 5 %,
 * each `falseAlarm` without one takes 5 % back. What lasts is one alarm, however long, so that a fault does not widen
 * it away.
 */
export class Limit {
  readonly #tuning: Tuning;
  #level: number;
  /** Samples below since the last alarm. */
  #calm: number;

  constructor(tuning: Tuning) {
    this.#tuning = tuning;
    this.#level = tuning.limit;
    this.#calm = tuning.calm;
  }

  /** @returns the score, 0 … 100, of which 3 is the limit, for the standard deviations that a sample is off */
  score(deviations: number): number {
    const { limit, narrow, calm } = this.#tuning;
    const score = Math.min(HIGHEST, (deviations * UNUSUAL) / this.#level);
    if (score >= UNUSUAL) {
      if (this.#calm >= calm) this.#level = Math.min(WIDEST * limit, this.#level * WIDEN);
      this.#calm = 0;
    } else if (score < UNUSUAL * OVER) {
      if (this.#calm < calm) this.#calm++;
      else this.#level = Math.max(limit, this.#level * narrow);
    }
    return score;
  }

  snapshot(): Value {
    return [this.#level, this.#calm];
  }

  restore(snapshot: Value): void {
    [this.#level, this.#calm] = snapshot as [number, number];
  }
}
