import type { Observation } from '../../src/observation.ts';
import { TelemetryBatcher } from '../../src/pipeline/batcher.ts';
import { seededRandom } from '../../test/support/random.ts';

/** When all generated data begins. */
export const T0 = Date.UTC(2026, 0, 5);
/** One value in so many is the state, in the place of a number. */
const STATE_EVERY_TICKS = 600;

export interface DataOptions {
  readonly observations: number;
  /** Observations of one reading. */
  readonly reading: number;
  readonly signals: number;
  /** Milliseconds from one value of a signal to its next. */
  readonly everyMs: number;
  readonly seed: number;
}

/**
 * Readings of one machine: numbers that walk, with three decimals as controllers give them, and a state now and then.
 * The same options give the same readings.
 */
export function readingsOf(options: DataOptions): Observation[][] {
  const { observations, reading, signals, everyMs, seed } = options;
  const random = seededRandom(seed);
  const names = Array.from({ length: signals }, (_, i) => `s${i}`);
  const values = names.map(() => 50);
  return Array.from({ length: Math.ceil(observations / reading) }, (_, r) =>
    Array.from({ length: reading }, (_, i): Observation => {
      const n = r * reading + i;
      const signal = n % signals;
      const t = T0 + Math.floor(n / signals) * everyMs;
      if (n % (signals * STATE_EVERY_TICKS) === 0) {
        return { signal: 'state', t, ns: 0, v: random() < 0.5 ? 'running' : 'stopped', q: 'good' };
      }
      const next = Math.min(100, Math.max(0, (values[signal] as number) + random() * 4 - 2));
      values[signal] = next;
      return { signal: names[signal] as string, t, ns: 0, v: Math.round(next * 1000) / 1000, q: 'good' };
    }),
  );
}

/** Bodies of batches, each of one reading. */
export function bodiesOf(options: DataOptions): string[] {
  return readingsOf(options).map((reading) => {
    const batcher = new TelemetryBatcher();
    for (const observation of reading) batcher.add(observation);
    return batcher.seal(() => undefined)?.body as string;
  });
}
