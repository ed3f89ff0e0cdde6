import type { Observation, Value } from '../../observation.ts';
import { MAX_STATES, OTHER_STATE } from '../statistics/names.ts';
import { derived, type PaneWindow } from './numeric-feature.ts';

const UNKNOWN = -1;

/** How often a state changed, and how long it was each of its values. While it is unknown no time counts. */
export class StateFeature {
  readonly #signal: string;
  readonly #window: PaneWindow;
  readonly #panes: number;
  readonly #values: string[] = [];
  /** Milliseconds of each pane in each value. */
  readonly #time: Float64Array;
  readonly #changes: Float64Array;
  /** What it was, and what it was when last known, at the beginning of each pane. */
  readonly #heldAtOpen: Int8Array;
  readonly #knownAtOpen: Int8Array;
  /** What was told last: changes, then the seconds of each value. */
  #told: (number | undefined)[] = [];
  #held = UNKNOWN;
  #known = UNKNOWN;
  #countedTo = 0;

  constructor(signal: string, window: PaneWindow, panes: number) {
    this.#signal = signal;
    this.#window = window;
    this.#panes = panes;
    this.#time = new Float64Array(panes * (MAX_STATES + 1));
    this.#changes = new Float64Array(panes);
    this.#heldAtOpen = new Int8Array(panes).fill(UNKNOWN);
    this.#knownAtOpen = new Int8Array(panes).fill(UNKNOWN);
  }

  /** `value` undefined: unknown from here on. */
  observe(pane: number, value: string | undefined, at: number): void {
    this.#count(pane, at);
    this.#held = value === undefined ? UNKNOWN : this.#indexOf(value);
    if (this.#held === UNKNOWN) return;
    const place = pane % this.#panes;
    if (this.#known !== UNKNOWN && this.#known !== this.#held) {
      this.#changes[place] = (this.#changes[place] as number) + 1;
    }
    this.#known = this.#held;
  }

  /** Counts the time up to the end of a pane. */
  close(pane: number, at: number): void {
    this.#count(pane, at);
  }

  /** Begins a pane anew, from the time `at` on. */
  open(pane: number, at: number): void {
    const place = pane % this.#panes;
    this.#time.fill(0, place * (MAX_STATES + 1), (place + 1) * (MAX_STATES + 1));
    this.#changes[place] = 0;
    this.#heldAtOpen[place] = this.#held;
    this.#knownAtOpen[place] = this.#known;
    this.#countedTo = at;
  }

  /** Tells what the window holds that ends with this pane, as far as it is not what was told last. */
  tell(pane: number, t: number, out: Observation[]): void {
    if (this.#values.length === 0) return;
    const sums = new Array<number>(this.#values.length + 1).fill(0);
    for (let back = 0; back < this.#window.panes; back++) {
      const place = (pane - back) % this.#panes;
      sums[0] = (sums[0] as number) + (this.#changes[place] as number);
      for (let i = 0; i < this.#values.length; i++) {
        sums[i + 1] = (sums[i + 1] as number) + (this.#time[place * (MAX_STATES + 1) + i] as number);
      }
    }
    sums.forEach((sum, i) => {
      const value = i === 0 ? sum : sum / 1000;
      if (this.#told[i] === value) return;
      this.#told[i] = value;
      const what = i === 0 ? 'transitions' : `time_${this.#values[i - 1]}`;
      out.push(derived(`${this.#signal}.${what}_${this.#window.name}`, t, value, 'good'));
    });
  }

  /** All but the panes; `oldest` is the first that the history will fill again. */
  snapshot(oldest: number): Value {
    const place = oldest % this.#panes;
    return {
      values: [...this.#values],
      told: this.#values.length === 0 ? [] : this.#told.map((value) => value ?? null),
      held: this.#heldAtOpen[place] as number,
      known: this.#knownAtOpen[place] as number,
    };
  }

  /** Stands where it stood at the beginning of that pane: to be followed by `open` and the history. */
  restore(kept: Value): void {
    const { values, told, held, known } = kept as unknown as {
      values: string[];
      told: (number | null)[];
      held: number;
      known: number;
    };
    this.#values.push(...values);
    this.#told = told.map((value) => value ?? undefined);
    this.#held = held;
    this.#known = known;
  }

  #count(pane: number, at: number): void {
    if (this.#held !== UNKNOWN) {
      const i = (pane % this.#panes) * (MAX_STATES + 1) + this.#held;
      this.#time[i] = (this.#time[i] as number) + (at - this.#countedTo);
    }
    this.#countedTo = at;
  }

  #indexOf(value: string): number {
    const at = this.#values.indexOf(value);
    if (at !== -1) return at;
    if (this.#values.length <= MAX_STATES) this.#values.push(this.#values.length < MAX_STATES ? value : OTHER_STATE);
    return this.#values.length <= MAX_STATES ? this.#values.length - 1 : MAX_STATES;
  }
}
