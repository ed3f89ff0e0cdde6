import type { Value } from '../../observation.ts';
import { Limit } from './limit.ts';
import { type Tuning, UNUSUAL } from './tuning.ts';

/** No deviation counts more, standard deviations. */
const MOST = 20;
/** What is learnt from a single sample is no further off. */
const MOST_LEARNT = 5;
/** A spread below this part of the level is none that matters, e.g. of a setpoint. */
const LEAST_SPREAD = 1e-4;
/** Squares of greater numbers would not be finite. */
const LARGEST = 1e100;

/**
 * What is usual for one signal in one operating state: EWMA of its level and variance, and how far the smoothed
 * deviation from them wanders by itself. That noise is learnt, not assumed, since samples of a machine depend on each other.
 * Fed once a sample; nothing is learnt while the score is unusual, and all is learnt anew when that has lasted for `drift`, or for
 * longer than the signal had been known.
 */
export class SignalModel {
  /** 0 as usual, from 3 on unusual; NaN while it is not known. */
  score = Number.NaN;
  readonly #tuning: Tuning;
  readonly #limit: Limit;
  #learnt = 0;
  #level = 0;
  #variance = 0;
  #smoothed = 0;
  /** Mean square of `#smoothed`. */
  #noise: number;
  #unusual = 0;

  constructor(tuning: Tuning) {
    this.#tuning = tuning;
    this.#limit = new Limit(tuning);
    this.#noise = tuning.noise ** 2;
  }

  /**
   * @param isHeld what is known already must stay as it is
   * @returns the smoothed deviation in multiples of its noise, of either sign; NaN while that is not known
   */
  step(value: number, isHeld: boolean): number {
    const { phase, learn, smooth, noise } = this.#tuning;
    const x = Math.max(-LARGEST, Math.min(LARGEST, value));
    if (this.#learnt < phase) {
      this.score = Number.NaN;
      this.#learn(x - this.#level, 1 / (this.#learnt + 1));
      return Number.NaN;
    }
    const spread = Math.max(Math.sqrt(this.#variance), LEAST_SPREAD * Math.abs(this.#level), Number.MIN_VALUE);
    const z = clip((x - this.#level) / spread, MOST);
    this.#smoothed += (z - this.#smoothed) * smooth;
    const weight = Math.max(learn, 1 / (this.#learnt + 1));
    let deviation = Number.NaN;
    if (this.#learnt < 2 * phase) {
      this.#noise += (this.#smoothed ** 2 - this.#noise) / (this.#learnt - phase + 1);
    } else {
      deviation = this.#smoothed / Math.max(Math.sqrt(this.#noise), noise / 2);
      if (this.#isUnusual(Math.abs(deviation)) || isHeld) return deviation;
      this.#noise += (this.#smoothed ** 2 - this.#noise) * weight;
    }
    this.#learn(clip(z, MOST_LEARNT) * spread, weight);
    return deviation;
  }

  /** The state was left, and has come again. */
  enter(): void {
    this.#smoothed = 0;
    this.score = Number.NaN;
  }

  snapshot(): Value {
    const numbers = [this.#learnt, this.#level, this.#variance, this.#smoothed, this.#noise, this.#unusual];
    return [...numbers, Number.isNaN(this.score) ? null : this.score, this.#limit.snapshot()];
  }

  restore(snapshot: Value): void {
    const kept = snapshot as [number, number, number, number, number, number, number | null, Value];
    [this.#learnt, this.#level, this.#variance, this.#smoothed, this.#noise, this.#unusual] = kept;
    this.score = kept[6] ?? Number.NaN;
    this.#limit.restore(kept[7]);
  }

  #learn(deviation: number, weight: number): void {
    this.#level += deviation * weight;
    this.#variance = (1 - weight) * (this.#variance + deviation * deviation * weight);
    this.#learnt++;
  }

  /** Scores the sample. An unusual one must not be learnt. */
  #isUnusual(deviation: number): boolean {
    const { drift } = this.#tuning;
    this.score = this.#limit.score(deviation);
    if (this.score < UNUSUAL) {
      if (this.#unusual > 0) this.#unusual--;
      return false;
    }
    this.#unusual++;
    if (this.#unusual > Math.min(drift, this.#learnt)) this.#forget();
    return true;
  }

  #forget(): void {
    this.score = Number.NaN;
    this.#learnt = this.#level = this.#variance = this.#smoothed = this.#unusual = 0;
    this.#noise = this.#tuning.noise ** 2;
  }
}

function clip(value: number, most: number): number {
  return value > most ? most : value < -most ? -most : value;
}
