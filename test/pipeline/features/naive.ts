import type { Observation } from '../../../src/observation.ts';

/** The numeric features of one signal at T, computed from all of its observations, in order of time. */
export function naiveNumeric(series: readonly Observation[], T: number, window: number) {
  const inside = series.filter(
    ({ t, ns, v, q }) =>
      typeof v === 'number' &&
      q !== 'bad' &&
      (t < T || (t === T && ns === 0)) &&
      (t > T - window || (t === T - window && ns > 0)),
  );
  const values = inside.map(({ v }) => v as number);
  if (values.length === 0) return undefined;
  const mean = values.reduce((sum, v) => sum + v, 0) / values.length;
  const at = ({ t, ns }: Observation) => t + ns / 1e6;
  const [first, last] = [inside[0] as Observation, inside.at(-1) as Observation];
  return {
    mean,
    stddev: Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / values.length),
    min: Math.min(...values),
    max: Math.max(...values),
    rate: at(last) > at(first) ? (((last.v as number) - (first.v as number)) * 1000) / (at(last) - at(first)) : null,
    q: inside.some(({ q }) => q === 'uncertain') ? 'uncertain' : 'good',
  };
}

/** The exponentially weighted mean at T, as the sum of all values with their weights; undefined where there are none. */
export function naiveEwma(series: readonly Observation[], T: number, halfLife: number): number | undefined {
  const inside = series.filter(
    ({ t, ns, v, q }) => typeof v === 'number' && q !== 'bad' && (t < T || (t === T && ns === 0)),
  );
  const at = ({ t, ns }: Observation) => t + ns / 1e6;
  const [last] = inside.slice(-1);
  if (last === undefined) return undefined;
  return inside.reduce((sum, one, i) => {
    const before = inside[i - 1];
    const share = before === undefined ? 1 : 1 - 2 ** ((at(before) - at(one)) / halfLife);
    return sum + share * 2 ** ((at(one) - at(last)) / halfLife) * (one.v as number);
  }, 0);
}

/** Changes and seconds of each value in the window that ends with T. */
export function naiveState(series: readonly Observation[], T: number, window: number) {
  const time: Record<string, number> = {};
  let transitions = 0;
  let known: string | undefined;
  for (const [i, { t, v, q }] of series.entries()) {
    const until = Math.min(T, series[i + 1]?.t ?? T);
    if (t > T || q === 'bad' || v === null) continue;
    const value = String(v);
    time[value] ??= 0;
    if (known !== undefined && known !== value && t > T - window) transitions += 1;
    known = value;
    time[value] += Math.max(0, until - Math.max(t, T - window)) / 1000;
  }
  return { transitions, time };
}

export function isClose(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-9 * Math.max(1, Math.abs(a), Math.abs(b));
}
