import { matcher } from '../../expression/selector.ts';
import type { Notice, Observation, Value } from '../../observation.ts';
import type { OrderedSink } from '../statistics/event-order.ts';
import { stateName } from '../statistics/names.ts';
import { Calendar, type Plan, type Shift } from './calendar.ts';
import { type Downtime, DowntimeLog } from './downtime.ts';
import { PartCounter } from './part-counter.ts';
import { emptySums, type OeeBasis, type OeePeriod, type OeeSums, periodOf } from './period.ts';

/** Of one machine; lengths in milliseconds. */
export interface OeeSettings {
  readonly timeZone: string;
  readonly shifts: readonly Shift[];
  /** Signal of the state, and its values in which the machine produces. */
  readonly state: string;
  readonly running: readonly string[];
  /** Counters: signals. */
  readonly parts?: string | undefined;
  readonly good?: string | undefined;
  readonly scrap?: string | undefined;
  /** Ideal time of one part. */
  readonly idealCycle?: number | undefined;
  /** Parts that a counter may add from one reading to the next. */
  readonly maxStep: number;
  /** Patterns of the signals that are alarms. */
  readonly alarms: readonly string[];
  readonly minDowntime: number;
}

const KINDS = ['hour', 'shift', 'day'] as const;
type Kind = (typeof KINDS)[number];
const COUNTS = ['parts', 'good', 'scrap'] as const;

/** Event time that goes on by more at once was observed by nobody: what the state was in it is unknown. */
const MAX_HELD_MS = 86_400_000;
/** After one of more than this the periods begin anew, with none in between. */
const MAX_AWAY_MS = 31 * 86_400_000;

interface Open {
  readonly from: number;
  readonly to: number;
  readonly name?: string;
  readonly sums: OeeSums;
}

/**
 * Overall equipment effectiveness of one machine, ISO 22400-2, per hour, shift and day of local time, and its downtimes.
 * Observations must come in order of their times. A deterministic function of them: no clock, no I/O.
 *
 * A restart is `restore`, and then the observations that came after the snapshot.
 */
export class OeeEngine implements OrderedSink {
  readonly #settings: OeeSettings;
  readonly #basis: OeeBasis;
  readonly #calendar: Calendar;
  readonly #isAlarm: (signal: string) => boolean;
  readonly #roles = new Map<string, 'state' | 'alarm' | (typeof COUNTS)[number] | 'none'>();
  readonly #counters: Readonly<Record<(typeof COUNTS)[number], PartCounter>>;
  readonly #downtime: DowntimeLog;
  readonly #open = new Map<Kind, Open>();
  #plan: Plan | undefined;
  /** Up to where time has been counted; NaN before there was an observation. */
  #at = Number.NaN;
  /** Undefined while it is unknown. */
  #state: string | undefined;
  #periods: OeePeriod[] = [];
  #downtimes: Downtime[] = [];

  constructor(settings: OeeSettings) {
    this.#settings = settings;
    this.#basis = {
      idealCycle: settings.parts === undefined ? undefined : settings.idealCycle,
      hasGood: settings.good !== undefined,
      hasScrap: settings.scrap !== undefined,
    };
    this.#calendar = new Calendar(settings.timeZone, settings.shifts);
    this.#isAlarm = matcher(settings.alarms);
    const counter = () => new PartCounter(settings.maxStep);
    this.#counters = { parts: counter(), good: counter(), scrap: counter() };
    this.#downtime = new DowntimeLog(settings.minDowntime);
  }

  observe({ signal, t, v, q }: Observation): void {
    const role = this.#roles.get(signal) ?? this.#roleOf(signal);
    if (role === 'none') return;
    this.advance(t);
    if (role === 'state') this.#enter(q === 'bad' ? undefined : stateName(v));
    else if (role === 'alarm') this.#downtime.alarm(signal, q === 'bad' ? null : v);
    else if (typeof v === 'number' && q !== 'bad') this.#add(role, this.#counters[role].add(v));
  }

  advance(before: number): void {
    if (Number.isNaN(this.#at)) {
      this.#at = before;
      this.#plan = this.#begin();
      return;
    }
    const away = before - this.#at;
    if (away > MAX_HELD_MS) this.#enter(undefined);
    if (away > MAX_AWAY_MS) {
      for (const kind of KINDS) this.#close(kind);
      this.#at = before;
      this.#plan = this.#begin();
    }
    while (this.#at < before) this.#count(before);
  }

  /** What has been closed since the last call, in order of time. */
  take(): { readonly periods: readonly OeePeriod[]; readonly downtimes: readonly Downtime[] } {
    const [periods, downtimes] = [this.#periods, this.#downtimes];
    this.#periods = [];
    this.#downtimes = [];
    return { periods, downtimes };
  }

  /** The periods under way, as they stand. */
  current(): OeePeriod[] {
    return KINDS.flatMap((kind) => {
      const open = this.#open.get(kind);
      if (open === undefined) return [];
      const { sums, ...about } = open;
      return [periodOf({ kind, ...about }, sums, this.#basis)];
    });
  }

  /** What is closed and not taken yet is not in it. */
  snapshot(): Value {
    if (Number.isNaN(this.#at)) return null;
    return {
      at: this.#at,
      state: this.#state ?? null,
      counters: Object.fromEntries(COUNTS.map((count) => [count, this.#counters[count].snapshot()])),
      open: Object.fromEntries(
        [...this.#open].map(([kind, { sums, ...about }]) => [kind, { ...about, sums: { ...sums } }]),
      ),
      downtime: this.#downtime.snapshot(),
    };
  }

  /** Of a new engine only. */
  restore(state: Value): void {
    if (state === null) return;
    const kept = state as unknown as Kept;
    this.#at = kept.at;
    this.#state = kept.state ?? undefined;
    for (const count of COUNTS) this.#counters[count].restore(kept.counters[count] ?? null);
    for (const kind of KINDS) {
      const open = kept.open[kind];
      if (open !== undefined) this.#open.set(kind, open);
    }
    this.#downtime.restore(kept.downtime);
    this.#plan = this.#begin();
  }

  /** Counts up to `before`, or to where the plan changes. */
  #count(before: number): void {
    const plan = this.#plan as Plan;
    const to = Math.min(before, plan.until);
    const length = to - this.#at;
    if (plan.isPlanned) {
      for (const { sums } of this.#open.values()) {
        sums.planned += length;
        if (this.#state === undefined) sums.unknown += length;
        else if (this.#isRunning()) sums.running += length;
      }
    }
    this.#at = to;
    if (to < plan.until) return;
    for (const kind of KINDS) if (this.#open.get(kind)?.to === to) this.#close(kind);
    this.#plan = this.#begin();
  }

  /** Opens the periods of now, and begins or ends a downtime where the plan says so. */
  #begin(): Plan {
    const plan = this.#calendar.at(this.#at);
    for (const kind of KINDS) {
      const span = plan[kind];
      if (span === undefined || this.#open.get(kind)?.from === span.from) continue;
      this.#close(kind);
      this.#open.set(kind, { ...span, sums: emptySums() });
    }
    this.#look(plan);
    return plan;
  }

  #enter(state: string | undefined): void {
    this.#state = state;
    this.#look(this.#plan as Plan);
  }

  #look({ isPlanned, shift }: Plan): void {
    if (isPlanned && this.#state !== undefined && !this.#isRunning()) {
      this.#downtime.down(this.#at, this.#state, shift?.name);
      return;
    }
    const over = this.#downtime.end(this.#at);
    if (over !== undefined) this.#downtimes.push(over);
  }

  #isRunning(): boolean {
    return this.#state !== undefined && this.#settings.running.includes(this.#state);
  }

  #add(count: (typeof COUNTS)[number], step: number | undefined): void {
    for (const { sums } of this.#open.values()) {
      if (step === undefined) sums.jumps += 1;
      else if (this.#plan?.isPlanned === true) sums[count] += step;
      else if (count === 'parts') sums.extraParts += step;
    }
  }

  /** A period in which nothing was planned and nothing made is not told. */
  #close(kind: Kind): void {
    const open = this.#open.get(kind);
    if (open === undefined) return;
    this.#open.delete(kind);
    const { sums, ...about } = open;
    if (sums.planned > 0 || sums.extraParts > 0) this.#periods.push(periodOf({ kind, ...about }, sums, this.#basis));
  }

  #roleOf(signal: string) {
    const { state } = this.#settings;
    const count = COUNTS.find((one) => this.#settings[one] === signal);
    const role = signal === state ? 'state' : (count ?? (this.#isAlarm(signal) ? 'alarm' : 'none'));
    this.#roles.set(signal, role);
    return role;
  }
}

interface Kept {
  readonly at: number;
  readonly state: string | null;
  readonly counters: Readonly<Record<string, Value>>;
  readonly open: Readonly<Partial<Record<Kind, Open>>>;
  readonly downtime: Value;
}

/** What people are told of periods and downtimes that are over: a notice for each shift, day and downtime. Pure. */
export function eventsOf(periods: readonly OeePeriod[], downtimes: readonly Downtime[]): Notice[] {
  const told = periods
    .filter(({ kind }) => kind !== 'hour')
    .map((period): Notice => {
      const { kind, name, oee, to } = period;
      const what = name === undefined ? kind : `${kind} ${name}`;
      const message = `${what}: OEE ${oee === null ? 'unknown' : `${Math.round(oee * 100)} %`}`;
      return { type: 'notice', t: to, code: `oee-${kind}`, message, detail: { ...period } };
    });
  const down = downtimes.map((downtime): Notice => {
    const why = downtime.alarms.length === 0 ? '' : `: ${downtime.alarms.join(', ')}`;
    const message = `down for ${Math.round(downtime.duration)} s${why}`;
    return { type: 'notice', t: downtime.to, code: 'downtime', message, detail: { ...downtime } };
  });
  return [...told, ...down];
}
