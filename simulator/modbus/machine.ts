import { Random } from '../mtconnect/random.ts';
import { SimulatedUnit, type UnitOptions } from './device.ts';
import type { Point, PointValue } from './encode.ts';
import { MACHINES, type MachineKind } from './machines.ts';

/** A value as a correct reader makes it of the registers. */
export interface Produced {
  readonly name: string;
  readonly signal: string;
  readonly value: PointValue;
  /** Milliseconds since the epoch when it was written. */
  readonly t: number;
}

export interface MachineOptions extends Pick<UnitOptions, 'onRequest' | 'maxRegisters' | 'maxBits'> {
  readonly kind: MachineKind;
  /** For the books. */
  readonly name: string;
  readonly seed?: number;
  /** Steps a second; default 10. */
  readonly rate?: number;
  /** Told each value once, when it differs from the one before. */
  readonly onProduced?: (produced: Produced) => void;
}

/** A simulated machine that lives in a unit. The same seed and steps give the same values. */
export class SimulatedModbusMachine {
  readonly unit: SimulatedUnit;
  readonly #options: MachineOptions;
  readonly #live: (seconds: number) => Record<string, PointValue>;
  readonly #latest = new Map<string, PointValue>();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: MachineOptions) {
    const { identity, ranges, live } = MACHINES[options.kind];
    this.#options = options;
    this.#live = live(new Random(options.seed ?? 1));
    this.unit = new SimulatedUnit({ ...options, identity, ranges });
    this.step(0);
  }

  /** Its signals in the words of a gateway's config. */
  get signals(): Readonly<Record<string, Point>> {
    return MACHINES[this.#options.kind].points;
  }

  /** What the unit holds now, by signal. */
  get values(): ReadonlyMap<string, PointValue> {
    return this.#latest;
  }

  /** Lets time pass and writes what came of it. */
  step(seconds: number): void {
    const t = Date.now();
    for (const [signal, wanted] of Object.entries(this.#live(seconds))) {
      const value = this.unit.write(this.signals[signal] as Point, wanted);
      if (this.#latest.get(signal) === value) continue;
      this.#latest.set(signal, value);
      this.#options.onProduced?.({ name: this.#options.name, signal, value, t });
    }
  }

  /** Moves on by the clock until `pause`. */
  run(): void {
    const seconds = 1 / (this.#options.rate ?? 10);
    this.#timer ??= setInterval(() => this.step(seconds), seconds * 1000);
  }

  /** Everything stays as it is. */
  pause(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
