/** What the config says of anomaly scores (`src/config/anomaly.ts`). All times are event time in milliseconds. */
export interface AnomalySettings {
  /** Patterns of the numeric signals that are scored, each by itself. */
  readonly signals: readonly string[];
  /** Those of them that make up the score of the machine. Left out: all. */
  readonly machine?: readonly string[] | undefined;
  /** Name of the signal whose values are learnt apart. */
  readonly state: string;
  /** How long a value takes to count half. */
  readonly halfLife: number;
  /** Time in a state before the machine is scored there; its signals are after half of it. */
  readonly warmUp: number;
  /** Time after a change of state in which nothing is scored or learnt. */
  readonly settle: number;
  /** How often scores are made, of the means of what came meanwhile. */
  readonly sample: number;
  /** Half-life of a single sample in the scores. */
  readonly smooth: number;
  /** What has been unusual for so long is taken as the new normal, and learnt anew. */
  readonly drift: number;
  /** How rarely normal operation should reach 3, for each signal and for the machine, in time that is scored. */
  readonly falseAlarm: number;
  /** Silence of the whole machine after which its last values no longer hold. */
  readonly stale: number;
}

/** A score from here on is unusual: nothing is learnt from it. */
export const UNUSUAL = 3;
/** No score is higher. */
export const HIGHEST = 100;

/** Fewer samples say little of a variance. */
const LEAST_SAMPLES = 30;
/** So much of a half-life at most is one sample. */
const MOST_WEIGHT = 0.02;
/** Half-lives of smoothing until a score has forgotten what was. */
const CALM_HALF_LIVES = 20;

/** The settings as the models use them: counted in samples. */
export interface Tuning {
  /** Weight of a sample in what is learnt, and in a score. */
  readonly learn: number;
  readonly smooth: number;
  /** Samples in each of the four parts of a warm-up: level of a signal, its noise, its correlations, noise of all together. */
  readonly phase: number;
  /** Unusual samples that make a new normal. */
  readonly drift: number;
  /** Standard deviation of a smoothed score where samples are independent of each other. */
  readonly noise: number;
  /** Standard deviations that such a score reaches once in `falseAlarm`. */
  readonly limit: number;
  /** How much nearer a widened limit comes with each sample. */
  readonly narrow: number;
  /** Usual samples that end what counts as one alarm. */
  readonly calm: number;
}

/** By how much a false alarm widens the limit; a period of `falseAlarm` without one takes it back. */
export const WIDEN = 1.05;

export function tuningOf(settings: AnomalySettings): Tuning {
  const { halfLife, warmUp, sample, smooth, drift, falseAlarm } = settings;
  const samplesOf = (ms: number) => Math.ceil(ms / sample);
  const lambda = 1 - 2 ** -(sample / smooth);
  return {
    learn: Math.min(MOST_WEIGHT, 1 - 2 ** -(sample / halfLife)),
    smooth: lambda,
    phase: Math.max(LEAST_SAMPLES, samplesOf(warmUp / 4)),
    drift: samplesOf(drift),
    noise: Math.sqrt(lambda / (2 - lambda)),
    // A smoothed score has about `lambda` independent values a sample; the highest of n normal ones is near √(2 ln n).
    limit: Math.sqrt(2 * Math.log(Math.max(100, lambda * samplesOf(falseAlarm)))),
    narrow: WIDEN ** (-1 / samplesOf(falseAlarm)),
    calm: samplesOf(CALM_HALF_LIVES * smooth),
  };
}
