import type { Vital } from '../drivers/driver.ts';
import type { MachineEvent, MachineModel, Observation, Reading } from '../observation.ts';

/** Watched for so long at least, so that a rate can be told. */
const MIN_WATCH_MS = 3000;
/** Events that are kept; a machine that tells more has told enough. */
const MAX_EVENTS = 100;

export interface SignalRecord {
  readonly last: Observation;
  /** Whether it has had more than one value. */
  readonly changed: boolean;
}

/** What a driver has yielded while it was watched. Times are milliseconds since the watch began, if nothing else is said. */
export class MachineRecord {
  readonly signals = new Map<string, SignalRecord>();
  readonly events: MachineEvent[] = [];
  model: MachineModel | undefined;
  /** When the first values came; a driver's own word that the machine is not available is none. */
  firstAt: number | undefined;
  /** Whether anything had a value; `available` alone may be the driver's own. */
  hasValue = false;
  /** Observations after those that came first, which may be a snapshot. */
  fresh = 0;
  /** Milliseconds by which fresh observations were older than their arrival: the least of all. */
  leastAge: number | undefined;

  /** Takes a reading that came at `at`, when our clock showed `now`, milliseconds since the epoch. */
  take({ observations, events = [] }: Reading, at: number, now: number): void {
    for (const event of events) {
      if (event.type === 'machine') this.model = event;
      else if (this.events.length < MAX_EVENTS) this.events.push(event);
    }
    if (observations.length === 0) return;
    const isFirst = this.firstAt === undefined;
    if (!observations.every(isAbsence)) this.firstAt ??= at;
    for (const observation of observations) {
      const before = this.signals.get(observation.signal);
      const isOther = before !== undefined && !isSame(before.last, observation);
      this.hasValue ||= observation.q !== 'bad' && observation.signal !== 'available';
      this.signals.set(observation.signal, { last: observation, changed: before?.changed === true || isOther });
      if (isFirst) continue;
      this.fresh += 1;
      this.leastAge = Math.min(this.leastAge ?? Number.POSITIVE_INFINITY, now - observation.t);
    }
  }

  /** Signals that the machine has and that have not come yet. */
  get unseen(): string[] {
    return Object.keys(this.model?.signals ?? {}).filter((name) => !this.signals.has(name));
  }

  get hasChanged(): boolean {
    return [...this.signals.values()].some(({ changed }) => changed);
  }

  /** Watching on would tell nothing more. */
  isComplete(at: number): boolean {
    if (this.firstAt === undefined || at - this.firstAt < MIN_WATCH_MS) return false;
    return this.model !== undefined && this.unseen.length === 0 && this.hasChanged;
  }

  /** What the driver said last of why it cannot read. */
  get failure(): string | undefined {
    const last = this.events.findLast((event) => event.type === 'driver');
    return last?.state === 'failed' ? last.message : undefined;
  }
}

/** A driver that was watched. */
export interface Watched {
  readonly record: MachineRecord;
  /** Milliseconds. */
  readonly duration: number;
  readonly vitals: readonly Vital[];
  /** What the driver threw, if it ended by itself. */
  readonly fault?: unknown;
}

function isAbsence({ signal, v }: Observation): boolean {
  return signal === 'available' && v === false;
}

function isSame(a: Observation, b: Observation): boolean {
  return Object.is(a.v, b.v) || (typeof a.v === 'object' && JSON.stringify(a.v) === JSON.stringify(b.v));
}
