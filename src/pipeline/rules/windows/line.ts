import type { Value } from '../../../observation.ts';
import { PANES, PaneRing, type Window } from './window.ts';

/**
 * How the numbers in a window run: from the first to the last of them, and along the straight line that fits them best.
 * Panes keep co-moments, which are merged like those of `MomentsWindow`.
 */
export class LineWindow implements Window {
  readonly #ring: PaneRing;
  readonly #n = new Float64Array(PANES + 1);
  /** After the start of the pane: a time since the epoch leaves too few digits for a slope. */
  readonly #meanT = new Float64Array(PANES + 1);
  readonly #mean = new Float64Array(PANES + 1);
  readonly #tt = new Float64Array(PANES + 1);
  readonly #tv = new Float64Array(PANES + 1);
  readonly #firstT = new Float64Array(PANES + 1);
  readonly #first = new Float64Array(PANES + 1);
  readonly #lastT = new Float64Array(PANES + 1);
  readonly #last = new Float64Array(PANES + 1);

  constructor(window: number) {
    this.#ring = new PaneRing(window);
  }

  observe(t: number, v: Value): void {
    if (typeof v !== 'number') return;
    const pane = this.#ring.numberOf(t);
    this.#moveTo(pane);
    if (!this.#ring.isCovered(pane)) return;
    const i = this.#ring.placeOf(pane);
    const n = (this.#n[i] as number) + 1;
    this.#n[i] = n;
    if (n === 1 || t < (this.#firstT[i] as number)) {
      this.#firstT[i] = t;
      this.#first[i] = v;
    }
    if (n === 1 || t >= (this.#lastT[i] as number)) {
      this.#lastT[i] = t;
      this.#last[i] = v;
    }
    const own = t - pane * this.#ring.length;
    const [deltaT, delta] = [own - (this.#meanT[i] as number), v - (this.#mean[i] as number)];
    this.#meanT[i] = (this.#meanT[i] as number) + deltaT / n;
    this.#mean[i] = (this.#mean[i] as number) + delta / n;
    const moved = own - (this.#meanT[i] as number);
    this.#tt[i] = (this.#tt[i] as number) + deltaT * moved;
    this.#tv[i] = (this.#tv[i] as number) + delta * moved;
  }

  /** Change a second from the first value to the last; null where they are not two moments. */
  rate(now: number): number | null {
    this.#moveTo(this.#ring.numberOf(now));
    const oldest = this.#oldest();
    if (oldest === undefined) return null;
    let pane = this.#ring.newest;
    while (this.#n[this.#ring.placeOf(pane)] === 0) pane -= 1;
    const [from, to] = [this.#ring.placeOf(oldest), this.#ring.placeOf(pane)];
    const span = (this.#lastT[to] as number) - (this.#firstT[from] as number);
    return span > 0 ? (((this.#last[to] as number) - (this.#first[from] as number)) / span) * 1000 : null;
  }

  /** Slope of the line of least squares, a second; null where they are not two moments. */
  trend(now: number): number | null {
    this.#moveTo(this.#ring.numberOf(now));
    let [n, meanT, mean, tt, tv] = [0, 0, 0, 0, 0];
    for (let pane = this.#ring.newest - PANES; pane <= this.#ring.newest; pane++) {
      const i = this.#ring.placeOf(pane);
      const more = this.#n[i] as number;
      if (more === 0) continue;
      const total = n + more;
      const begins = (pane - this.#ring.newest) * this.#ring.length;
      const [deltaT, delta] = [begins + (this.#meanT[i] as number) - meanT, (this.#mean[i] as number) - mean];
      const weight = (n * more) / total;
      tt += (this.#tt[i] as number) + deltaT * deltaT * weight;
      tv += (this.#tv[i] as number) + deltaT * delta * weight;
      meanT += deltaT * (more / total);
      mean += delta * (more / total);
      n = total;
    }
    return tt > 0 ? (tv / tt) * 1000 : null;
  }

  wake(now: number): number {
    this.#moveTo(this.#ring.numberOf(now));
    const oldest = this.#oldest();
    return oldest === undefined ? Number.POSITIVE_INFINITY : this.#ring.leaves(oldest);
  }

  #oldest(): number | undefined {
    return this.#ring.oldest((place) => this.#n[place] !== 0);
  }

  #moveTo(pane: number): void {
    if (pane <= this.#ring.newest) return;
    this.#ring.moveTo(pane, (place) => {
      this.#n[place] = this.#meanT[place] = this.#mean[place] = this.#tt[place] = this.#tv[place] = 0;
    });
  }
}
