import type { Value } from '../../observation.ts';
import { alarmsIn } from './alarms.ts';

/** A stretch of planned time in which the machine did not run. */
export interface Downtime {
  /** Milliseconds since the epoch. */
  readonly from: number;
  readonly to: number;
  /** Seconds. */
  readonly duration: number;
  readonly shift?: string;
  /** The states that it was in, in their order. */
  readonly states: readonly string[];
  /** What was wrong in it, as far as the machine told; 20 at most. */
  readonly alarms: readonly string[];
}

const MAX_ALARMS = 20;
const MAX_STATES = 8;

interface Episode {
  readonly from: number;
  readonly shift: string | null;
  readonly states: string[];
  readonly alarms: string[];
}

/** Follows the alarms of a machine and the episodes in which it does not run. */
export class DowntimeLog {
  readonly #minDowntime: number;
  /** Of each signal, what is wrong now. */
  readonly #active = new Map<string, readonly string[]>();
  #episode: Episode | undefined;

  /** `minDowntime` in milliseconds: shorter ones are not told. */
  constructor(minDowntime: number) {
    this.#minDowntime = minDowntime;
  }

  alarm(signal: string, v: Value): void {
    const alarms = alarmsIn(signal, v).slice(0, MAX_ALARMS);
    if (alarms.length === 0) this.#active.delete(signal);
    else this.#active.set(signal, alarms);
    if (this.#episode !== undefined) join(this.#episode.alarms, alarms, MAX_ALARMS);
  }

  /** It does not run, in planned time, at `t`. */
  down(t: number, state: string, shift: string | undefined): void {
    if (this.#episode === undefined) {
      this.#episode = { from: t, shift: shift ?? null, states: [], alarms: [] };
      for (const alarms of this.#active.values()) join(this.#episode.alarms, alarms, MAX_ALARMS);
    }
    join(this.#episode.states, [state], MAX_STATES);
  }

  /** It runs again, or nobody expects it to, or nobody knows. The episode that ends with it, if it is long enough. */
  end(t: number): Downtime | undefined {
    const episode = this.#episode;
    this.#episode = undefined;
    if (episode === undefined || t - episode.from < this.#minDowntime) return undefined;
    const { from, shift, states, alarms } = episode;
    return { from, to: t, duration: (t - from) / 1000, ...(shift === null ? {} : { shift }), states, alarms };
  }

  snapshot(): Value {
    const episode = this.#episode === undefined ? null : structuredClone(this.#episode);
    return { active: Object.fromEntries(this.#active), episode } as Value;
  }

  restore(state: Value): void {
    const { active, episode } = state as unknown as { active: Record<string, string[]>; episode: Episode | null };
    for (const [signal, alarms] of Object.entries(active)) this.#active.set(signal, alarms);
    this.#episode = episode ?? undefined;
  }
}

function join(list: string[], more: readonly string[], most: number): void {
  for (const one of more) if (list.length < most && !list.includes(one)) list.push(one);
}
