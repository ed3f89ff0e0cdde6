import type { Value } from '../../observation.ts';
import { normalOf } from './chi-square.ts';
import { Correlation } from './correlation.ts';
import { Limit } from './limit.ts';
import { type Tuning, UNUSUAL } from './tuning.ts';

/** Signals that the score of a machine takes in at most: an update costs their square. */
export const MOST_SIGNALS = 32;
/** Samples after which a new inverse is made. */
const INVERT_EVERY = 60;
/** No single sample counts more, standard deviations. */
const MOST = 20;
/** A single sample that is further off is not learnt from. */
const MOST_LEARNT = 6;

/** One signal's part in the score of a machine; all parts are 1 together. */
export interface Contributor {
  readonly signal: string;
  readonly share: number;
}

/**
 * How unusual the signals of a machine are together, in one operating state: Mahalanobis distance of their deviations, by
 * Wilson and Hilferty on the scale of a standard deviation, smoothed, and measured against its own noise.
 *
 * A signal takes part once its correlation with the others has been learnt. While one of them is missing there is no score; when it
 * stays missing for a third of the warm-up it drops out. Whenever the circle changes, the noise is learnt anew.
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
  /** Smoothed, by place among the members. */
  readonly #contributions = new Float64Array(MOST_SIGNALS);
  #sinceInverse = 0;
  /** Samples that the noise was learnt from. */
  #learnt = 0;
  #smoothed = 0;
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
    const now = this.#now();
    const isUnusual = !Number.isNaN(now) && this.#isUnusual(now);
    if (!isUnusual && !(now > MOST_LEARNT)) this.#correlation.learn(this.deviations, size, this.#tuning.learn);
    if (Number.isNaN(now)) this.score = Number.NaN;
  }

  /** The state was left, and has come again. */
  enter(): void {
    this.#smoothed = this.#mean;
    this.#contributions.fill(0);
    this.score = Number.NaN;
  }

  /** The most first. @param names of the signals, in their order */
  contributors(names: readonly string[]): Contributor[] {
    const { members } = this.#correlation;
    const all = this.#contributions.subarray(0, members.length).reduce((sum, part) => sum + part, 0);
    if (!(all > 0)) return [];
    return members
      .map((member, place) => ({
        signal: names[member] as string,
        share: (this.#contributions[place] as number) / all,
      }))
      .sort((a, b) => b.share - a.share);
  }

  snapshot(size: number): Value {
    const { members } = this.#correlation;
    return {
      numbers: [this.#sinceInverse, this.#learnt, this.#smoothed, this.#mean, this.#variance, this.#unusual],
      score: Number.isNaN(this.score) ? null : this.score,
      limit: this.#limit.snapshot(),
      missing: [...this.#missing.subarray(0, size)],
      contributions: [...this.#contributions.subarray(0, members.length)],
      correlation: this.#correlation.snapshot(size),
    };
  }

  restore(snapshot: Value): void {
    const { numbers, score, limit, missing, contributions, correlation } = snapshot as unknown as Kept;
    [this.#sinceInverse, this.#learnt, this.#smoothed, this.#mean, this.#variance, this.#unusual] = numbers;
    this.score = score ?? Number.NaN;
    this.#limit.restore(limit);
    this.#missing.set(missing);
    this.#contributions.set(contributions);
    this.#correlation.restore(correlation);
  }

  /** Sees who takes part. */
  #gather(size: number): void {
    const { phase } = this.#tuning;
    const { members } = this.#correlation;
    let [isOther, place] = [false, 0];
    for (let i = 0; i < size; i++) {
      const isMissing = Number.isNaN(this.deviations[i]);
      this.#missing[i] = isMissing ? (this.#missing[i] as number) + 1 : 0;
      const isMember = members[place] === i;
      if (isMember) place++;
      if (isMember !== this.#belongs(i, isMember, phase)) isOther = true;
    }
    this.#sinceInverse++;
    if (isOther) {
      const signals = Array.from({ length: size }, (_, i) => i);
      const circle = signals.filter((i) => this.#belongs(i, members.includes(i), phase));
      this.#correlation.invert(circle);
      this.#forgetNoise();
    } else if (members.length > 0 && this.#sinceInverse >= INVERT_EVERY) {
      this.#correlation.invert(members);
      this.#sinceInverse = 0;
    }
  }

  #belongs(signal: number, isMember: boolean, phase: number): boolean {
    if (isMember) return (this.#missing[signal] as number) <= phase;
    return this.#missing[signal] === 0 && this.#correlation.countOf(signal) >= phase;
  }

  /** Standard deviations that this sample is off; NaN where that is not known. */
  #now(): number {
    const { members } = this.#correlation;
    if (members.length < 2) return Number.NaN;
    const distance = this.#correlation.distance(this.deviations);
    if (Number.isNaN(distance)) return Number.NaN;
    const { smooth } = this.#tuning;
    for (let place = 0; place < members.length; place++) {
      const old = this.#contributions[place] as number;
      this.#contributions[place] = old + (this.#correlation.contribution(place) - old) * smooth;
    }
    return Math.min(MOST, normalOf(distance, members.length));
  }

  /** Scores the sample. An unusual one must not be learnt. */
  #isUnusual(now: number): boolean {
    const { smooth, phase, learn, noise, drift } = this.#tuning;
    this.#smoothed += (now - this.#smoothed) * smooth;
    if (this.#learnt >= phase) {
      const deviations = (this.#smoothed - this.#mean) / Math.max(Math.sqrt(this.#variance), noise / 2);
      this.score = this.#limit.score(Math.max(0, deviations));
      if (this.score >= UNUSUAL) {
        this.#unusual++;
        if (this.#unusual > Math.min(drift, this.#learnt)) this.#forget();
        return true;
      }
      if (this.#unusual > 0) this.#unusual--;
    }
    this.#learnt++;
    const weight = Math.max(learn, 1 / this.#learnt);
    const deviation = this.#smoothed - this.#mean;
    this.#mean += deviation * weight;
    this.#variance = (1 - weight) * (this.#variance + deviation * deviation * weight);
    return false;
  }

  #forgetNoise(): void {
    this.#sinceInverse = this.#learnt = this.#smoothed = this.#mean = this.#variance = this.#unusual = 0;
    this.#contributions.fill(0);
    this.score = Number.NaN;
  }

  #forget(): void {
    this.#forgetNoise();
    this.#correlation.forget();
  }
}

interface Kept {
  readonly numbers: readonly [number, number, number, number, number, number];
  readonly score: number | null;
  readonly limit: Value;
  readonly missing: readonly number[];
  readonly contributions: readonly number[];
  readonly correlation: Value;
}
