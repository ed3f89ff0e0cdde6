import type { EventClock } from './clock.ts';

/** A time that is not compared with plain numbers is looked at this often, and after each hundredth of itself. */
const STEP_MS = 1000;
const STEP_SHARE = 0.01;

/**
 * When to look again at a time that has run since `since`, so that no moment is missed at which it reaches one of the
 * limits (seconds), or exceeds it, a millisecond later. Without limits: every second, and ever more seldom.
 */
export function wakeAt(since: number, limits: readonly number[], { now }: EventClock): number {
  if (limits.length === 0) return now + Math.max(STEP_MS, Math.floor((now - since) * STEP_SHARE));
  let next = Number.POSITIVE_INFINITY;
  for (const limit of limits) {
    const reached = since + Math.ceil(limit * 1000);
    if (now < reached) next = Math.min(next, reached);
    else if (now === reached) next = Math.min(next, reached + 1);
  }
  return next;
}
