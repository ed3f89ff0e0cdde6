/** How much of everything a run does: `guard` is for the test of ratios, `short` proves that it works, `long` is what counts. */
export type Scale = 'guard' | 'short' | 'long';

/** What a part of the benchmark is given. */
export interface Run {
  readonly scale: Scale;
  readonly repeats: number;
  /** An empty folder on a real disk; whoever gives it removes it. */
  readonly folder: string;
}

/** What the repeats of one measurement gave. */
export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Figure {
  readonly what: string;
  readonly unit: string;
  readonly value: Spread;
  /** The same work done by the bare libraries, in the same run. */
  readonly limit?: { readonly what: string; readonly value: Spread };
  /** Value by limit, repeat by repeat. */
  readonly ratio?: Spread;
  readonly target?: { readonly text: string; readonly holds: boolean };
}

/** What one part has found. */
export interface Section {
  readonly title: string;
  /** What was measured, and how: plain sentences. */
  readonly method: string;
  readonly figures: readonly Figure[];
  readonly notes?: readonly string[];
}

/** One repeat of what is compared. */
export interface Pair {
  readonly value: number;
  readonly limit: number;
}

/** @throws RangeError without values */
export function spreadOf(values: readonly number[]): Spread {
  if (values.length === 0) throw new RangeError('nothing was measured');
  return { median: quantile(values, 0.5), min: Math.min(...values), max: Math.max(...values) };
}

/** Nearest rank. NaN without values. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;
}

/** A figure without a limit. */
export function figure(what: string, unit: string, values: readonly number[], target?: Target): Figure {
  const value = spreadOf(values);
  return { what, unit, value, ...judged(target, value.median) };
}

/** A figure beside its limit. */
export function compared(what: string, unit: string, limit: string, pairs: readonly Pair[], target?: Target): Figure {
  const value = spreadOf(pairs.map((pair) => pair.value));
  const ratio = spreadOf(pairs.map((pair) => pair.value / pair.limit));
  const limitOf = { what: limit, value: spreadOf(pairs.map((pair) => pair.limit)) };
  return { what, unit, value, limit: limitOf, ratio, ...judged(target, value.median, ratio.median) };
}

/** What the issue asks of a median, or of a median ratio. */
export interface Target {
  readonly atLeast?: number;
  readonly atMost?: number;
  readonly ratioAtLeast?: number;
  /** For people, e.g. `≥ 1 M/s`. */
  readonly text: string;
}

function judged(target: Target | undefined, median: number, ratio = Number.NaN): Pick<Figure, 'target'> {
  if (target === undefined) return {};
  const { atLeast, atMost, ratioAtLeast, text } = target;
  const holds =
    (atLeast === undefined || median >= atLeast) &&
    (atMost === undefined || median <= atMost) &&
    (ratioAtLeast === undefined || ratio >= ratioAtLeast);
  return { target: { text, holds } };
}
