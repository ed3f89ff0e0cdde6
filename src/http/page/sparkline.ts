import { TREND_MS, type Trend } from './machine-watch.ts';
import { h, type Node } from './render.ts';

const WIDTH = 120;
const HEIGHT = 28;
const MARGIN = 3;

/** The last minutes of a number, as a line without a scale; nothing where there are none. */
export function sparkline(trend: Trend | undefined, now: number): Node | false {
  const d = trend === undefined ? '' : pathOf(trend, now);
  return (
    d !== '' &&
    h(
      'svg',
      { class: 'sparkline', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      h('path', { d }),
    )
  );
}

/** A value holds until the next one, so the line begins with the one before what is shown, and ends now. Pure. */
export function pathOf(trend: Trend, now: number): string {
  const first = Math.max(
    0,
    trend.t.findLastIndex((at) => at <= now - TREND_MS),
  );
  const [t, v] = [trend.t.slice(first), trend.v.slice(first)];
  const numbers = v.filter((value) => value !== null);
  if (numbers.length === 0) return '';
  const least = Math.min(...numbers);
  const range = Math.max(...numbers) - least;
  const x = (at: number) => Math.max(0, Math.min(WIDTH, WIDTH * (1 - (now - at) / TREND_MS))).toFixed(1);
  const y = (value: number) =>
    (range === 0 ? HEIGHT / 2 : HEIGHT - MARGIN - ((value - least) / range) * (HEIGHT - 2 * MARGIN)).toFixed(1);
  let d = '';
  let isDrawing = false;
  for (const [i, value] of v.entries()) {
    if (value !== null) d += `${isDrawing ? 'L' : 'M'}${x(t[i] ?? now)} ${y(value)}`;
    else if (isDrawing) d += `H${x(t[i] ?? now)}`;
    isDrawing = value !== null;
  }
  return isDrawing ? `${d}H${WIDTH}` : d;
}
