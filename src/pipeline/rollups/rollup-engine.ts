import { matcher } from '../../expression/selector.ts';
import type { Observation, Value } from '../../observation.ts';
import type { OrderedSink } from '../statistics/event-order.ts';
import { type OpenWindow, SignalWindows } from './signal-windows.ts';
import { ColumnsBuilder, type WindowColumns } from './window-columns.ts';

/** Each window is a multiple of the one before it, the shortest first; milliseconds. */
export interface RollupSettings {
  /** Patterns of the signals that are rolled up. */
  readonly signals: readonly string[];
  readonly windows: readonly number[];
  /** Patterns of those of them that are states, whose time in each value is told. */
  readonly states: readonly string[];
}

/** Closed windows of one length: the content of a `rollup` batch. */
export interface RollupBody {
  readonly window: number;
  /** Beginning of the first window, milliseconds since the epoch. */
  readonly t0: number;
  /** Windows, over all signals. */
  readonly count: number;
  readonly rollups: Readonly<Record<string, WindowColumns>>;
}

/** Signals of one machine that are rolled up at most; the observations of others are counted. */
const MAX_SIGNALS = 2000;

/** Event time that goes on by more at once was observed by nobody: what a state was in it is unknown. */
const MAX_HELD_MS = 86_400_000;

/**
 * Windows of fixed length of one machine’s signals, [start, start + window), aligned with the epoch; the longer ones are
 * merged from the shorter. Observations must come in order of their times. One with none is left out, except that of
 * a state that is held. A deterministic function of the observations: no clock, no I/O.
 *
 * A restart is `restore`, and then the observations that came after the snapshot; it needs no history.
 */
export class RollupEngine implements OrderedSink {
  /** Observations of signals beyond the most that there may be. */
  ignored = 0;
  readonly #windows: readonly number[];
  readonly #isRolledUp: (signal: string) => boolean;
  readonly #isState: (signal: string) => boolean;
  readonly #signals = new Map<string, SignalWindows>();
  readonly #closed: readonly Map<string, ColumnsBuilder>[];
  /** Where the shortest windows end; NaN before there was an observation. */
  #end = Number.NaN;

  constructor({ signals, windows, states }: RollupSettings) {
    this.#windows = windows;
    this.#isRolledUp = matcher(signals);
    this.#isState = matcher(states);
    this.#closed = windows.map(() => new Map());
  }

  observe(observation: Observation): void {
    const { signal, t } = observation;
    let windows = this.#signals.get(signal);
    if (windows === undefined) {
      windows = this.#add(signal);
      if (windows === undefined) return;
    }
    if (Number.isNaN(this.#end)) this.#end = this.#endAfter(t);
    if (t >= this.#end) this.advance(t);
    windows.observe(observation);
  }

  advance(before: number): void {
    if (before - this.#end > MAX_HELD_MS) for (const windows of this.#signals.values()) windows.forget();
    while (this.#end <= before) {
      const isAnyOpen = [...this.#signals.values()].some(({ isOpen }) => isOpen);
      if (isAnyOpen) this.#close(this.#end);
      this.#end = isAnyOpen ? this.#end + (this.#windows[0] as number) : this.#endAfter(before);
    }
  }

  /** What has been closed since the last call, a body for each length. `unitOf` tells the unit of a signal’s numbers. */
  take(unitOf: (signal: string) => string | undefined = () => undefined): RollupBody[] {
    return this.#closed.flatMap((signals, level) => {
      if (signals.size === 0) return [];
      const window = this.#windows[level] as number;
      const builders = [...signals];
      signals.clear();
      const t0 = Math.min(...builders.map(([, { from }]) => from));
      const count = builders.reduce((sum, [, builder]) => sum + builder.count, 0);
      const rollups = builders.map(([signal, builder]) => [signal, builder.build(window, t0, unitOf(signal))] as const);
      return [{ window, t0, count, rollups: Object.fromEntries(rollups) }];
    });
  }

  /** The open windows. What is closed and not taken yet is not in it. */
  snapshot(): Value {
    if (Number.isNaN(this.#end)) return null;
    const signals = [...this.#signals].map(([name, windows]) => [name, windows.snapshot()] as const);
    return { windows: [...this.#windows], end: this.#end, ignored: this.ignored, signals: Object.fromEntries(signals) };
  }

  /** Of a new engine only. What was kept with other windows is not taken up: they begin anew. */
  restore(state: Value): void {
    const kept = state as unknown as Kept | null;
    if (kept === null || kept.windows.join() !== this.#windows.join()) return;
    this.#end = kept.end;
    this.ignored = kept.ignored;
    for (const [signal, windows] of Object.entries(kept.signals)) this.#add(signal)?.restore(windows);
  }

  #close(end: number): void {
    for (const [signal, windows] of this.#signals) {
      if (windows.isState) windows.count(end);
      for (const [level, open] of windows.levels.entries()) {
        const length = this.#windows[level] as number;
        if (end % length !== 0) break;
        if (open.isEmpty) continue;
        this.#tell(signal, level, end - length, open);
        windows.levels[level + 1]?.append(open);
        open.clear();
      }
    }
  }

  #tell(signal: string, level: number, start: number, window: OpenWindow): void {
    const closed = this.#closed[level] as Map<string, ColumnsBuilder>;
    const columns = closed.get(signal) ?? new ColumnsBuilder();
    closed.set(signal, columns);
    columns.add(start, window);
  }

  #endAfter(t: number): number {
    const shortest = this.#windows[0] as number;
    return (Math.floor(t / shortest) + 1) * shortest;
  }

  #add(signal: string): SignalWindows | undefined {
    if (!this.#isRolledUp(signal)) return undefined;
    if (this.#signals.size >= MAX_SIGNALS) {
      this.ignored += 1;
      return undefined;
    }
    const windows = new SignalWindows(this.#windows.length, this.#isState(signal));
    this.#signals.set(signal, windows);
    return windows;
  }
}

interface Kept {
  readonly windows: readonly number[];
  readonly end: number;
  readonly ignored: number;
  readonly signals: Readonly<Record<string, Value>>;
}
