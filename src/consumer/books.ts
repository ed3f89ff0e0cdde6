import type { Range } from '../seq-ranges.ts';
import { eventsOf, latestTime, machineKey } from '../wire/codec.ts';
import type { EventBatch, RollupBatch, TelemetryBatch } from '../wire/contract.ts';
import type { ReceivedBatch } from './inbox.ts';
import { type ChannelReport, countOf } from './ledger.ts';

const HOUR_MS = 3_600_000;
/** Hours of a machine that are kept apart: 31 days, about 100 kB. Older ones are folded into one. */
const HOURS_KEPT = 31 * 24;
/** The last instant that a Date can be (ECMA-262, 21.4.1.1). */
const MAX_TIME = 8.64e15;

/** What gaps of one cause have lost. */
export interface GapFigures {
  readonly gaps: number;
  /** Observations, at most. */
  readonly observations: number;
  /** Gaps of whose observations nobody knows the number. */
  readonly uncounted: number;
}

/** What was received and lost of a machine in some time. */
export interface BookFigures {
  /** Batches, each in the hour of its latest entry. */
  readonly batches: number;
  /** Each in its own hour. */
  readonly observations: number;
  /** Observations of which only a rollup tells, in the hours of its windows. */
  readonly rolledUp: number;
  /** Batches that were sent late or once more. */
  readonly historical: number;
  /** Batches that came after a later one had been released, without being historical. */
  readonly late: number;
  /** Batches that are missing without a gap that says so. */
  readonly missing: number;
  /** Batches that a backlog may still bring. */
  readonly awaited: number;
  /** By cause. A gap is told in each hour that it reaches into. */
  readonly gaps: Readonly<Record<string, GapFigures>>;
}

/** `hour` is its beginning, UTC, such as `2026-11-21T09:00Z`. */
export type HourBooks = { readonly hour: string } & BookFigures;

export interface MachineBooks {
  /** `tenant/gateway/machine` */
  readonly machine: string;
  readonly total: BookFigures;
  /** All hours before the first of `hours` that could not be kept; undefined when there were none. */
  readonly earlier: BookFigures | undefined;
  /** Ascending, without those of which nothing is known. */
  readonly hours: readonly HourBooks[];
}

type Counts = { -readonly [K in Exclude<keyof BookFigures, 'missing' | 'awaited' | 'gaps'>]: number } & {
  readonly gaps: Map<string, { -readonly [K in keyof GapFigures]: number }>;
};

interface Machine {
  readonly total: Counts;
  /** By whole hours since the epoch. */
  readonly hours: Map<number, Counts>;
  earlier: Counts | undefined;
  /** The last hour that is in `earlier`. */
  foldedTo: number;
}

/**
 * The books of each machine by the hour (UTC) of event time. What lies between two times (the count of a gap, a run of
 * missing batches) is spread evenly over the hours between, since nobody knows better. Pure; in bounded memory for each
 * machine.
 */
export class Books {
  readonly #machines = new Map<string, Machine>();

  /** Enters a batch, once. */
  add({ batch, late }: Pick<ReceivedBatch, 'batch' | 'late'>): void {
    const machine = this.#machine(machineKey(batch));
    for (const counts of [machine.total, countsOf(machine, hourOf(latestTime(batch)))]) {
      counts.batches += 1;
      if (batch.historical) counts.historical += 1;
      else if (late) counts.late += 1;
    }
    if (batch.kind === 'telemetry') addObservations(machine, batch);
    else if (batch.kind === 'rollup') addWindows(machine, batch);
    else if (batch.kind === 'event') addGaps(machine, batch);
  }

  /** With the books of the ledger, which know what is missing. */
  report(channels: readonly ChannelReport[]): MachineBooks[] {
    const holes = holesByMachine(channels);
    return [...this.#machines].map(([machine, { total, hours, earlier, foldedTo }]) => {
      const lost = holes.get(machine) ?? new Map<number, Holes>();
      const before = [...lost].filter(([hour]) => hour <= foldedTo).map(([, of]) => of);
      const all = [...new Set([...hours.keys(), ...lost.keys()])].filter((hour) => hour > foldedTo);
      return {
        machine,
        total: figures(total, [...lost.values()]),
        earlier: earlier === undefined ? undefined : figures(earlier, before),
        hours: all
          .sort((a, b) => a - b)
          .map((hour) => ({
            hour: nameOf(hour),
            ...figures(hours.get(hour) ?? emptyCounts(), [lost.get(hour) ?? NO_HOLES]),
          })),
      };
    });
  }

  #machine(key: string): Machine {
    const machine = this.#machines.get(key) ?? {
      total: emptyCounts(),
      hours: new Map(),
      earlier: undefined,
      foldedTo: Number.NEGATIVE_INFINITY,
    };
    this.#machines.set(key, machine);
    return machine;
  }
}

/** The books of an hour; makes room for it by folding the oldest. */
function countsOf(machine: Machine, hour: number): Counts {
  if (hour <= machine.foldedTo && machine.earlier !== undefined) return machine.earlier;
  const known = machine.hours.get(hour);
  if (known !== undefined) return known;
  const counts = emptyCounts();
  machine.hours.set(hour, counts);
  if (machine.hours.size <= HOURS_KEPT) return counts;
  const oldest = Math.min(...machine.hours.keys());
  machine.earlier ??= emptyCounts();
  fold(machine.earlier, machine.hours.get(oldest) as Counts);
  machine.hours.delete(oldest);
  machine.foldedTo = oldest;
  return oldest === hour ? machine.earlier : counts;
}

const FOLDED = ['batches', 'observations', 'rolledUp', 'historical', 'late'] as const;

function fold(into: Counts, from: Counts): void {
  for (const key of FOLDED) into[key] += from[key];
  for (const [cause, { gaps, observations, uncounted }] of from.gaps) {
    addGap(into, cause, gaps, observations, uncounted);
  }
}

function addObservations(machine: Machine, { t0, signals }: TelemetryBatch): void {
  let hour = Number.NaN;
  let counts = machine.total;
  for (const { t } of Object.values(signals)) {
    machine.total.observations += t.length;
    for (const offset of t) {
      const own = hourOf(t0 + offset);
      if (own !== hour) {
        hour = own;
        counts = countsOf(machine, hour);
      }
      counts.observations += 1;
    }
  }
}

function addWindows(machine: Machine, { t0, rollups }: RollupBatch): void {
  for (const { t, n, regular } of Object.values(rollups)) {
    // What they sum up is there as well, or was never to be sent.
    if (regular === true) continue;
    for (const [i, offset] of t.entries()) {
      machine.total.rolledUp += n[i] ?? 0;
      countsOf(machine, hourOf(t0 + offset)).rolledUp += n[i] ?? 0;
    }
  }
}

function addGaps(machine: Machine, batch: EventBatch): void {
  for (const event of eventsOf(batch)) {
    if (event.type !== 'gap') continue;
    const { cause, count, from, to } = event;
    addGap(machine.total, cause, 1, count ?? 0, count === null ? 1 : 0);
    for (const [hour, share] of spread(count ?? 0, from ?? to, to)) {
      addGap(countsOf(machine, hour), cause, 1, share, count === null ? 1 : 0);
    }
  }
}

function addGap(counts: Counts, cause: string, gaps: number, observations: number, uncounted: number): void {
  const known = counts.gaps.get(cause) ?? { gaps: 0, observations: 0, uncounted: 0 };
  counts.gaps.set(cause, known);
  known.gaps += gaps;
  known.observations += observations;
  known.uncounted += uncounted;
}

/** Batches that were not received. */
type Holes = Readonly<Record<'missing' | 'awaited', number>>;

const NO_HOLES: Holes = { missing: 0, awaited: 0 };

/** Machine → hour → batches that are missing or awaited in it. */
function holesByMachine(channels: readonly ChannelReport[]): Map<string, Map<number, Holes>> {
  const machines = new Map<string, Map<number, Holes>>();
  for (const { channel, missing, missingBetween, awaited, awaitedBetween } of channels) {
    if (missing.length + awaited.length === 0) continue;
    const key = channel.split('/').slice(0, 3).join('/');
    const hours = machines.get(key) ?? new Map<number, Holes>();
    machines.set(key, hours);
    addHoles(hours, 'missing', missing, missingBetween);
    addHoles(hours, 'awaited', awaited, awaitedBetween);
  }
  return machines;
}

function addHoles(
  hours: Map<number, Holes>,
  what: keyof Holes,
  ranges: readonly Range[],
  between: readonly Range[],
): void {
  for (const [i, range] of ranges.entries()) {
    const [from, to] = between[i] as Range;
    for (const [hour, share] of spread(countOf([range]), from, to)) {
      if (share === 0) continue;
      const known = hours.get(hour) ?? NO_HOLES;
      hours.set(hour, { ...known, [what]: known[what] + share });
    }
  }
}

/**
 * A count in whole parts over the hours from one time to right before another; the parts make up the whole. Of more
 * hours than are kept the oldest are left out, and the first one that is left has their part.
 */
function* spread(count: number, from: number, to: number): Generator<[hour: number, share: number]> {
  const last = hourOf(from < to ? to - 1 : to);
  const first = Math.max(Math.min(hourOf(from), last), last - HOURS_KEPT + 1);
  let given = 0;
  for (let hour = first; hour < last; hour++) {
    const until = Math.floor((count * ((hour + 1) * HOUR_MS - from)) / (to - from));
    yield [hour, until - given];
    given = until;
  }
  yield [last, count - given];
}

function hourOf(t: number): number {
  return Math.floor(Math.max(-MAX_TIME, Math.min(MAX_TIME, t)) / HOUR_MS);
}

function nameOf(hour: number): string {
  return new Date(hour * HOUR_MS).toISOString().replace(':00.000Z', 'Z');
}

function figures({ gaps, ...counts }: Counts, holes: readonly Holes[]): BookFigures {
  return {
    ...counts,
    missing: holes.reduce((sum, { missing }) => sum + missing, 0),
    awaited: holes.reduce((sum, { awaited }) => sum + awaited, 0),
    gaps: Object.fromEntries([...gaps].map(([cause, of]) => [cause, { ...of }])),
  };
}

function emptyCounts(): Counts {
  return { batches: 0, observations: 0, rolledUp: 0, historical: 0, late: 0, gaps: new Map() };
}
