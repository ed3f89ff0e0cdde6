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

/** The last value of each signal of a machine. A value keeps its object until another comes, so that what changed is seen by identity. */
export class LatestValues {
  readonly #values = new Map<string, LatestValue>();
  readonly #clock: Clock;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** One that is older than what is known is passed over, unless what is known is of the future: then a clock was wrong. */
  take(values: Iterable<LatestValue>): void {
    const now = this.#clock.now();
    for (const value of values) {
      const known = this.#values.get(value.name);
      const isOld = known !== undefined && value.t < known.t && known.t <= now;
      if (known === undefined ? this.#values.size >= MAX_SIGNALS : isOld || isSame(known, value)) continue;
      this.#values.set(value.name, value);
    }
  }

  get size(): number {
    return this.#values.size;
  }

  get(name: string): LatestValue | undefined {
    return this.#values.get(name);
  }

  all(): LatestValue[] {
    return [...this.#values.values()];
  }

  /** Takes what `all` gave before a restart, as JSON has it. Passes over what is none. */
  restore(values: unknown): void {
    if (Array.isArray(values)) this.take(values.filter(isValue));
  }
}

function isSame(a: LatestValue, b: LatestValue): boolean {
  return a.t === b.t && a.v === b.v && a.q === b.q;
}

function isValue(value: Partial<LatestValue> | null): value is LatestValue {
  return (
    typeof value?.name === 'string' && Number.isFinite(value.t) && value.v !== undefined && QUALITIES.includes(value.q)
  );
}
