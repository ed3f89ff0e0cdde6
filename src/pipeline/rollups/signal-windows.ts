import type { Observation, Value } from '../../observation.ts';
import { Moments } from '../statistics/moments.ts';
import { MAX_STATES, OTHER_STATE, stateName } from '../statistics/names.ts';

/** One window of a signal, open or just closed. */
export class OpenWindow {
  /** Observations in it, of whatever quality. */
  n = 0;
  /** Of the numbers among them that are not bad. */
  readonly numbers = new Moments();
  first: Value = null;
  last: Value = null;
  /** Milliseconds in each value of a state. */
  readonly time = new Map<string, number>();

  get isEmpty(): boolean {
    return this.n === 0 && this.time.size === 0;
  }

  addTime(value: string, ms: number): void {
    this.time.set(value, (this.time.get(value) ?? 0) + ms);
  }

  /** Takes in a shorter window that follows what is in it. */
  append(later: OpenWindow): void {
    if (later.n > 0) {
      if (this.n === 0) this.first = later.first;
      this.last = later.last;
      this.n += later.n;
      this.numbers.merge(later.numbers);
    }
    for (const [value, ms] of later.time) this.addTime(value, ms);
  }

  clear(): void {
    this.n = 0;
    this.numbers.clear();
    this.first = this.last = null;
    this.time.clear();
  }

  snapshot(): Value {
    if (this.isEmpty) return null;
    return [this.n, this.numbers.snapshot(), this.first, this.last, Object.fromEntries(this.time)];
  }

  restore(kept: Value): void {
    this.clear();
    if (kept === null) return;
    const [n, numbers, first, last, time] = kept as [number, Value, Value, Value, Record<string, number>];
    this.n = n;
    this.numbers.restore(numbers);
    this.first = first;
    this.last = last;
    for (const [value, ms] of Object.entries(time)) this.time.set(value, ms);
  }
}

/** The open windows of one signal, the shortest first. Observations come in order of time. */
export class SignalWindows {
  readonly levels: readonly OpenWindow[];
  readonly isState: boolean;
  readonly #values = new Set<string>();
  #held: string | undefined;
  #countedTo = 0;

  constructor(levels: number, isState: boolean) {
    this.levels = Array.from({ length: levels }, () => new OpenWindow());
    this.isState = isState;
  }

  /** Whether a window that is closed now has something to tell. */
  get isOpen(): boolean {
    return this.#held !== undefined || this.levels.some(({ isEmpty }) => !isEmpty);
  }

  observe({ t, ns, v, q }: Observation): void {
    const window = this.levels[0] as OpenWindow;
    const at = ns === 0 ? t : t + ns / 1e6;
    if (window.n === 0) window.first = v;
    window.n += 1;
    window.last = v;
    if (typeof v === 'number' && q !== 'bad') window.numbers.add(v, at);
    if (!this.isState) return;
    this.count(at);
    this.#held = q === 'bad' ? undefined : this.#known(stateName(v));
  }

  /** Counts the time of a held state up to then. */
  count(at: number): void {
    if (this.#held !== undefined && at > this.#countedTo) {
      (this.levels[0] as OpenWindow).addTime(this.#held, at - this.#countedTo);
    }
    this.#countedTo = at;
  }

  /** The state is unknown from where its time was last counted. */
  forget(): void {
    this.#held = undefined;
  }

  snapshot(): Value {
    const levels = this.levels.map((level) => level.snapshot());
    return this.isState ? [levels, this.#held ?? null, this.#countedTo, [...this.#values]] : [levels];
  }

  restore(kept: Value): void {
    const [levels, held, countedTo, values] = kept as [Value[], (string | null)?, number?, string[]?];
    this.levels.forEach((level, i) => {
      level.restore(levels[i] ?? null);
    });
    this.#held = held ?? undefined;
    this.#countedTo = countedTo ?? 0;
    for (const value of values ?? []) this.#values.add(value);
  }

  #known(value: string | undefined): string | undefined {
    if (value === undefined || this.#values.has(value)) return value;
    if (this.#values.size >= MAX_STATES) return OTHER_STATE;
    this.#values.add(value);
    return value;
  }
}
