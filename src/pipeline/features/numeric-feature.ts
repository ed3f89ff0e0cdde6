import type { Observation, Quality, Value } from '../../observation.ts';
import { Moments } from '../statistics/moments.ts';
import { lengthName } from '../statistics/names.ts';

/** A window as a number of panes. */
export interface PaneWindow {
  readonly panes: number;
  /** As in `mean_5m`. */
  readonly name: string;
}

export function paneWindows(windows: readonly number[], every: number): readonly PaneWindow[] {
  return windows.toSorted((a, b) => a - b).map((ms) => ({ panes: ms / every, name: lengthName(ms) }));
}

/** The rolling features of one numeric signal. Who owns it says which pane is under way. */
export class NumericFeature {
  readonly #panes: readonly Moments[];
  /** Doubtful values in each pane. */
  readonly #doubtful: Float64Array;
  readonly #windows: readonly { readonly panes: number; readonly names: readonly string[]; isOpen: boolean }[];
  readonly #merged = new Moments();
  readonly #rateName: string;
  readonly #ewmaName: string;
  readonly #halfLife: number;
  #ewma: number | null = null;
  #ewmaAt = 0;

  /** `halfLife` in milliseconds; `panes`: as many as the longest window has at least. */
  constructor(signal: string, windows: readonly PaneWindow[], panes: number, halfLife: number) {
    this.#panes = Array.from({ length: panes }, () => new Moments());
    this.#doubtful = new Float64Array(panes);
    this.#windows = windows.map(({ panes, name }) => ({
      panes,
      names: ['mean', 'stddev', 'min', 'max'].map((what) => `${signal}.${what}_${name}`),
      isOpen: false,
    }));
    this.#rateName = `${signal}.rate`;
    this.#ewmaName = `${signal}.ewma`;
    this.#halfLife = halfLife;
  }

  observe(pane: number, value: number, at: number, isDoubtful: boolean): void {
    const place = pane % this.#panes.length;
    (this.#panes[place] as Moments).add(value, at);
    if (isDoubtful) this.#doubtful[place] = (this.#doubtful[place] as number) + 1;
    this.#ewma =
      this.#ewma === null
        ? value
        : this.#ewma + (value - this.#ewma) * (1 - 2 ** ((this.#ewmaAt - at) / this.#halfLife));
    this.#ewmaAt = at;
  }

  /** Begins a pane anew. */
  open(pane: number): void {
    const place = pane % this.#panes.length;
    (this.#panes[place] as Moments).clear();
    this.#doubtful[place] = 0;
  }

  /** Tells what the windows hold that end with this pane. */
  tell(pane: number, t: number, out: Observation[]): void {
    const all = this.#merged;
    all.clear();
    let doubtful = 0;
    let taken = 0;
    for (const [i, window] of this.#windows.entries()) {
      for (; taken < window.panes; taken++) {
        const place = (pane - taken) % this.#panes.length;
        all.prepend(this.#panes[place] as Moments);
        doubtful += this.#doubtful[place] as number;
      }
      const q = doubtful > 0 ? 'uncertain' : 'good';
      const [mean, stddev, min, max] = window.names as [string, string, string, string];
      if (all.n > 0) {
        out.push(derived(mean, t, all.mean, q), derived(stddev, t, all.populationStddev, q));
        out.push(derived(min, t, all.min, q), derived(max, t, all.max, q));
      } else if (window.isOpen) {
        for (const name of window.names) out.push(derived(name, t, null, 'bad'));
      }
      if (i === 0) {
        if (all.n > 0 && all.rate !== null) out.push(derived(this.#rateName, t, all.rate, q));
        else if (all.n > 0 || window.isOpen) out.push(derived(this.#rateName, t, null, 'bad'));
      }
      window.isOpen = all.n > 0;
    }
    if (all.n > 0 && this.#ewma !== null) {
      out.push(derived(this.#ewmaName, t, this.#ewma, doubtful > 0 ? 'uncertain' : 'good'));
    }
  }

  /** All but the panes. */
  snapshot(): Value {
    return [this.#ewma, this.#ewmaAt, this.#windows.map(({ isOpen }) => isOpen)];
  }

  restore(kept: Value): void {
    const [ewma, ewmaAt, open] = kept as [number | null, number, boolean[]];
    this.#ewma = ewma;
    this.#ewmaAt = ewmaAt;
    this.#windows.forEach((window, i) => {
      window.isOpen = open[i] ?? false;
    });
  }
}

export function derived(signal: string, t: number, v: number | null, q: Quality): Observation {
  return { signal, t, ns: 0, v, q };
}
