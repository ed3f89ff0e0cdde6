import { matcher } from '../../expression/selector.ts';
import type { Observation, Value } from '../../observation.ts';
import type { OrderedSink } from '../statistics/event-order.ts';
import { stateName } from '../statistics/names.ts';
import { NumericFeature, type PaneWindow, paneWindows } from './numeric-feature.ts';
import { StateFeature } from './state-feature.ts';

/** Times in milliseconds; the windows are multiples of `every`. */
export interface FeatureSettings {
  /** Patterns of the numeric signals. */
  readonly signals: readonly string[];
  readonly windows: readonly number[];
  readonly every: number;
  readonly ewma: { readonly halfLife: number };
  /** Patterns of the signals that are states. */
  readonly states: readonly string[];
  readonly stateWindow: number;
}

/** Signals of one machine that have features at most; what is observed of others is counted as ignored. */
const MAX_SIGNALS = 2000;

type Feature = NumericFeature | StateFeature | undefined;

/**
 * Rolling features of one machine, told at each multiple T of `every`: of what lies in (T − window, T]. Observations
 * must come in the order of their times. A deterministic function of them: no clock, no I/O.
 *
 * A restart is `restore`, `warm` with the observations of `history` before the snapshot, `settle`, then as usual.
 */
export class FeatureEngine implements OrderedSink {
  /** Of no use for a numeric feature: no number, or of one signal too many. */
  ignored = 0;
  readonly #settings: FeatureSettings;
  readonly #windows: readonly PaneWindow[];
  readonly #stateWindow: PaneWindow;
  /** Panes that are kept of each signal. */
  readonly #panes: number;
  readonly #isNumeric: (signal: string) => boolean;
  readonly #isState: (signal: string) => boolean;
  readonly #numeric = new Map<string, NumericFeature>();
  readonly #states = new Map<string, StateFeature>();
  readonly #features = new Map<string, Feature>();
  #out: Observation[] = [];
  /** The pane under way ends at `#pane * every`; NaN before there was an observation. */
  #pane = Number.NaN;
  /** Panes closed since the last observation. */
  #quiet = 0;
  /** What is taken up once the history has been; undefined otherwise. */
  #kept: Kept | undefined;

  constructor(settings: FeatureSettings) {
    this.#settings = settings;
    this.#windows = paneWindows(settings.windows, settings.every);
    this.#stateWindow = paneWindows([settings.stateWindow], settings.every)[0] as PaneWindow;
    this.#panes = Math.max(...this.#windows.map(({ panes }) => panes), this.#stateWindow.panes);
    this.#isNumeric = matcher(settings.signals);
    this.#isState = matcher(settings.states);
  }

  /** How far back the windows look, ms. */
  get history(): number {
    return (this.#panes + 1) * this.#settings.every;
  }

  observe(observation: Observation): void {
    const { signal, t, ns, v, q } = observation;
    const feature = this.#features.get(signal) ?? this.#featureOf(observation);
    if (feature === undefined) return;
    // A pane ends with T itself, and not a nanosecond later.
    const before = ns > 0 ? t + 1 : t;
    if (Number.isNaN(this.#pane)) this.#begin(Math.ceil(before / this.#settings.every));
    this.advance(before);
    this.#quiet = 0;
    const at = ns === 0 ? t : t + ns / 1e6;
    if (feature instanceof StateFeature) {
      feature.observe(this.#pane, q === 'bad' ? undefined : stateName(v), at);
    } else if (typeof v === 'number' && q !== 'bad' && Number.isFinite(v)) {
      feature.observe(this.#pane, v, at, q === 'uncertain');
    } else if (v !== null && q !== 'bad') {
      this.ignored += 1;
    }
  }

  advance(before: number): void {
    const { every } = this.#settings;
    while (this.#pane * every < before) {
      this.#close();
      // Once all windows are as they will stay, those in between say nothing new.
      const last = Math.ceil(before / every) - this.#panes;
      if (this.#quiet > this.#panes && this.#pane < last) this.#begin(last);
    }
  }

  /** What has been told since the last call, in order of time. */
  take(): Observation[] {
    const out = this.#out;
    this.#out = [];
    return out;
  }

  snapshot(): Value {
    if (this.#kept !== undefined) return this.#kept as unknown as Value;
    if (Number.isNaN(this.#pane)) return null;
    const oldest = this.#pane - this.#panes + 1;
    return {
      every: this.#settings.every,
      panes: this.#panes,
      pane: this.#pane,
      ignored: this.ignored,
      numeric: Object.fromEntries([...this.#numeric].map(([name, feature]) => [name, feature.snapshot()])),
      states: Object.fromEntries([...this.#states].map(([name, feature]) => [name, feature.snapshot(oldest)])),
    };
  }

  /** Of a new engine only. What was kept with other windows is not taken up: it begins anew. */
  restore(state: Value): void {
    const kept = state as unknown as Kept | null;
    if (kept === null || kept.every !== this.#settings.every || kept.panes !== this.#panes) return;
    this.#kept = kept;
    this.ignored = kept.ignored;
    for (const signal of Object.keys(kept.numeric)) if (this.#isNumeric(signal)) this.#addNumeric(signal);
    for (const [signal, one] of Object.entries(kept.states)) {
      if (this.#isState(signal)) this.#addState(signal)?.restore(one);
    }
    this.#begin(kept.pane - this.#panes + 1);
  }

  /** Takes an observation of the history, in the order of its time. Nothing is told of it. */
  warm(observation: Observation): void {
    if (this.#kept === undefined) return;
    const begin = (this.#kept.pane - this.#panes) * this.#settings.every;
    if (observation.t < begin || (observation.t === begin && observation.ns === 0)) return;
    this.observe(observation);
  }

  /** Ends the history: from here on it is as it was at the snapshot. */
  settle(): void {
    if (this.#kept === undefined) return;
    const { pane, ignored, numeric } = this.#kept;
    this.advance(pane * this.#settings.every);
    for (const [signal, feature] of this.#numeric) {
      const one = numeric[signal];
      if (one !== undefined) feature.restore(one);
    }
    this.ignored = ignored;
    this.#kept = undefined;
  }

  #begin(pane: number): void {
    this.#pane = pane;
    this.#open();
  }

  #open(): void {
    const from = (this.#pane - 1) * this.#settings.every;
    for (const feature of this.#numeric.values()) feature.open(this.#pane);
    for (const feature of this.#states.values()) feature.open(this.#pane, from);
  }

  #close(): void {
    const t = this.#pane * this.#settings.every;
    for (const feature of this.#states.values()) feature.close(this.#pane, t);
    if (this.#kept === undefined) {
      for (const feature of this.#numeric.values()) feature.tell(this.#pane, t, this.#out);
      for (const feature of this.#states.values()) feature.tell(this.#pane, t, this.#out);
    }
    this.#pane += 1;
    this.#quiet += 1;
    this.#open();
  }

  #featureOf({ signal, v }: Observation): Feature {
    if (this.#isState(signal)) return this.#addState(signal);
    if (v === null || !this.#isNumeric(signal)) return undefined;
    if (typeof v === 'number') return this.#addNumeric(signal);
    this.ignored += 1;
    return undefined;
  }

  #addNumeric(signal: string): NumericFeature | undefined {
    if (!this.#hasRoom()) return undefined;
    const feature = new NumericFeature(signal, this.#windows, this.#panes, this.#settings.ewma.halfLife);
    this.#numeric.set(signal, feature);
    this.#features.set(signal, feature);
    return feature;
  }

  #addState(signal: string): StateFeature | undefined {
    if (!this.#hasRoom()) return undefined;
    const feature = new StateFeature(signal, this.#stateWindow, this.#panes);
    this.#states.set(signal, feature);
    this.#features.set(signal, feature);
    return feature;
  }

  #hasRoom(): boolean {
    if (this.#features.size < MAX_SIGNALS) return true;
    this.ignored += 1;
    return false;
  }
}

interface Kept {
  readonly every: number;
  readonly panes: number;
  readonly pane: number;
  readonly ignored: number;
  readonly numeric: Readonly<Record<string, Value>>;
  readonly states: Readonly<Record<string, Value>>;
}
