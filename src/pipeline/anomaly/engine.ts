import { matcher } from '../../expression/selector.ts';
import type { Observation, Value } from '../../observation.ts';
import { type Contributor, MOST_SIGNALS } from './machine-model.ts';
import { SignalSample } from './sample.ts';
import { StateModel } from './state-model.ts';
import { type AnomalySettings, type Tuning, tuningOf } from './tuning.ts';

/** States that are known at a time; the one that was left longest ago makes room. */
const MOST_STATES = 8;
/** The state of a machine that has told none yet. */
const NO_STATE = '';

/**
 * Anomaly scores of one machine in event time: a deterministic function of what it is handed, without a clock of its
 * own. Time is the newest `t` that it was handed and never goes back. Time is cut into samples; all is scored and
 * learnt at their ends, within the operating state. What comes late counts for the sample under way, unless its signal
 * has a newer value. Memory is bounded by the number of signals: 8 states, 32 signals in the score of the machine.
 *
 * After a restart: `restore` a snapshot, and `observe` what came after it. Scores are then the same as without the restart.
 */
export class AnomalyEngine {
  readonly #settings: AnomalySettings;
  readonly #tuning: Tuning;
  /** By the name of the signal; null: not one to score. */
  readonly #byName = new Map<string, SignalSample | null>();
  #samples: SignalSample[] = [];
  #together: string[] = [];
  /** In the order in which they were entered last. */
  readonly #states = new Map<string, StateModel>();
  /** Null: the machine says that it is not known. */
  #state: string | null = NO_STATE;
  #stateAt = Number.NEGATIVE_INFINITY;
  #model: StateModel | undefined;
  #now = Number.NEGATIVE_INFINITY;
  #seen = Number.NEGATIVE_INFINITY;
  /** Where the sample under way ends. */
  #end = Number.POSITIVE_INFINITY;
  /** Nothing counts before. */
  #settled = Number.NEGATIVE_INFINITY;

  constructor(settings: AnomalySettings) {
    this.#settings = settings;
    this.#tuning = tuningOf(settings);
    this.#enter(NO_STATE);
  }

  observe({ signal, t, v, q }: Observation): void {
    if (t >= this.#end) this.advance(t);
    if (t > this.#seen) this.#see(t);
    if (signal === this.#settings.state) {
      if (t >= this.#stateAt) this.#observeState(t, q === 'bad' ? null : v);
      return;
    }
    const isNumber = typeof v === 'number' && Number.isFinite(v);
    const sample = this.#byName.get(signal);
    if (sample === null) return;
    if (sample !== undefined) sample.add(t, isNumber && q !== 'bad' ? v : Number.NaN);
    else if (isNumber) this.#meet(signal)?.add(t, q === 'bad' ? Number.NaN : v);
  }

  /** Lets event time go on to `t`. */
  advance(t: number): void {
    if (!(t > this.#now)) return;
    this.#now = t;
    const { sample, stale } = this.#settings;
    const silentAt = this.#seen + stale;
    for (; this.#end <= t && this.#end <= silentAt; this.#end += sample) this.#step();
    if (this.#end <= t) this.#end = (Math.floor(t / sample) + 1) * sample;
  }

  /**
   * How unusual a signal is, or the machine as a whole: 0 as usual, from 3 on unusual, 100 at most. Undefined while that is
   * being learnt, while the state settles, where a value is missing, while the machine is silent, and for what is not scored.
   */
  score(signal?: string): number | undefined {
    if (!this.#isHolding()) return undefined;
    const score = signal === undefined ? this.#model?.machine.score : this.#scoreOf(signal);
    return score === undefined || Number.isNaN(score) ? undefined : score;
  }

  /** Which signals make the score of the machine, the most first; none while there is no score. */
  contributors(): Contributor[] {
    return this.score() === undefined ? [] : (this.#model?.machine.contributors(this.#together) ?? []);
  }

  /** What a restart must not forget, as JSON. */
  snapshot(): Value {
    const times = [this.#stateAt, this.#now, this.#seen, this.#end, this.#settled];
    return {
      of: this.#fingerprint(),
      state: this.#state,
      times: times.map((time) => (Number.isFinite(time) ? time : null)),
      samples: this.#samples.map((sample) => sample.snapshot()),
      states: [...this.#states].map(([state, model]) => [state, model.snapshot(this.#together.length)]),
    };
  }

  /** Takes up a snapshot; one that was made with other settings is left, and all is learnt anew. */
  restore(snapshot: Value): void {
    const kept = snapshot as unknown as Kept | null;
    if (kept?.of !== this.#fingerprint()) return;
    const [stateAt, now, seen, end, settled] = kept.times;
    this.#stateAt = stateAt ?? Number.NEGATIVE_INFINITY;
    this.#now = now ?? Number.NEGATIVE_INFINITY;
    this.#seen = seen ?? Number.NEGATIVE_INFINITY;
    this.#end = end ?? Number.POSITIVE_INFINITY;
    this.#settled = settled ?? Number.NEGATIVE_INFINITY;
    this.#samples = kept.samples.map((sample) => SignalSample.restored(sample));
    this.#together = this.#samples.filter(({ place }) => place >= 0).map(({ name }) => name);
    this.#byName.clear();
    for (const sample of this.#samples) this.#byName.set(sample.name, sample);
    this.#states.clear();
    for (const [state, model] of kept.states) {
      const restored = new StateModel(this.#tuning);
      restored.restore(model);
      this.#states.set(state, restored);
    }
    this.#state = kept.state;
    this.#model = kept.state === null ? undefined : this.#states.get(kept.state);
  }

  #scoreOf(signal: string): number | undefined {
    const sample = this.#byName.get(signal);
    if (sample === undefined || sample === null || sample.isMissing) return undefined;
    return this.#model?.scoreOf(this.#samples.indexOf(sample));
  }

  /** Whether the last values still say something. */
  #isHolding(): boolean {
    return this.#now >= this.#settled && this.#now <= this.#seen + this.#settings.stale;
  }

  #see(t: number): void {
    const { sample, stale } = this.#settings;
    // Nobody knows what the machine did meanwhile.
    if (t > this.#seen + stale) this.#settle(t);
    this.#seen = t;
    if (t > this.#now) this.#now = t;
    if (this.#end === Number.POSITIVE_INFINITY) this.#end = (Math.floor(t / sample) + 1) * sample;
  }

  #observeState(t: number, v: Value): void {
    this.#stateAt = t;
    const state = typeof v === 'string' || v === null ? v : JSON.stringify(v);
    if (state === this.#state) return;
    this.#enter(state);
    this.#settle(t);
  }

  #enter(state: string | null): void {
    this.#state = state;
    this.#model = state === null ? undefined : (this.#states.get(state) ?? new StateModel(this.#tuning));
    if (state === null || this.#model === undefined) return;
    // Entered last: to the end of the order.
    this.#states.delete(state);
    this.#states.set(state, this.#model);
    const [oldest] = this.#states.keys();
    if (this.#states.size > MOST_STATES && oldest !== undefined) this.#states.delete(oldest);
  }

  #settle(t: number): void {
    this.#settled = Math.max(this.#settled, t + this.#settings.settle);
    this.#model?.enter();
    for (const sample of this.#samples) sample.drop();
  }

  /** Ends the sample under way. */
  #step(): void {
    if (this.#model !== undefined && this.#end - this.#settings.sample >= this.#settled) {
      this.#model.step(this.#samples, this.#together.length);
    } else {
      for (const sample of this.#samples) sample.drop();
    }
  }

  /** Takes up a signal that has not come before, if it is one to score. */
  #meet(signal: string): SignalSample | null {
    const { signals, machine = signals } = this.#settings;
    const isScored = matcher(signals)(signal);
    const isTogether = isScored && matcher(machine)(signal) && this.#together.length < MOST_SIGNALS;
    const sample = isScored ? new SignalSample(signal, isTogether ? this.#together.length : -1) : null;
    this.#byName.set(signal, sample);
    if (sample !== null) this.#samples.push(sample);
    if (isTogether) this.#together.push(signal);
    return sample;
  }

  /** Numbers that were learnt by other settings mean something else. */
  #fingerprint(): string {
    const { signals, machine = null, state, sample, smooth, warmUp } = this.#settings;
    return JSON.stringify([1, signals, machine, state, sample, smooth, warmUp]);
  }
}

interface Kept {
  readonly of: string;
  readonly state: string | null;
  readonly times: readonly (number | null)[];
  readonly samples: readonly Value[];
  readonly states: readonly (readonly [string, Value])[];
}
