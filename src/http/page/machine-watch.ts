import type { ApiHistory, ApiMachineDetail, ApiSignal } from '../api.ts';

/** What a sparkline shows. */
export const TREND_MS = 300_000;
/** Of more than two values within so long, the last one replaces the one before. */
const STEP_MS = 2000;

/** Every machine has these, and they are what somebody looks for first. */
const CANONICAL = ['state', 'rpm', 'feed_mm_min', 'available'];

/** Recent values of a signal that are numbers; null: there was none. */
export interface Trend {
  readonly t: number[];
  readonly v: (number | null)[];
}

/** What is known of the machine that is looked at. */
export class MachineWatch {
  readonly id: string;
  detail: ApiMachineDetail | undefined;
  readonly #signals = new Map<string, ApiSignal>();
  readonly #trends = new Map<string, Trend>();
  #sorted: readonly ApiSignal[] = [];

  constructor(id: string) {
    this.id = id;
  }

  /** The canonical ones first, then by name. */
  get signals(): readonly ApiSignal[] {
    return this.#sorted;
  }

  trend(signal: string): Trend | undefined {
    return this.#trends.get(signal);
  }

  /** `all`: there are no others. */
  take(signals: readonly ApiSignal[], all: boolean): void {
    const count = this.#signals.size;
    if (all) this.#signals.clear();
    for (const signal of signals) {
      this.#signals.set(signal.name, signal);
      this.#extend(signal);
    }
    if (all || this.#signals.size !== count) {
      const names = [...this.#signals.keys()].sort(byImportance);
      this.#sorted = names.flatMap((name) => this.#signals.get(name) ?? []);
    } else {
      this.#sorted = this.#sorted.map(({ name }) => this.#signals.get(name) as ApiSignal);
    }
  }

  /** Puts what was stored before what has come since the page looks. */
  remember({ signals }: ApiHistory): void {
    for (const [name, { t, mean }] of Object.entries(signals)) {
      const live = this.#trends.get(name);
      const until = live?.t[0] ?? Number.POSITIVE_INFINITY;
      const count = t.filter((at) => at < until).length;
      this.#trends.set(name, {
        t: [...t.slice(0, count), ...(live?.t ?? [])],
        v: [...mean.slice(0, count), ...(live?.v ?? [])],
      });
    }
  }

  #extend({ name, t, v }: ApiSignal): void {
    if (typeof v !== 'number' && v !== null) return;
    const trend = this.#trends.get(name) ?? { t: [], v: [] };
    this.#trends.set(name, trend);
    const last = trend.t.at(-1) ?? Number.NEGATIVE_INFINITY;
    // The whole list comes again after a reconnect.
    if (t <= last) return;
    if (t - (trend.t.at(-2) ?? Number.NEGATIVE_INFINITY) < STEP_MS) {
      trend.t.pop();
      trend.v.pop();
    }
    trend.t.push(t);
    trend.v.push(v);
    // One older than what is shown is where the line comes from.
    while ((trend.t[1] ?? t) < t - TREND_MS) {
      trend.t.shift();
      trend.v.shift();
    }
  }
}

function byImportance(a: string, b: string): number {
  return rank(a) - rank(b) || a.localeCompare(b, 'en', { numeric: true });
}

function rank(signal: string): number {
  const index = CANONICAL.indexOf(signal);
  return index === -1 ? CANONICAL.length : index;
}
