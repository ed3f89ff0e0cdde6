import type { Value } from '../../observation.ts';
import { normalOf } from './chi-square.ts';
import { Correlation } from './correlation.ts';
import { Limit } from './limit.ts';
import { type Tuning, UNUSUAL } from './tuning.ts';

/** Signals that the score of a machine takes in at most: an update costs their square. */
export const MOST_SIGNALS = 32;
/** Samples after which a new inverse is made. */
const INVERT_EVERY = 60;
/** A correlation is worth something after so many independent samples for each signal. */
const INDEPENDENT = 5;
/** No single sample counts more, standard deviations. */
const MOST = 20;
/** The noise of well-behaved signals is 1. */
const LEAST_NOISE = 0.5;

/** One signal’s part in the score of a machine; all parts are 1 together. */
export interface Contributor {
  readonly signal: string;
  readonly share: number;
}

/**
 * How unusual the signals of a machine are together, in one operating state: Mahalanobis distance of their smoothed
 * deviations (a multivariate EWMA chart, Lowry 1992), by Wilson and Hilferty on the scale of a standard deviation, measured
 * against its own noise.
 *
 * A signal takes part once its correlation with the others has been learnt. While one of them is missing there is no score;
 * when it stays missing for a quarter of the warm-up it drops out. Whenever the circle changes, the noise is learnt anew.
 */
export class MachineModel {
  /** 0 as usual, from 3 on unusual; NaN while it is not known. */
  score = Number.NaN;
  /** Of each signal; NaN where there is none. Whoever owns the model writes it before `step`. */
  readonly deviations = new Float64Array(MOST_SIGNALS).fill(Number.NaN);
  readonly #tuning: Tuning;
  readonly #limit: Limit;
  readonly #correlation = new Correlation(MOST_SIGNALS);
  /** Samples for which each signal has been missing. */
  readonly #missing = new Float64Array(MOST_SIGNALS);
  #sinceInverse = 0;
  /** Samples that the noise was learnt from. */
  #learnt = 0;
  #mean = 0;
  #variance = 0;
  #unusual = 0;

  constructor(tuning: Tuning) {
    this.#tuning = tuning;
    this.#limit = new Limit(tuning);
  }

  /** Takes a sample of the first `size` signals. */
  step(size: number): void {
    this.#gather(size);
    this.score = Number.NaN;
    const { members } = this.#correlation;
    const distance = members.length < 2 ? Number.NaN : this.#correlation.distance(this.deviations);
    if (!Number.isNaN(distance) && this.#isUnusual(Math.min(MOST, normalOf(distance, members.length)))) return;
    this.#correlation.learn(this.deviations, size, this.#tuning.learn);
  }

  /** The state was left, and has come again. */
  enter(): void {
    this.score = Number.NaN;
  }

  /** The most first. @param names of the signals, in their order */
  contributors(names: readonly string[]): Contributor[] {
    const parts = this.#correlation.contributions(this.deviations);
    const all = parts.reduce((sum, part) => sum + part, 0);
    if (!(all > 0)) return [];
    return this.#correlation.members
      .map((member, place) => ({ signal: names[member] as string, share: (parts[place] as number) / all }))
      .sort((a, b) => b.share - a.share);
  }

  snapshot(size: number): Value {
    return {
      numbers: [this.#sinceInverse, this.#learnt, this.#mean, this.#variance, this.#unusual],
      score: orNull(this.score),
      limit: this.#limit.snapshot(),
      missing: [...this.#missing.subarray(0, size)],
      deviations: Array.from(this.deviations.subarray(0, size), orNull),
      correlation: this.#correlation.snapshot(size),
    };
  }

  restore(snapshot: Value): void {
    const { numbers, score, limit, missing, deviations, correlation } = snapshot as unknown as Kept;
    [this.#sinceInverse, this.#learnt, this.#mean, this.#variance, this.#unusual] = numbers;
    this.score = score ?? Number.NaN;
    this.#limit.restore(limit);
    this.#missing.set(missing);
    this.deviations.set(deviations.map((deviation) => deviation ?? Number.NaN));
    this.#correlation.restore(correlation);
  }

  /** Sees who takes part. */
  #gather(size: number): void {
    const { members } = this.#correlation;
    let [isOther, place] = [false, 0];
    for (let i = 0; i < size; i++) {
      this.#missing[i] = Number.isNaN(this.deviations[i]) ? (this.#missing[i] as number) + 1 : 0;
      const isMember = members[place] === i;
      if (isMember) place++;
      if (isMember !== this.#belongs(i, isMember, size)) isOther = true;
    }
    this.#sinceInverse++;
    if (isOther) {
      const signals = Array.from({ length: size }, (_, i) => i);
      this.#correlation.invert(signals.filter((i) => this.#belongs(i, members.includes(i), size)));
      this.#forgetNoise();
    } else if (members.length > 0 && this.#sinceInverse >= INVERT_EVERY) {
      this.#correlation.invert(members);
      this.#sinceInverse = 0;
    }
  }

  #belongs(signal: number, isMember: boolean, size: number): boolean {
    const { phase, smooth } = this.#tuning;
    if (isMember) return (this.#missing[signal] as number) <= phase;
    const enough = Math.max(phase, (INDEPENDENT * size) / smooth);
    return this.#missing[signal] === 0 && this.#correlation.countOf(signal) >= enough;
  }

  /** Scores a sample that is so many standard deviations off. An unusual one must not be learnt. */
  #isUnusual(off: number): boolean {
    const { phase, learn, drift } = this.#tuning;
    if (this.#learnt >= phase) {
      const noise = Math.max(Math.sqrt(this.#variance), LEAST_NOISE);
      this.score = this.#limit.score(Math.max(0, (off - this.#mean) / noise));
      if (this.score >= UNUSUAL) {
        this.#unusual++;
        if (this.#unusual > Math.min(drift, this.#learnt)) this.#forget();
        return true;
      }
      if (this.#unusual > 0) this.#unusual--;
    }
    this.#learnt++;
    const weight = Math.max(learn, 1 / this.#learnt);
    const deviation = off - this.#mean;
    this.#mean += deviation * weight;
    this.#variance = (1 - weight) * (this.#variance + deviation * deviation * weight);
    return false;
  }

  #forgetNoise(): void {
    this.#sinceInverse = this.#learnt = this.#mean = this.#variance = this.#unusual = 0;
  }

  #forget(): void {
    this.#forgetNoise();
    this.score = Number.NaN;
    this.#correlation.forget();
  }
}

function orNull(number: number): number | null {
  return Number.isNaN(number) ? null : number;
}

interface Kept {
  readonly numbers: readonly [number, number, number, number, number];
  readonly score: number | null;
  readonly limit: Value;
  readonly missing: readonly number[];
  readonly deviations: readonly (number | null)[];
  readonly correlation: Value;
}
