import { type Clock, systemClock } from '../clock.ts';
import type { Value } from '../observation.ts';

/** How far back a timeline goes, and how many stretches it has at most. */
export const TIMELINE_MS = 24 * 3_600_000;
const MAX_SEGMENTS = 5000;

/** A stretch of time in one state. Milliseconds since the epoch. */
export interface Segment {
  readonly from: number;
  readonly to: number;
  /** null: the machine said that it does not know. */
  readonly state: string | null;
}

/** The states of a machine over the last day, in event time. What lies between two segments is unknown. */
export class StateTimeline {
  #segments: { from: number; to: number; state: string | null }[] = [];
  /** Whether the last segment goes on until something else is observed. */
  #isOpen = false;
  readonly #clock: Clock;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** The state at a time. One that is older than what is known is passed over, unless what is known is of the future. */
  observe(t: number, value: Value): void {
    const state = typeof value === 'string' ? value : null;
    const now = this.#clock.now();
    const end = this.#segments.at(-1)?.to ?? t;
    if (t < end && end <= now) return;
    if (t < end) this.#forget(t);
    const last = this.#segments.at(-1);
    if (last !== undefined && this.#isOpen) last.to = t;
    if (this.#isOpen && last?.state === state) return;
    this.#isOpen = true;
    this.#segments.push({ from: t, to: t, state });
    const oldest = Math.min(t, now) - TIMELINE_MS;
    while (this.#segments.length > MAX_SEGMENTS || (this.#segments[0]?.to ?? t) < oldest) this.#segments.shift();
  }

  /** What was told of later: a clock was wrong. */
  #forget(after: number): void {
    this.#segments = this.#segments.filter(({ from }) => from < after);
    const last = this.#segments.at(-1);
    if (last !== undefined) last.to = Math.min(last.to, after);
  }

  /** @param heldUntil the machine was in its last state until then, at least */
  between(from: number, to: number, heldUntil: number | undefined): Segment[] {
    return this.#held(heldUntil)
      .map((segment) => ({ ...segment, from: Math.max(from, segment.from), to: Math.min(to, segment.to) }))
      .filter((segment) => segment.to > segment.from);
  }

  snapshot(heldUntil: number | undefined): Value {
    return this.#held(heldUntil).map((segment) => ({ ...segment }));
  }

  /** What happened since then is not known (null: since the last observation): the last state ends there. */
  interrupt(from: number | null): void {
    const last = this.#segments.at(-1);
    if (last !== undefined && from !== null) last.to = Math.max(last.from, Math.min(last.to, from));
    this.#isOpen = false;
  }

  /** Of a new timeline only. Passes over what is none. */
  restore(snapshot: unknown): void {
    const segments = Array.isArray(snapshot) ? (snapshot as readonly Partial<Segment>[]) : [];
    for (const { from, to, state } of segments) {
      const isSound = Number.isFinite(from) && Number.isFinite(to) && (state === null || typeof state === 'string');
      if (isSound) this.#segments.push({ from: from as number, to: to as number, state: state as string | null });
    }
    this.#isOpen = this.#segments.length > 0;
  }

  #held(until: number | undefined): readonly Segment[] {
    const last = this.#segments.at(-1);
    if (last === undefined || until === undefined || !this.#isOpen || until <= last.to) return this.#segments;
    return [...this.#segments.slice(0, -1), { ...last, to: until }];
  }
}
