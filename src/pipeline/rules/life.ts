import type { Value } from '../../observation.ts';
import type { EventClock } from './clock.ts';
import { Quiet } from './quiet.ts';
import type { Rule, TransitionState } from './rule.ts';

/** What a step in the life of an alert adds to what is known of the alert. */
export interface Step {
  readonly repeat?: number;
  readonly quiet?: true;
  readonly by?: string;
  readonly reason?: string;
}

export type Tell = (state: TransitionState, step: Step) => void;

type Phase = 'inactive' | 'pending' | 'firing' | 'latched';

/** All of it, as JSON. */
interface Kept {
  phase: Phase;
  /** When the condition became true that the alert is for, ms. */
  since: number;
  /** From when it counts as having held: later by the time in which it was unknown. */
  from: number;
  /** Alerts of this rule that began in the same millisecond before this one. */
  twin: number;
  unknownFrom: number | null;
  acknowledged: boolean;
  /** When the alert was last told, and how often it was told again. */
  toldAt: number;
  repeat: number;
  /** It was told in quiet hours only, which end then. */
  quietUntil: number | null;
  /** When alerts began and ended of late, while a rule looks for flapping. */
  changes: number[];
  isFlapping: boolean;
}

const NEW: Kept = {
  phase: 'inactive',
  since: Number.MIN_SAFE_INTEGER,
  from: Number.MIN_SAFE_INTEGER,
  twin: 0,
  unknownFrom: null,
  acknowledged: false,
  toldAt: 0,
  repeat: 0,
  quietUntil: null,
  changes: [],
  isFlapping: false,
};

/**
 * The life of one rule's alerts, step by step. An unknown condition (null) changes nothing: an alert neither fires nor
 * ends, and the time that it must hold stands still.
 *
 * While it flaps, alerts that come and go are one alert that stays on, and nothing is told of them.
 */
export class Life {
  readonly #rule: Rule;
  readonly #quiet: Quiet;
  readonly #tell: Tell;
  #now: Kept = { ...NEW, changes: [] };

  constructor(rule: Rule, tell: Tell) {
    this.#rule = rule;
    this.#quiet = new Quiet(rule.quietHours);
    this.#tell = tell;
  }

  get since(): number {
    return this.#now.since;
  }

  get isFlapping(): boolean {
    return this.#now.isFlapping;
  }

  /** Whether there is an alert, as far as anybody was told. */
  get isOpen(): boolean {
    return isOpen(this.#now);
  }

  get isLatched(): boolean {
    return this.#now.phase === 'latched';
  }

  get isAcknowledged(): boolean {
    return this.#now.acknowledged;
  }

  /** The alert's own part of its id: when it began, and which it is of those that began then. */
  get ordinal(): string {
    return ordinalOf(this.#now);
  }

  /** Takes what the condition says now, and whether what ends the alert is true. */
  step(is: boolean | null, isOver: boolean, clock: EventClock): void {
    const life = this.#now;
    if (life.phase === 'inactive') {
      if (is !== true && !life.isFlapping) return;
      if (is === true) this.#begin(clock.now);
    } else if (life.phase === 'pending') {
      this.#wait(is, clock.now);
    } else if (life.phase === 'firing') {
      if (isOver) this.#end(clock.now);
    } else if (is === true) {
      life.phase = 'firing';
      this.#say('firing', clock.now, {});
    }
    this.#remind(clock.now);
  }

  /** When something is due if nothing changes. */
  wake({ now, until }: EventClock): number {
    const { phase, from, unknownFrom, isFlapping, changes, quietUntil, toldAt, acknowledged } = this.#now;
    if (phase === 'inactive' && !isFlapping) return Number.POSITIVE_INFINITY;
    let next = Number.POSITIVE_INFINITY;
    if (phase === 'pending' && unknownFrom === null) next = from + this.#rule.for;
    if (isFlapping) next = Math.min(next, (changes.at(-1) ?? now) + (this.#rule.flapping?.within ?? 0));
    if (this.isOpen && !acknowledged) {
      if (quietUntil !== null) next = Math.min(next, quietUntil);
      // A jump over many reminders gives one.
      else if (this.#rule.repeat !== undefined) next = Math.min(next, Math.max(toldAt + this.#rule.repeat, until));
    }
    return next;
  }

  /** Somebody has seen the alert. Whether there was one to be seen. */
  acknowledge(t: number, by: string): boolean {
    const life = this.#now;
    if (!this.isOpen || life.acknowledged) return false;
    life.acknowledged = true;
    this.#tell('acknowledged', { by });
    if (life.phase === 'latched') {
      life.phase = 'inactive';
      this.#say('resolved', t, { by });
    }
    return true;
  }

  /** As JSON; of a rule without an alert hardly anything. */
  snapshot(): Value {
    const { phase, isFlapping, changes, since, twin } = this.#now;
    const isIdle = phase === 'inactive' && !isFlapping && changes.length === 0;
    return isIdle ? { since, twin } : { ...this.#now, changes: [...changes] };
  }

  restore(snapshot: Value): void {
    this.#now = lifeIn(snapshot);
  }

  #begin(now: number): void {
    const life = this.#now;
    if (!life.isFlapping) this.#renew(now);
    life.from = now;
    life.unknownFrom = null;
    life.phase = 'pending';
    if (this.#rule.for === 0) this.#fire(now);
    else if (!life.isFlapping) this.#tell('pending', {});
  }

  /** Another alert than the last one. */
  #renew(since: number): void {
    const life = this.#now;
    life.twin = since === life.since ? life.twin + 1 : 0;
    life.since = since;
    life.acknowledged = false;
    life.repeat = 0;
    life.quietUntil = null;
  }

  #wait(is: boolean | null, now: number): void {
    const life = this.#now;
    if (is === null) {
      life.unknownFrom ??= now;
    } else if (!is) {
      life.phase = 'inactive';
      if (!life.isFlapping) this.#tell('cancelled', {});
    } else {
      if (life.unknownFrom !== null) life.from += now - life.unknownFrom;
      life.unknownFrom = null;
      if (now - life.from >= this.#rule.for) this.#fire(now);
    }
  }

  #fire(now: number): void {
    this.#now.phase = 'firing';
    this.#change(now, 'firing');
  }

  #end(now: number): void {
    if (this.#rule.latch && !this.#now.acknowledged) {
      this.#now.phase = 'latched';
      this.#say('latched', now, {});
    } else {
      this.#now.phase = 'inactive';
      this.#change(now, 'resolved');
    }
  }

  /** An alert begins or ends: tells it, unless it is one of many. */
  #change(now: number, state: 'firing' | 'resolved'): void {
    const { flapping } = this.#rule;
    const life = this.#now;
    if (flapping !== undefined) {
      life.changes = [...life.changes, now].filter((t) => now - t < flapping.within).slice(-flapping.changes);
      if (life.isFlapping) return;
      if (life.changes.length >= flapping.changes) {
        life.isFlapping = true;
        this.#say('firing', now, {});
        return;
      }
    }
    this.#say(state, now, {});
  }

  /** What comes with time: the end of flapping, of quiet hours, and reminders. */
  #remind(now: number): void {
    const life = this.#now;
    const { flapping, repeat } = this.#rule;
    if (life.isFlapping && now - (life.changes.at(-1) ?? now) >= (flapping?.within ?? 0)) {
      life.isFlapping = false;
      life.changes = [];
      this.#say(life.phase === 'inactive' || life.phase === 'pending' ? 'resolved' : 'firing', now, {});
      if (life.phase === 'pending') this.#renew(life.from);
    }
    if (!this.isOpen || life.acknowledged) return;
    const isUnheard = life.quietUntil !== null && now >= life.quietUntil;
    const isDue = life.quietUntil === null && repeat !== undefined && now - life.toldAt >= repeat;
    if (!isUnheard && !isDue) return;
    const quietUntil = this.#quiet.endOf(now);
    if (quietUntil !== undefined) {
      life.quietUntil = quietUntil;
      return;
    }
    life.repeat += 1;
    this.#say(life.phase === 'latched' ? 'latched' : 'firing', now, { repeat: life.repeat });
  }

  #say(state: TransitionState, now: number, step: Step): void {
    const quietUntil = this.#quiet.endOf(now);
    this.#now.quietUntil = quietUntil ?? null;
    this.#now.toldAt = now;
    this.#tell(state, quietUntil === undefined ? step : { ...step, quiet: true });
  }
}

/** The alert in a snapshot. */
export function alertIn(snapshot: Value): { isOpen: boolean; ordinal: string; since: number } {
  const life = lifeIn(snapshot);
  return { isOpen: isOpen(life), ordinal: ordinalOf(life), since: life.since };
}

function lifeIn(snapshot: Value): Kept {
  const kept = { ...NEW, ...(snapshot as unknown as Partial<Kept>) };
  return { ...kept, changes: [...kept.changes] };
}

function isOpen({ phase, isFlapping }: Kept): boolean {
  return phase === 'firing' || phase === 'latched' || isFlapping;
}

function ordinalOf({ since, twin }: Kept): string {
  return twin === 0 ? `${since}` : `${since}.${twin}`;
}
