import type { Random } from './random.ts';
import type { SimulatedValue } from './value.ts';

const AMBIENT_C = 21;
const IDLE_W = 850;
/** Seconds in which the spindle comes within a third of a new speed. */
const SPINDLE_LAG_S = 0.4;
/** Seconds in which temperatures come within a third of where they go. */
const THERMAL_LAG_S = 240;
const VIBRATION_VALUES = 10;
const VIBRATION_RATE = 100;
/** What one time series covers. */
export const SERIES_MICROS = (VIBRATION_VALUES / VIBRATION_RATE) * 1e6;
const HOME = { X: 0, Y: 0, Z: 250 };

export type Axis = 'X' | 'Y' | 'Z';
export type Point = Readonly<Record<Axis, number>>;

/** The items that `CncDynamics.read` knows. */
export const SAMPLES = [
  'Srpm',
  'Sload',
  'Fact',
  'Xabs',
  'Yabs',
  'Zabs',
  'Xload',
  'Yload',
  'Zload',
  'power',
  'Stemp',
  'cool_temp',
  'Scmd',
  'Svib',
] as const;
export type SampleName = (typeof SAMPLES)[number];

/** What moves, turns, warms up and vibrates; the program sets its targets. */
export class CncDynamics {
  readonly #random: Random;
  #now = 0;
  #spindle = 0;
  #spindleTemp = AMBIENT_C;
  #coolantTemp = AMBIENT_C;
  #from: Point = HOME;
  #to: Point = HOME;
  #moveStart = 0;
  #moveEnd = 0;
  /** rev/min. */
  spindleTarget = 0;
  /** mm/min, overrides included; 0 while the axes stand. */
  feed = 0;
  /** How hard the tool cuts, 0 … 1. */
  cutting = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  /** Lets time pass until `micros`. */
  advance(micros: number): void {
    const seconds = this.#now === 0 ? 0 : (micros - this.#now) / 1e6;
    this.#now = micros;
    const lag = 1 - Math.exp(-seconds / SPINDLE_LAG_S);
    this.#spindle += (this.spindleTarget - this.#spindle) * lag;
    const warming = 1 - Math.exp(-seconds / THERMAL_LAG_S);
    this.#spindleTemp += (AMBIENT_C + this.#spindle / 400 + 12 * this.cutting - this.#spindleTemp) * warming;
    this.#coolantTemp += (AMBIENT_C + 9 * this.cutting - this.#coolantTemp) * warming;
  }

  /** A straight move from wherever the axes are now. */
  moveTo(target: Point, seconds: number): void {
    this.#from = { X: this.#axis('X'), Y: this.#axis('Y'), Z: this.#axis('Z') };
    this.#to = target;
    this.#moveStart = this.#now;
    this.#moveEnd = this.#now + seconds * 1e6;
  }

  /** The axes stop where they are. */
  halt(): void {
    this.moveTo({ X: this.#axis('X'), Y: this.#axis('Y'), Z: this.#axis('Z') }, 0);
    this.feed = 0;
    this.cutting = 0;
  }

  /** Where the last move leads. */
  get target(): Point {
    return this.#to;
  }

  read(item: SampleName): SimulatedValue {
    switch (item) {
      case 'Srpm':
        return this.#spindle < 10 ? 0 : round(this.#spindle + 1.5 * this.#random.noise(), 1);
      case 'Scmd':
        return this.spindleTarget;
      case 'Sload':
        return this.#spindleLoad();
      case 'Fact':
        return this.feed === 0 ? 0 : round(Math.max(0, this.feed / 60 + 0.05 * this.#random.noise()), 3);
      case 'Xabs':
      case 'Yabs':
      case 'Zabs':
        return round(this.#axis(item.charAt(0) as Axis) + 0.0004 * this.#random.noise(), 4);
      case 'Xload':
      case 'Yload':
      case 'Zload':
        return round(Math.abs(3 + 20 * this.cutting + (this.feed > 0 ? 6 : 0) + this.#random.noise()), 1);
      case 'power':
        return round(IDLE_W + 0.35 * this.#spindle + 62 * this.#spindleLoad() + 8 * this.#random.noise(), 0);
      case 'Stemp':
        return round(this.#spindleTemp + 0.05 * this.#random.noise(), 2);
      case 'cool_temp':
        return round(this.#coolantTemp + 0.05 * this.#random.noise(), 2);
      case 'Svib':
        return { series: Array.from({ length: VIBRATION_VALUES }, () => this.#vibration()), rate: VIBRATION_RATE };
    }
  }

  /** Percent: friction, the cut, and what it takes to speed up. */
  #spindleLoad(): number {
    const turning = this.#spindle < 1 ? 0 : 4;
    const ramp = Math.max(0, this.spindleTarget - this.#spindle) / 80;
    return round(Math.max(0, turning + 55 * this.cutting + ramp + (0.3 + 3 * this.cutting) * this.#random.noise()), 1);
  }

  #vibration(): number {
    return round((this.#spindle / 4000 + 2 * this.cutting) * this.#random.noise(), 3);
  }

  #axis(axis: Axis): number {
    const progress = this.#now >= this.#moveEnd ? 1 : (this.#now - this.#moveStart) / (this.#moveEnd - this.#moveStart);
    return this.#from[axis] + (this.#to[axis] - this.#from[axis]) * progress;
  }
}

function round(value: number, digits: number): number {
  const scale = 10 ** digits;
  return Math.round(value * scale) / scale;
}
