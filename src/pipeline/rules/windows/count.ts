import type { Value } from '../../../observation.ts';
import { Tally } from './tally.ts';
import type { Window } from './window.ts';

/** How many values came that were available, of any kind. */
export class CountWindow implements Window {
  readonly #tally: Tally;

  constructor(window: number) {
    this.#tally = new Tally(window);
  }

  observe(t: number, v: Value): void {
    if (v !== null) this.#tally.add(t, 1);
  }

  count(now: number): number {
    this.#tally.moveTo(now);
    return this.#tally.total;
  }

  wake(now: number): number {
    return this.#tally.wake(now);
  }
}
