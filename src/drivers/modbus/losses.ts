import type { Gap } from '../../observation.ts';

/** Losses of the same cause are told at most this often, together. */
const TELL_EVERY_MS = 60_000;

/** What a polled device can lose: it keeps nothing. */
export type LossCause = 'link-down' | 'poll-skipped';

/** Something that was lost and is not told yet. */
export interface Loss {
  readonly cause: LossCause;
  /** Time of the last good reading before, null where there was none. */
  readonly from: number | null;
  /** Observations; null where it is not known. */
  readonly count: number | null;
}

/** Adds up what was lost until something good comes after it, and tells it as gaps. */
export class Losses {
  readonly #pending = new Map<LossCause, Loss>();
  readonly #toldAt = new Map<LossCause, number>();

  /** What waits to be told. */
  get pending(): readonly Loss[] {
    return [...this.#pending.values()];
  }

  note({ cause, from, count }: Loss): void {
    const before = this.#pending.get(cause) ?? { cause, from, count: 0 };
    this.#pending.set(cause, {
      cause,
      from: before.from === null || from === null ? before.from : Math.min(before.from, from),
      count: before.count === null || count === null ? null : before.count + count,
    });
  }

  /**
   * The gaps that end with a good reading at `t`.
   * @param isReturn the machine was lost and is back: what is known is told at once
   */
  settle(t: number, isReturn: boolean): Gap[] {
    if (this.#pending.size === 0) return [];
    const gaps: Gap[] = [];
    for (const [cause, { from, count }] of this.#pending) {
      // A clock that was set back must not keep them until it has come so far again.
      const isDue = Math.abs(t - (this.#toldAt.get(cause) ?? Number.NEGATIVE_INFINITY)) >= TELL_EVERY_MS;
      if (!isDue && !(isReturn && cause === 'link-down')) continue;
      // A clock that was set back meanwhile must not turn it round.
      const since = from === null ? null : Math.min(from, t);
      gaps.push({ type: 'gap', t, cause, from: since, to: t, count, exact: count !== null });
      this.#pending.delete(cause);
      this.#toldAt.set(cause, t);
    }
    return gaps;
  }
}
