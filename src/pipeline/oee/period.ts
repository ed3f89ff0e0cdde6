import type { Observation, Quality } from '../../observation.ts';

/** Sums of one hour, shift or day. Times in milliseconds, of planned time only. */
export interface OeeSums {
  /** ISO 22400-2 planned busy time, as far as it was seen; planned downtime is not in it. */
  planned: number;
  /** Actual production time. */
  running: number;
  /** Of `planned`: the state was unknown. */
  unknown: number;
  /** Produced in planned time, and outside of it. */
  parts: number;
  extraParts: number;
  good: number;
  scrap: number;
  /** Steps of a counter that no production explains; they are not in the counts. */
  jumps: number;
}

/** What counts are configured, and the ideal time of one part, ms. */
export interface OeeBasis {
  readonly idealCycle: number | undefined;
  readonly hasGood: boolean;
  readonly hasScrap: boolean;
}

/** A closed or running period. Times in milliseconds since the epoch, lengths in seconds, ratios 0 … 1 (performance may be more). */
export interface OeePeriod {
  readonly kind: 'hour' | 'shift' | 'day';
  /** Of the shift. */
  readonly name?: string;
  readonly from: number;
  readonly to: number;
  readonly planned: number;
  readonly running: number;
  readonly down: number;
  readonly unknown: number;
  readonly parts: number;
  readonly extraParts: number;
  readonly jumps: number;
  readonly good: number | null;
  readonly scrap: number | null;
  readonly availability: number | null;
  readonly performance: number | null;
  readonly quality: number | null;
  /** The product; null where a factor that is configured is unknown. */
  readonly oee: number | null;
}

export function emptySums(): OeeSums {
  return { planned: 0, running: 0, unknown: 0, parts: 0, extraParts: 0, good: 0, scrap: 0, jumps: 0 };
}

/** The key figures of ISO 22400-2 from the sums. Pure. */
export function periodOf(
  about: Pick<OeePeriod, 'kind' | 'name' | 'from' | 'to'>,
  sums: OeeSums,
  { idealCycle, hasGood, hasScrap }: OeeBasis,
): OeePeriod {
  const known = sums.planned - sums.unknown;
  const availability = known > 0 ? sums.running / known : null;
  const performance = idealCycle !== undefined && sums.running > 0 ? (idealCycle * sums.parts) / sums.running : null;
  const good = hasGood ? sums.good : Math.max(0, sums.parts - sums.scrap);
  const produced = hasGood && hasScrap ? sums.good + sums.scrap : sums.parts;
  const quality = (hasGood || hasScrap) && produced > 0 ? Math.min(1, good / produced) : null;
  // A factor that nobody asked for is left out of the product.
  const factors = [
    availability,
    ...(idealCycle === undefined ? [] : [performance]),
    ...(hasGood || hasScrap ? [quality] : []),
  ];
  return {
    ...about,
    planned: sums.planned / 1000,
    running: sums.running / 1000,
    down: (known - sums.running) / 1000,
    unknown: sums.unknown / 1000,
    parts: sums.parts,
    extraParts: sums.extraParts,
    jumps: sums.jumps,
    good: hasGood ? sums.good : null,
    scrap: hasScrap ? sums.scrap : null,
    availability,
    performance,
    quality,
    oee: factors.reduce<number | null>(
      (product, factor) => (product === null || factor === null ? null : product * factor),
      1,
    ),
  };
}

/** The factors of a period as observations of derived signals, at its end: `oee.availability_hour` … Pure. */
export function oeeObservations(period: OeePeriod): Observation[] {
  return (['availability', 'performance', 'quality', 'oee'] as const).map((what) => {
    const v = period[what];
    const q: Quality = v === null ? 'bad' : 'good';
    return { signal: `oee.${what === 'oee' ? 'index' : what}_${period.kind}`, t: period.to, ns: 0, v, q };
  });
}
