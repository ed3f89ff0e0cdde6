import { Random } from '../../../simulator/mtconnect/random.ts';
import type { Observation, Value } from '../../../src/observation.ts';
import { AnomalyEngine } from '../../../src/pipeline/anomaly/engine.ts';
import type { AnomalySettings } from '../../../src/pipeline/anomaly/tuning.ts';

export const T0 = Date.UTC(2026, 0, 5);
export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

/** As the config has them. */
export const DEFAULTS: AnomalySettings = {
  ...{ signals: ['*'], state: 'state', halfLife: HOUR, warmUp: HOUR, settle: 15 * SECOND, sample: SECOND },
  ...{ smooth: 10 * SECOND, drift: 8 * HOUR, falseAlarm: DAY, stale: 30 * SECOND },
};

export const SIGNALS = ['load', 'rpm', 'temperature', 'vibration', 'power', 'feed'] as const;
export type Signal = (typeof SIGNALS)[number];
export type Values = Record<Signal, number>;

/** Normally distributed, mean 0 and standard deviation 1 (Box and Muller). */
export class Noise {
  readonly #random: Random;
  constructor(seed: number) {
    this.#random = new Random(seed);
  }
  next(): number {
    return Math.sqrt(-2 * Math.log(1 - this.#random.next())) * Math.cos(2 * Math.PI * this.#random.next());
  }
}

/**
 * A machine whose cut wanders about a level over some 20 s: load, feed, power and vibration follow it and each has noise of its own,
 * the temperature follows the load over four minutes. Idle, all are near what they are without a cut.
 */
export class Plant {
  readonly #noise: Noise;
  #cut = 0;
  #warmth = 0;

  constructor(seed: number) {
    this.#noise = new Noise(seed);
  }

  /** The next second. */
  next(isRunning: boolean): Values {
    const noise = this.#noise;
    this.#cut += -this.#cut / 20 + Math.sqrt(2 / 20 - 1 / 400) * noise.next();
    this.#warmth += (this.#cut - this.#warmth) / 240;
    const cut = isRunning ? this.#cut : 0;
    const level = isRunning ? 1 : 0;
    return {
      load: 5 + level * 45 + 8 * cut + 2 * noise.next(),
      rpm: level * 6000 - 20 * cut + 10 * noise.next(),
      temperature: 35 + 30 * this.#warmth + 0.3 * noise.next(),
      vibration: 0.4 + level * 1.6 + 0.15 * cut + 0.1 * noise.next(),
      power: 900 + level * 4000 + 600 * cut + 120 * noise.next(),
      feed: level * 1800 - 150 * cut + 30 * noise.next(),
    };
  }
}

/** A fault as it shows in the signals, `seconds` after it began. */
export type Fault = (values: Values, seconds: number) => void;

/** Drives an engine second by second, by the same shifts each day: 20 min running, 5 min idle. */
export class Shift {
  readonly engine: AnomalyEngine;
  readonly plant: Plant;
  second = 0;

  constructor(seed: number, settings: Partial<AnomalySettings> = {}) {
    this.engine = new AnomalyEngine({ ...DEFAULTS, ...settings });
    this.plant = new Plant(seed);
  }

  get isRunning(): boolean {
    return this.second % 1500 < 1200;
  }

  /** Lets a second pass. */
  step(fault?: Fault, since = 0): Values {
    const t = T0 + this.second * SECOND;
    if (this.second % 1500 === 0 || this.second % 1500 === 1200) {
      this.engine.observe(observation('state', t, this.isRunning ? 'running' : 'idle'));
    }
    const values = this.plant.next(this.isRunning);
    fault?.(values, this.second - since);
    for (const signal of SIGNALS) this.engine.observe(observation(signal, t, values[signal]));
    this.second++;
    this.engine.advance(T0 + this.second * SECOND);
    return values;
  }

  pass(ms: number, fault?: Fault): this {
    const since = this.second;
    const until = this.second + ms / SECOND;
    while (this.second < until) this.step(fault, since);
    return this;
  }

  /** Seconds from the beginning of a fault until the score is 3 or more; undefined: not within `ms`. */
  delay(fault: Fault, ms: number, signal?: Signal): number | undefined {
    const since = this.second;
    while (this.second - since < ms / SECOND) {
      this.step(fault, since);
      if ((this.engine.score(signal) ?? 0) >= 3) return this.second - since;
    }
    return undefined;
  }
}

export function observation(signal: string, t: number, v: Value, q: Observation['q'] = 'good'): Observation {
  return { signal, t, ns: 0, v, q };
}

/** Counts how often scores reach 3: an alarm is over when the score has been below 2 for 200 s. */
export class Alarms {
  /** Samples that had a score, and those that reached 3. */
  scored = 0;
  reached = 0;
  count = 0;
  #calm = Number.POSITIVE_INFINITY;

  /** Another machine. */
  begin(): void {
    this.#calm = Number.POSITIVE_INFINITY;
  }

  take(score: number | undefined): void {
    if (score === undefined) return;
    this.scored++;
    if (score >= 3) {
      this.reached++;
      if (this.#calm >= 200) this.count++;
      this.#calm = 0;
    } else if (score < 2) this.#calm++;
  }
}
