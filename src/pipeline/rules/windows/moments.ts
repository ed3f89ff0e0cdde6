import type { Value } from '../../../observation.ts';
import { Moments } from '../../statistics/moments.ts';
import { PANES, PaneRing, type Window } from './window.ts';

/** Mean, standard deviation, least and most of the numbers in a window. O(1) a value; once a pane the panes are merged anew. */
export class MomentsWindow implements Window {
  readonly #ring: PaneRing;
  readonly #panes = Array.from({ length: PANES + 1 }, () => new Moments());
  /** All panes but the one under way. */
  readonly #closed = new Moments();
  #isStale = false;
  /** All panes, when it was last asked for. */
  readonly #all = new Moments();

  constructor(window: number) {
    this.#ring = new PaneRing(window);
  }

  observe(t: number, v: Value): void {
    if (typeof v !== 'number') return;
    const pane = this.#ring.numberOf(t);
    this.#moveTo(pane);
    if (!this.#ring.isCovered(pane)) return;
    if (pane < this.#ring.newest) this.#isStale = true;
    this.#pane(pane).add(v, t);
  }

  /** What it covers now. The same object with every call; first and last value mean nothing where values came late. */
  moments(now: number): Moments {
    this.#moveTo(this.#ring.numberOf(now));
    if (this.#isStale) {
      this.#closed.clear();
      for (let pane = this.#ring.newest - PANES; pane < this.#ring.newest; pane++) this.#closed.merge(this.#pane(pane));
      this.#isStale = false;
    }
    this.#all.clear();
    this.#all.merge(this.#closed);
    this.#all.merge(this.#pane(this.#ring.newest));
    return this.#all;
  }

  wake(now: number): number {
    this.#moveTo(this.#ring.numberOf(now));
    const oldest = this.#ring.oldest((place) => this.#panes[place]?.n !== 0);
    return oldest === undefined ? Number.POSITIVE_INFINITY : this.#ring.leaves(oldest);
  }

  #pane(pane: number): Moments {
    return this.#panes[this.#ring.placeOf(pane)] as Moments;
  }

  #moveTo(pane: number): void {
    if (pane <= this.#ring.newest) return;
    this.#ring.moveTo(pane, (place) => this.#panes[place]?.clear());
    this.#isStale = true;
  }
}
