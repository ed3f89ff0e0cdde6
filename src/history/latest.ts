import { type Clock, systemClock } from '../clock.ts';
import type { Quality, Value } from '../observation.ts';

/** Signals of one machine that are remembered at most: names can be as many as a machine makes up. */
const MAX_SIGNALS = 20_000;
const QUALITIES: readonly unknown[] = ['good', 'uncertain', 'bad'] satisfies Quality[];

/** The last value of a signal. */
export interface LatestValue {
  readonly name: string;
  readonly unit?: string | undefined;
  /** Milliseconds since the epoch, as the source stamped it. */
  readonly t: number;
  readonly v: Value;
  readonly q: Quality;
}

/**
 * What is known of a signal. It changes in place, since most of it is never looked at; a number has a field of its own, since V8 makes
 * no object of each then.
 */
interface Known {
  unit: string | undefined;
  t: number;
  /** NaN where the value is none. */
  number: number;
  other: Value;
  q: Quality;
  /** As it was asked for last, while it is still so. */
  asked: LatestValue | undefined;
}

/** The last value of each signal of a machine. A value keeps its object until another comes, so that what changed is seen by identity. */
export class LatestValues {
  readonly #known = new Map<string, Known>();
  readonly #clock: Clock;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  take(values: Iterable<LatestValue>): void {
    for (const { name, unit, t, v, q } of values) this.observe(name, unit, t, v, q);
  }

  /** A value that is older than what is known is passed over, unless what is known is of the future: then a clock was wrong. */
  observe(name: string, unit: string | undefined, t: number, v: Value, q: Quality): void {
    const [number, other] = typeof v === 'number' ? [v, null] : [Number.NaN, v];
    const known = this.#known.get(name);
    if (known === undefined) {
      if (this.#known.size < MAX_SIGNALS) this.#known.set(name, { unit, t, number, other, q, asked: undefined });
      return;
    }
    if (t < known.t && known.t <= this.#clock.now()) return;
    if (t === known.t && Object.is(number, known.number) && other === known.other && q === known.q) return;
    known.unit = unit;
    known.t = t;
    known.number = number;
    known.other = other;
    known.q = q;
    known.asked = undefined;
  }

  get size(): number {
    return this.#known.size;
  }

  get(name: string): LatestValue | undefined {
    const known = this.#known.get(name);
    return known && told(name, known);
  }

  all(): LatestValue[] {
    return Array.from(this.#known, ([name, known]) => told(name, known));
  }

  /** Takes what `all` gave before a restart, as JSON has it. Passes over what is none. */
  restore(values: unknown): void {
    if (Array.isArray(values)) this.take(values.filter(isValue));
  }
}

function told(name: string, known: Known): LatestValue {
  const { unit, t, number, other, q } = known;
  known.asked ??= { name, unit, t, v: Number.isNaN(number) ? other : number, q };
  return known.asked;
}

function isValue(value: Partial<LatestValue> | null): value is LatestValue {
  return (
    typeof value?.name === 'string' && Number.isFinite(value.t) && value.v !== undefined && QUALITIES.includes(value.q)
  );
}
