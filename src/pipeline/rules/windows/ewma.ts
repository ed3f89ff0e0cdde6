import type { Value } from '../../../observation.ts';
import type { KeptWindow } from './window.ts';

/**
 * Mean in which a value counts the less the older it is: half as much after each half-life. For values at any distance in
 * time. Late ones are left out, since what came after them has been weighed.
 */
export class EwmaWindow implements KeptWindow {
  readonly #halfLife: number;
  #mean: number | null = null;
  #t = 0;

  constructor(halfLife: number) {
    this.#halfLife = halfLife;
  }

  observe(t: number, v: Value, isLate: boolean): void {
    if (typeof v !== 'number' || isLate) return;
    this.#mean = this.#mean === null ? v : this.#mean + (v - this.#mean) * (1 - 2 ** ((this.#t - t) / this.#halfLife));
    this.#t = t;
  }

  /** Null before there was a number. */
  mean(): number | null {
    return this.#mean;
  }

  wake(): number {
    return Number.POSITIVE_INFINITY;
  }

  snapshot(): Value {
    return [this.#mean, this.#t];
  }

  restore(snapshot: Value): void {
    [this.#mean, this.#t] = snapshot as [number | null, number];
  }
}
