import type { Value } from '../../observation.ts';

/** Counts what a counter of the machine adds. One that goes back has begun anew at 0. */
export class PartCounter {
  readonly #maxStep: number;
  #last: number | undefined;

  /** `maxStep`: parts that may be added from one reading to the next. */
  constructor(maxStep: number) {
    this.#maxStep = maxStep;
  }

  /** Parts since the reading before; undefined for a step that is too large to be true. */
  add(value: number): number | undefined {
    const last = this.#last;
    this.#last = value;
    if (last === undefined) return 0;
    const step = value < last ? value : value - last;
    return step >= 0 && step <= this.#maxStep ? step : undefined;
  }

  snapshot(): Value {
    return this.#last ?? null;
  }

  restore(state: Value): void {
    this.#last = typeof state === 'number' ? state : undefined;
  }
}
