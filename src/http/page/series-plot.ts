import uPlot from 'uplot';
import type { ApiSeries } from '../api.ts';
import type { Formats } from './formats.ts';
import type { Language } from './language.ts';

const HEIGHT_PX = 260;
const PADDING: uPlot.Padding = [12, 30, 0, 0];
/** So few points are marked: a line would not show them. */
const FEW = 3;
const FONT = '12px system-ui, sans-serif';
/** Ranges from which on a time is written as a day, and up to which it is with its seconds. */
const DAYS_FROM_MS = 172_800_000;
const SECONDS_UP_TO_MS = 600_000;

/** What is drawn. Times are milliseconds since the epoch. */
export interface Drawing {
  readonly series: ApiSeries;
  readonly from: number;
  readonly to: number;
}

/** A line of means in a band from the least to the greatest values. */
export class SeriesPlot {
  readonly #plot: uPlot;
  readonly #formats: Formats;
  #from: number;
  #to: number;

  /** Takes the width and the colours of `box`. `onPoint` is told the point under the cursor; null: none. */
  constructor(box: HTMLElement, { formats }: Language, drawing: Drawing, onPoint: (index: number | null) => void) {
    this.#formats = formats;
    this.#from = drawing.from;
    this.#to = drawing.to;
    const style = getComputedStyle(box);
    const colour = (name: string) => style.getPropertyValue(name).trim();
    const axis: uPlot.Axis = {
      stroke: colour('--muted'),
      font: FONT,
      grid: { stroke: colour('--line'), width: 1 },
      ticks: { show: false },
    };
    const invisible: uPlot.Series = { width: 0, points: { show: false } };
    this.#plot = new uPlot(
      {
        width: box.clientWidth,
        height: HEIGHT_PX,
        padding: PADDING,
        legend: { show: false },
        cursor: { y: false, drag: { x: false, y: false }, points: { size: 8 } },
        scales: { x: { time: true, range: () => [this.#from / 1000, this.#to / 1000] }, y: { range: withMargin } },
        axes: [
          { ...axis, space: 90, values: (_plot, ticks) => ticks.map((s) => this.#label(s * 1000)) },
          { ...axis, size: axisSize, values: (_plot, ticks) => ticks.map((value) => formats.number(value)) },
        ],
        series: [
          {},
          invisible,
          invisible,
          { stroke: colour('--accent'), width: 2, points: { show: (plot) => plot.data[0].length < FEW, size: 6 } },
        ],
        bands: [{ series: [1, 2], fill: colour('--band') }],
        hooks: { setCursor: [({ cursor }) => onPoint(cursor.idx ?? null)] },
      },
      columnsOf(drawing.series),
      box,
    );
  }

  show({ series, from, to }: Drawing): void {
    this.#from = from;
    this.#to = to;
    this.#plot.setData(columnsOf(series));
  }

  setWidth(width: number): void {
    this.#plot.setSize({ width, height: HEIGHT_PX });
  }

  /** Puts the cursor on a point. */
  point(index: number): void {
    this.#plot.setCursor({ left: this.#plot.valToPos(this.#plot.data[0][index] ?? 0, 'x'), top: 0 });
  }

  destroy(): void {
    this.#plot.destroy();
  }

  #label(t: number): string {
    const range = this.#to - this.#from;
    if (range >= DAYS_FROM_MS) return this.#formats.day(t);
    return range > SECONDS_UP_TO_MS ? this.#formats.minute(t) : this.#formats.time(t);
  }
}

function columnsOf({ t, min, max, mean }: ApiSeries): uPlot.AlignedData {
  return [t.map((ms) => ms / 1000), [...max], [...min], [...mean]];
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
