import { type Evaluate, truth } from '../../expression/compile.ts';
import type { Value } from '../../observation.ts';
import type { EventClock, Timed } from './clock.ts';
import { wakeAt } from './wake.ts';

/**
 * For how long a condition has been true, in event time. While it is unknown the time stands still: it neither counts
 * nor is lost.
 */
export class Held implements Timed {
  readonly #condition: Evaluate<EventClock>;
  readonly #limits: readonly number[];
  /** Undefined while the condition is not true. */
  #since: number | undefined;
  /** Since when it has been unknown; undefined while it is known. */
  #unknownFrom: number | undefined;
  #isKnown = false;

  /** `limits`: the seconds that it is compared with; none: it is used otherwise. */
  constructor(condition: Evaluate<EventClock>, limits: readonly number[]) {
    this.#condition = condition;
    this.#limits = limits;
  }

  /** Looks at the condition. To be called whenever something that it reads has changed. */
  update(clock: EventClock): void {
    const is = truth(this.#condition(clock));
    if (is === null) {
      this.#isKnown = false;
      if (this.#since !== undefined) this.#unknownFrom ??= clock.now;
      return;
    }
    this.#isKnown = true;
    if (!is) this.#since = undefined;
    else if (this.#since === undefined) this.#since = clock.now;
    else if (this.#unknownFrom !== undefined) this.#since += clock.now - this.#unknownFrom;
    this.#unknownFrom = undefined;
  }

  /** Seconds; 0 while it is false, null while it is unknown. */
  seconds({ now }: EventClock): number | null {
    if (!this.#isKnown) return null;
    return this.#since === undefined ? 0 : (now - this.#since) / 1000;
  }

  wake(clock: EventClock): number {
    const isCounting = this.#isKnown && this.#since !== undefined;
    return isCounting ? wakeAt(this.#since as number, this.#limits, clock) : Number.POSITIVE_INFINITY;
  }

  snapshot(): Value {
    return [this.#since ?? null, this.#unknownFrom ?? null, this.#isKnown];
  }

  restore(snapshot: Value): void {
    const [since, unknownFrom, isKnown] = snapshot as [number | null, number | null, boolean];
    this.#since = since ?? undefined;
    this.#unknownFrom = unknownFrom ?? undefined;
    this.#isKnown = isKnown;
  }
}
