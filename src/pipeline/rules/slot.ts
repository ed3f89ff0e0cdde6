import type { Observation, Quality, Value } from '../../observation.ts';
import { ChangesWindow } from './windows/changes.ts';
import { CountWindow } from './windows/count.ts';
import { EwmaWindow } from './windows/ewma.ts';
import { LineWindow } from './windows/line.ts';
import { MomentsWindow } from './windows/moments.ts';
import { PercentileWindow } from './windows/percentile.ts';
import { TimeInWindow } from './windows/time-in.ts';
import type { KeptWindow, Window } from './windows/window.ts';

/** What the conditions of one machine know of a signal: its last value, and the windows that they look through. */
export class Slot {
  /** Null while it is unavailable. */
  value: Value = null;
  quality: Quality = 'bad';
  /** Of the last observation; -Infinity before the first. */
  t = Number.NEGATIVE_INFINITY;
  ns = 0;
  /** Of the last one that had a value. */
  usableAt = Number.NEGATIVE_INFINITY;
  /** Made once for all conditions that look through the same one. */
  readonly #windows = new Map<string, Window>();
  /** The same, to walk along. */
  readonly #observers: Window[] = [];
  /** Windows that a snapshot filled: history must not count twice. */
  readonly #restored = new Set<Window>();

  moments(window: number): MomentsWindow {
    return this.#window(`moments ${window}`, () => new MomentsWindow(window));
  }

  line(window: number): LineWindow {
    return this.#window(`line ${window}`, () => new LineWindow(window));
  }

  count(window: number): CountWindow {
    return this.#window(`count ${window}`, () => new CountWindow(window));
  }

  changes(window: number): ChangesWindow {
    return this.#window(`changes ${window}`, () => new ChangesWindow(window));
  }

  ewma(halfLife: number): EwmaWindow {
    return this.#window(`ewma ${halfLife}`, () => new EwmaWindow(halfLife));
  }

  percentile(window: number, percentage: number): PercentileWindow {
    return this.#window(`percentile ${percentage} ${window}`, () => new PercentileWindow(window, percentage));
  }

  timeIn(window: number, target: Value): TimeInWindow {
    return this.#window(`time_in ${JSON.stringify(target)} ${window}`, () => new TimeInWindow(window, target));
  }

  /** Takes an observation; says whether the value or its quality is another one now. */
  observe({ t, ns, v, q }: Observation): boolean {
    const isLate = this.#isBefore(t, ns);
    const value = usable(v, q);
    for (let i = 0; i < this.#observers.length; i++) this.#observers[i]?.observe(t, value, isLate);
    return isLate ? false : this.#take(t, ns, value, q);
  }

  /** Takes an observation of the past. */
  warm({ t, ns, v, q }: Observation): void {
    const isLate = this.#isBefore(t, ns);
    const value = usable(v, q);
    // To a window that starts empty, history is not late, even where the snapshot knows what came after it.
    for (const window of this.#observers) if (!this.#restored.has(window)) window.observe(t, value, false);
    if (!isLate) this.#take(t, ns, value, q);
  }

  snapshot(): Value {
    const windows = [...this.#windows].flatMap(([key, window]) => (isKept(window) ? [[key, window.snapshot()]] : []));
    if (!Number.isFinite(this.t)) return null;
    const usableAt = Number.isFinite(this.usableAt) ? this.usableAt : null;
    return { last: [this.t, this.ns, this.value, this.quality, usableAt], windows: Object.fromEntries(windows) };
  }

  restore(snapshot: Value | undefined): void {
    if (snapshot === null || snapshot === undefined) return;
    const { last, windows } = snapshot as unknown as Kept;
    [this.t, this.ns, this.value, this.quality] = last;
    this.usableAt = last[4] ?? Number.NEGATIVE_INFINITY;
    for (const [key, kept] of Object.entries(windows)) {
      const window = this.#windows.get(key);
      if (window === undefined || !isKept(window)) continue;
      window.restore(kept);
      this.#restored.add(window);
    }
  }

  #isBefore(t: number, ns: number): boolean {
    return t < this.t || (t === this.t && ns < this.ns);
  }

  #take(t: number, ns: number, value: Value, quality: Quality): boolean {
    const isChange = value !== this.value || quality !== this.quality || !Number.isFinite(this.t);
    this.t = t;
    this.ns = ns;
    this.value = value;
    this.quality = quality;
    if (value !== null) this.usableAt = t;
    return isChange;
  }

  #window<Kind extends Window>(key: string, make: () => Kind): Kind {
    const known = this.#windows.get(key);
    if (known !== undefined) return known as Kind;
    const window = make();
    this.#windows.set(key, window);
    this.#observers.push(window);
    return window;
  }
}

interface Kept {
  readonly last: [number, number, Value, Quality, number | null];
  readonly windows: Readonly<Record<string, Value>>;
}

function isKept(window: Window): window is KeptWindow {
  return 'snapshot' in window;
}

function usable(v: Value, q: Quality): Value {
  return q === 'bad' || (typeof v === 'number' && !Number.isFinite(v)) ? null : v;
}
