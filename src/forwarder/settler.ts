import type { Outbox } from '../outbox/outbox.ts';

/** Acknowledgements are gathered this long into one commit: a card has few writes to give. */
export const SETTLE_DELAY_MS = 100;

/**
 * Marks acknowledged batches as delivered, in groups, one commit at a time. It outlives a link, so that what was
 * acknowledged on one is not sent again on the next while its commit is still under way.
 */
export class Settler {
  readonly #outbox: Outbox;
  readonly #settled: () => void;
  readonly #failed: (error: unknown) => void;
  #waiting: number[] = [];
  readonly #unsettled = new Set<number>();
  #timer: NodeJS.Timeout | undefined;
  #commit: Promise<void> | undefined;

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
    this.#timer ??= setTimeout(() => void this.flush(), SETTLE_DELAY_MS);
  }

  /** Resolves when everything added so far is committed, or the outbox is gone. Never rejects. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    await this.#commit;
    if (this.#waiting.length === 0) return this.#commit;
    const ids = this.#waiting;
    this.#waiting = [];
    this.#commit = this.#settle(ids);
    await this.#commit;
  }

  async #settle(ids: number[]): Promise<void> {
    try {
      await this.#outbox.settle(ids);
      for (const id of ids) this.#unsettled.delete(id);
      this.#settled();
    } catch (error) {
      this.#failed(error);
    }
  }
}
