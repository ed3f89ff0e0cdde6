import type { Value } from '../../../observation.ts';

/** Parts of a window: it forgets them one by one. */
export const PANES = 60;

/**
 * What is known of a signal's values in the time before now. A window of 5 minutes has 60 panes of 5 seconds and the one
 * that is under way, so that it covers the last 5 minutes and up to 5 seconds more. Memory is bounded whatever comes.
 */
export interface Window {
  /** Takes a value, null where it was unavailable. `isLate`: a newer one of the signal came before. */
  observe(t: number, v: Value, isLate: boolean): void;
  /** When what it covers changes next if nothing is observed; Infinity where it will not. */
  wake(now: number): number;
}

/** A window whose content depends on more than the observations in it, and has to be kept across a restart. */
export interface KeptWindow extends Window {
  snapshot(): Value;
  restore(snapshot: Value): void;
}

/** Numbers the panes of a window and says which of them are in it. */
export class PaneRing {
  /** Milliseconds of a pane, whole. */
  readonly length: number;
  /** Number of the pane under way, since the epoch. */
  newest = Number.NEGATIVE_INFINITY;

  constructor(window: number) {
    this.length = Math.ceil(window / PANES);
  }

  numberOf(t: number): number {
    return Math.floor(t / this.length);
  }

  /** Where a pane is kept, 0…PANES. */
  placeOf(pane: number): number {
    return ((pane % (PANES + 1)) + PANES + 1) % (PANES + 1);
  }

  isCovered(pane: number): boolean {
    return pane >= this.newest - PANES;
  }

  /** Moves on to a pane; `clear` is called for the place of each one that comes new, in order. Whether it moved. */
  moveTo(pane: number, clear: (place: number) => void): boolean {
    if (pane <= this.newest) return false;
    for (let next = Math.max(this.newest + 1, pane - PANES); next <= pane; next++) clear(this.placeOf(next));
    this.newest = pane;
    return true;
  }

  /** When the pane under way ends. */
  end(): number {
    return (this.newest + 1) * this.length;
  }

  /** When a pane falls out of the window. */
  leaves(pane: number): number {
    return (pane + PANES + 1) * this.length;
  }

  /** The number of the first pane in the window for which `isFilled` says so; undefined where there is none. */
  oldest(isFilled: (place: number) => boolean): number | undefined {
    for (let pane = this.newest - PANES; pane <= this.newest; pane++) {
      if (isFilled(this.placeOf(pane))) return pane;
    }
    return undefined;
  }
}
