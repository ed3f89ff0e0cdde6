import uPlot from 'uplot';
import type { ApiSeries } from '../api.ts';
import type { Formats } from './formats.ts';
import type { Language } from './language.ts';

const HEIGHT_PX = 260;
const PADDING: uPlot.Padding = [12, 12, 0, 0];
const FONT = '12px system-ui, sans-serif';
/** Ranges from which on a time is written as a day, and up to which it is with its seconds. */
const DAYS_FROM_MS = 172_800_000;
const SECONDS_UP_TO_MS = 600_000;

export interface SeriesPlotOptions {
  readonly series: ApiSeries;
  /** Milliseconds since the epoch. */
  readonly from: number;
  readonly to: number;
  readonly language: Language;
  /** The point under the cursor; null: none. */
  readonly onPoint: (index: number | null) => void;
}

/** A line of means in a band from the least to the greatest values. Takes the width of `box`. */
export function plotSeries(box: HTMLElement, options: SeriesPlotOptions): uPlot {
  const { series, from, to, language, onPoint } = options;
  const { formats } = language;
  const style = getComputedStyle(box);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const axis: uPlot.Axis = {
    stroke: colour('--muted'),
    font: FONT,
    grid: { stroke: colour('--line'), width: 1 },
    ticks: { show: false },
  };
  const label = labelOf(to - from, formats);
  return new uPlot(
    {
      width: box.clientWidth,
      height: HEIGHT_PX,
      padding: PADDING,
      legend: { show: false },
      cursor: { y: false, drag: { x: false, y: false }, points: { size: 8 } },
      scales: { x: { time: true, range: [from / 1000, to / 1000] }, y: { range: withMargin } },
      axes: [
        {
          ...axis,
          space: 90,
          values: (_plot, ticks) => ticks.map((s) => label(s * 1000)),
        },
        { ...axis, size: axisSize, values: (_plot, ticks) => ticks.map((value) => formats.number(value)) },
      ],
      series: [
        {},
        { width: 0, points: { show: false } },
        { width: 0, points: { show: false } },
        { stroke: colour('--accent'), width: 2, points: { show: series.t.length < 3, size: 6 } },
      ],
      bands: [{ series: [1, 2], fill: colour('--band') }],
      hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? null)] },
    },
    [series.t.map((t) => t / 1000), [...series.max], [...series.min], [...series.mean]],
    box,
  );
}

function labelOf(range: number, formats: Formats): (t: number) => string {
  if (range >= DAYS_FROM_MS) return (t) => formats.day(t);
  return range > SECONDS_UP_TO_MS ? (t) => formats.minute(t) : (t) => formats.time(t);
}

/** As wide as its widest figure. */
function axisSize(_plot: uPlot, values: string[] | null): number {
  const longest = Math.max(0, ...(values ?? []).map(({ length }) => length));
  return 18 + longest * 7;
}

/** A constant lies in the middle. */
function withMargin(_plot: uPlot, least: number | null, most: number | null): uPlot.Range.MinMax {
  if (least === null || most === null) return [0, 1];
  const margin = least === most ? Math.max(1, Math.abs(least) * 0.1) : (most - least) * 0.08;
  return [least - margin, most + margin];
}
