import { matcher } from '../expression/selector.ts';
import type { Quality, Value } from '../observation.ts';
import type { RawBatch } from './thin.ts';

/** Batches in two: what goes last when room runs out, and the rest. */
export interface Divided {
  /** As the body of one batch; undefined where there is nothing of it. */
  readonly kept: { readonly t0: number; readonly count: number; readonly body: string } | undefined;
  readonly rest: readonly RawBatch[];
}

interface Columns {
  unit?: string;
  readonly t: number[];
  readonly v: Value[];
  /** Made when the first value that is not good arrives. */
  q?: Quality[];
}

/** Takes the signals out of batches whose names are among these patterns. Where nothing else is left, nothing is kept. Pure. */
export function divide(batches: readonly RawBatch[], patterns: readonly string[]): Divided {
  const isKept = matcher(patterns);
  const parts = batches.map(({ t0, signals }) => {
    const groups = Object.groupBy(Object.entries(signals), ([signal]) => (isKept(signal) ? 'kept' : 'rest'));
    return { t0, kept: groups.kept ?? [], rest: Object.fromEntries(groups.rest ?? []) };
  });
  const withKept = parts.filter(({ kept }) => kept.length > 0);
  const hasRest = parts.some(({ rest }) => Object.keys(rest).length > 0);
  if (withKept.length === 0 || !hasRest) return { kept: undefined, rest: batches };
  const t0 = Math.min(...withKept.map((part) => part.t0));
  const columns = new Map<string, Columns>();
  let count = 0;
  for (const part of withKept) {
    for (const [signal, { unit, t, v, q }] of part.kept) {
      const all = columns.get(signal) ?? { t: [], v: [] };
      columns.set(signal, all);
      if (unit !== undefined) all.unit = unit;
      if (q !== undefined) all.q ??= new Array<Quality>(all.t.length).fill('good');
      all.t.push(...t.map((offset) => later(offset, part.t0 - t0)));
      all.v.push(...v);
      all.q?.push(...(q ?? new Array<Quality>(t.length).fill('good')));
      count += t.length;
    }
  }
  const rest = parts
    .filter((part) => Object.keys(part.rest).length > 0)
    .map((part) => ({ t0: part.t0, signals: part.rest }));
  return { kept: { t0, count, body: JSON.stringify(Object.fromEntries(columns)) }, rest };
}

/** An offset from an earlier `t0`; its decimals are nanoseconds. */
function later(offset: number, ms: number): number {
  return Math.round((offset + ms) * 1e6) / 1e6;
}
