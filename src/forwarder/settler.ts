import type { Outbox } from '../outbox/outbox.ts';

/** Acknowledgements are gathered this long. */
const GATHER_MS = 100;
/**
 * What was gathered waits this long for a commit of new data that it can share: a card has few writes to give. A kill meanwhile has it sent again,
 * with the same keys.
 */
export const SETTLE_WITHIN_MS = 1500;
/** So many that were gathered do not wait, nor do those gathered next: a backlog is being sent. */
const MANY = 64;

/**
 * Marks acknowledged batches as delivered, in groups. It outlives a link, so that what was acknowledged on one is not sent again on the next while
 * its commit is still under way.
 */
export class Settler {
  readonly #outbox: Outbox;
  readonly #settled: () => void;
  readonly #failed: (error: unknown) => void;
  #waiting: number[] = [];
  readonly #unsettled = new Set<number>();
  readonly #underWay = new Set<Promise<void>>();
  #timer: NodeJS.Timeout | undefined;
  #wereMany = false;

  /** `settled` is called after each commit, `failed` when the outbox is gone or closing. */
  constructor(outbox: Outbox, settled: () => void, failed: (error: unknown) => void) {
    this.#outbox = outbox;
    this.#settled = settled;
    this.#failed = failed;
  }

  /** Acknowledged batches that are not marked yet. */
  get size(): number {
    return this.#unsettled.size;
  }

  has(id: number): boolean {
    return this.#unsettled.has(id);
  }

  add(id: number): void {
    this.#unsettled.add(id);
    this.#waiting.push(id);
    this.#timer ??= setTimeout(() => this.#handGathered(), GATHER_MS);
  }

  /** Resolves when everything added so far is committed, or the outbox is gone. Never rejects. */
  async flush(): Promise<void> {
    if (this.size > 0) this.#hand(0);
    await Promise.all(this.#underWay);
  }

  #handGathered(): void {
    const areMany = this.#waiting.length >= MANY;
    this.#hand(areMany || this.#wereMany ? 0 : SETTLE_WITHIN_MS);
    this.#wereMany = areMany;
  }

  #hand(within: number): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const ids = this.#waiting;
    this.#waiting = [];
    const commit = this.#settle(ids, within).finally(() => this.#underWay.delete(commit));
    this.#underWay.add(commit);
  }

  async #settle(ids: readonly number[], within: number): Promise<void> {
    try {
      await this.#outbox.settle(ids, within);
      for (const id of ids) this.#unsettled.delete(id);
      this.#settled();
    } catch (error) {
      this.#failed(error);
    }
  }
}
