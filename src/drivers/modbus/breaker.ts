/** Beside its own pace, a dead unit may cost a link that others use this share of the time. */
const MAX_SHARE = 0.02;
/** A probe's first guess where the unit has never answered. */
const FIRST_PROBE_MS = 250;
const SHORTEST_PROBE_MS = 50;
/** A probe waits this much longer than the unit's slowest answer. */
const PROBE_MARGIN = 4;
/** So often a probe waits the whole timeout, in case the unit has become slower. */
const FULL_PROBE_EVERY = 4;
/** Even spread around the pause, so that many dead units are not asked in step. */
const JITTER = 0.25;

export interface BreakerSettings {
  /** Timeouts in a row that open it. */
  readonly failures: number;
  /** First and longest pause between probes, in milliseconds. */
  readonly min: number;
  readonly max: number;
}

/** What may be asked of a unit now: everything, one short question, or nothing. */
export type Admission = 'poll' | 'probe' | 'wait';

/**
 * Keeps a unit that does not answer from costing its link a timeout for each poll. Closed until some timeouts in a row,
 * then open: a probe now and then, at growing intervals, and closed again by the first answer. Times are of a monotonic
 * clock, in milliseconds. All machines on the same unit share one.
 */
export class Breaker {
  readonly #settings: BreakerSettings;
  readonly #random: () => number;
  #failures = 0;
  #isOpen = false;
  #isProbing = false;
  #probes = 0;
  #nextProbe = 0;
  #slowest: number | undefined;

  constructor(settings: BreakerSettings, random: () => number = Math.random) {
    this.#settings = settings;
    this.#random = random;
  }

  get state(): 'closed' | 'open' | 'half-open' {
    if (!this.#isOpen) return 'closed';
    return this.#isProbing ? 'half-open' : 'open';
  }

  /** A caller that is told `probe` must report the outcome; until then everyone else waits. */
  admit(now: number): Admission {
    if (!this.#isOpen) return 'poll';
    if (this.#isProbing || now < this.#nextProbe) return 'wait';
    this.#isProbing = true;
    this.#probes += 1;
    return 'probe';
  }

  /** The unit answered, refusals included, after so many milliseconds. */
  succeeded(roundTrip: number): void {
    this.#failures = 0;
    this.#isOpen = false;
    this.#isProbing = false;
    this.#probes = 0;
    // The slowest of late: an old record fades.
    this.#slowest = Math.max(roundTrip, (this.#slowest ?? 0) * 0.99);
  }

  /** The unit did not answer, which cost the link so many milliseconds. */
  failed(now: number, cost: number): void {
    this.#failures += 1;
    this.#isOpen ||= this.#failures >= this.#settings.failures;
    this.#isProbing = false;
    if (!this.#isOpen) return;
    const { min, max } = this.#settings;
    const pause = Math.max(min * 2 ** this.#probes, cost / MAX_SHARE);
    this.#nextProbe = now + Math.min(max, pause) * (1 + JITTER * (2 * this.#random() - 1));
  }

  /** A probe that was not sent after all, or whose outcome says nothing of the unit. */
  cancelled(): void {
    this.#isProbing = false;
  }

  /** Milliseconds that a probe waits for its answer. */
  probeTimeout(timeout: number): number {
    if (this.#probes % FULL_PROBE_EVERY === 0) return timeout;
    const guess = this.#slowest === undefined ? FIRST_PROBE_MS : this.#slowest * PROBE_MARGIN;
    return Math.min(timeout, Math.max(SHORTEST_PROBE_MS, guess));
  }
}
