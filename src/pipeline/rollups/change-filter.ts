import type { Observation, Value } from '../../observation.ts';

/** Which observations of a signal are changes worth sending. */
export interface ChangeSettings {
  /** A number that differs from the last kept one by no more than this is left out; default: by nothing. */
  readonly deadband?: number | undefined;
  /** The same in percent of the last kept number; where both are given, the larger counts. */
  readonly deadbandPercent?: number | undefined;
  /** Swinging door: a number is left out if the line between its kept neighbours misses it by no more. */
  readonly deviation?: number | undefined;
  /** One is kept at least as often, ms, as long as any come. */
  readonly maxInterval: number;
}

/**
 * Leaves out what says nothing new of one signal. Kept are always: the first, each change of quality, each other value that
 * is no number and differs, and late ones. With a swinging door the last number waits until the next tells whether it
 * is needed: `flush` hands it on. Kept observations come in order of time. Pure.
 */
export class ChangeFilter {
  readonly #settings: ChangeSettings;
  #kept: Observation | undefined;
  /** The last number of a swinging door, not kept yet. */
  #held: Observation | undefined;
  /** Slopes from the kept number, units a millisecond, whose lines miss none of those left out since. */
  #least = Number.NEGATIVE_INFINITY;
  #most = Number.POSITIVE_INFINITY;

  constructor(settings: ChangeSettings) {
    this.#settings = settings;
  }

  /** Adds to `out` what is to be sent by now. */
  observe(observation: Observation, out: Observation[]): void {
    const kept = this.#kept;
    const newest = this.#held ?? kept;
    if (newest !== undefined && distance(newest, observation) < 0) {
      out.push(observation);
    } else if (kept === undefined || kept.q !== observation.q || !isNumber(kept) || !isNumber(observation)) {
      if (
        kept !== undefined &&
        kept.q === observation.q &&
        isSame(kept.v, observation.v) &&
        !this.#isDue(kept, observation)
      ) {
        return;
      }
      this.flush(out);
      this.#keep(observation, out);
    } else if (this.#settings.deviation !== undefined) {
      this.#swing(kept, observation, this.#settings.deviation, out);
    } else if (this.#isBeyond(kept.v as number, observation.v as number) || this.#isDue(kept, observation)) {
      this.#keep(observation, out);
    }
  }

  /** Hands on what is held back. */
  flush(out: Observation[]): void {
    if (this.#held !== undefined) this.#keep(this.#held, out);
  }

  snapshot(): Value {
    const finite = (slope: number) => (Number.isFinite(slope) ? slope : null);
    return [record(this.#kept), record(this.#held), finite(this.#least), finite(this.#most)];
  }

  restore(state: Value): void {
    const [kept, held, least, most] = state as unknown as [
      Observation | null,
      Observation | null,
      number | null,
      number | null,
    ];
    this.#kept = kept ?? undefined;
    this.#held = held ?? undefined;
    this.#least = least ?? Number.NEGATIVE_INFINITY;
    this.#most = most ?? Number.POSITIVE_INFINITY;
  }

  #swing(kept: Observation, observation: Observation, deviation: number, out: Observation[]): void {
    const passed = distance(kept, observation);
    const rise = (observation.v as number) - (kept.v as number);
    const slope = passed === 0 ? Number.NaN : rise / passed;
    if (slope >= this.#least && slope <= this.#most) {
      if (this.#isDue(kept, observation)) {
        this.#keep(observation, out);
        return;
      }
      this.#narrow(rise, passed, deviation);
      this.#held = observation;
    } else if (this.#held === undefined) {
      // Of the same time as the kept one: no line tells them apart.
      this.#keep(observation, out);
    } else {
      this.flush(out);
      this.#swing(this.#kept as Observation, observation, deviation, out);
    }
  }

  #narrow(rise: number, passed: number, deviation: number): void {
    this.#least = Math.max(this.#least, (rise - deviation) / passed);
    this.#most = Math.min(this.#most, (rise + deviation) / passed);
  }

  #keep(observation: Observation, out: Observation[]): void {
    this.#kept = observation;
    this.#held = undefined;
    this.#least = Number.NEGATIVE_INFINITY;
    this.#most = Number.POSITIVE_INFINITY;
    out.push(observation);
  }

  #isBeyond(kept: number, value: number): boolean {
    const { deadband = 0, deadbandPercent = 0 } = this.#settings;
    return Math.abs(value - kept) > Math.max(deadband, (deadbandPercent / 100) * Math.abs(kept));
  }

  #isDue(kept: Observation, { t }: Observation): boolean {
    return t - kept.t >= this.#settings.maxInterval;
  }
}

/** Milliseconds from one to the other; exact, since the nanoseconds are not added to a time of today. */
function distance(from: Observation, to: Observation): number {
  return to.t - from.t + (to.ns - from.ns) / 1e6;
}

function isNumber({ v }: Observation): boolean {
  return typeof v === 'number';
}

function isSame(a: Value, b: Value): boolean {
  return a === b || (typeof a === 'object' && JSON.stringify(a) === JSON.stringify(b));
}

function record(observation: Observation | undefined): Value {
  return observation === undefined ? null : { ...observation };
}
