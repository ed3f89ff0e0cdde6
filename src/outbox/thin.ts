import type { Quality, Value } from '../observation.ts';

type Json = Value;

/** Length of a window, milliseconds. */
export const WINDOW_MS = 60_000;
/** Decimals that a mean is worth beyond those of its values. */
const MEAN_DIGITS = 12;

/** One signal as `telemetry` has it. */
interface Columns {
  readonly unit?: string;
  readonly t: readonly number[];
  readonly v: readonly Json[];
  readonly q?: readonly Quality[];
}

/** One signal as `rollup` has it: a value for each window. */
interface Windows {
  readonly unit?: string;
  readonly window: number;
  readonly t: number[];
  readonly n: number[];
  readonly min: (number | null)[];
  readonly max: (number | null)[];
  readonly mean: (number | null)[];
  readonly last: Json[];
}

interface Window {
  n: number;
  numbers: number;
  sum: number;
  min: number;
  max: number;
  lastAt: number;
  last: Json;
}

/** A telemetry batch whose body was read. */
export interface RawBatch {
  /** Milliseconds since the epoch. */
  readonly t0: number;
  readonly signals: Readonly<Record<string, Columns>>;
}

/** What is left of some batches. */
export interface Thinned {
  readonly t0: number;
  /** Windows, over all signals. */
  readonly count: number;
  /** JSON text of the envelope's `rollups`. */
  readonly body: string;
  /** Time of the last observation, milliseconds since the epoch. */
  readonly last: number;
}

/**
 * Replaces observations by one-minute windows: how many there were, least, greatest and mean of the numbers among them,
 * and the last value. A window that is cut by the edge of what is thinned at once comes in parts, which add up. Pure.
 */
export function thin(batches: readonly RawBatch[]): Thinned {
  const signals = new Map<string, { unit: string | undefined; windows: Map<number, Window> }>();
  let last = Number.NEGATIVE_INFINITY;
  for (const { t0, signals: columns } of batches) {
    for (const [name, { unit, t, v }] of Object.entries(columns)) {
      const signal = signals.get(name) ?? { unit, windows: new Map<number, Window>() };
      signals.set(name, signal);
      for (let i = 0; i < t.length; i++) {
        const at = t0 + (t[i] as number);
        last = Math.max(last, at);
        take(signal.windows, at, v[i] as Json);
      }
    }
  }
  const t0 = Math.min(...[...signals.values()].flatMap(({ windows }) => [...windows.keys()]));
  const rollups = [...signals].map(([name, { unit, windows }]) => [name, columnsOf(unit, windows, t0)] as const);
  const count = rollups.reduce((sum, [, { t }]) => sum + t.length, 0);
  return { t0, count, body: JSON.stringify(Object.fromEntries(rollups)), last };
}

function take(windows: Map<number, Window>, at: number, value: Json): void {
  const start = Math.floor(at / WINDOW_MS) * WINDOW_MS;
  let window = windows.get(start);
  if (window === undefined) {
    window = { n: 0, numbers: 0, sum: 0, min: Infinity, max: -Infinity, lastAt: -Infinity, last: null };
    windows.set(start, window);
  }
  window.n += 1;
  if (at >= window.lastAt) {
    window.lastAt = at;
    window.last = value;
  }
  if (typeof value !== 'number') return;
  window.numbers += 1;
  window.sum += value;
  window.min = Math.min(window.min, value);
  window.max = Math.max(window.max, value);
}

function columnsOf(unit: string | undefined, windows: ReadonlyMap<number, Window>, t0: number): Windows {
  const all = [...windows].toSorted(([a], [b]) => a - b);
  const numbers = (of: (window: Window) => number) =>
    all.map(([, window]) => (window.numbers === 0 ? null : of(window)));
  return {
    ...(unit === undefined ? {} : { unit }),
    window: WINDOW_MS,
    t: all.map(([start]) => start - t0),
    n: all.map(([, { n }]) => n),
    min: numbers(({ min }) => min),
    max: numbers(({ max }) => max),
    mean: numbers(({ sum, numbers: count }) => Number((sum / count).toPrecision(MEAN_DIGITS))),
    last: all.map(([, window]) => window.last),
  };
}
