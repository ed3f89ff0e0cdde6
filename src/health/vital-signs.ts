import type { Outbox, OutboxStats } from '../outbox/outbox.ts';
import { Trend } from './trend.ts';
import { bytesWritten } from './wear.ts';

const SAMPLE_MS = 60_000;
const DAY_MS = 86_400_000;

/** What the buffer needs and costs. */
export interface BufferForecast {
  /** Milliseconds until the budget is full of undelivered data, if nothing were delivered from now on; null: not known. */
  readonly fullIn: number | null;
  /** Bytes that the process writes to the disk in a day; null: not known. */
  readonly writtenPerDay: number | null;
  /** Bytes that it has written since it was started; null: not known. */
  readonly written: number | null;
  /** Transactions since it was started. */
  readonly commits: number;
}

/** Watches how fast a gateway's buffer fills and how much it writes. */
export class VitalSigns implements Disposable {
  readonly #outbox: Outbox;
  readonly #stored = new Trend();
  readonly #written = new Trend();
  readonly #timer: NodeJS.Timeout;

  /** `failed` is told when the outbox cannot be read; it is asked again. */
  constructor(outbox: Outbox, failed: (error: unknown) => void) {
    this.#outbox = outbox;
    const look = () => this.forecast().catch(failed);
    this.#timer = setInterval(() => void look(), SAMPLE_MS).unref();
    void look();
  }

  /** @throws Fault when the outbox cannot be read */
  async forecast(): Promise<BufferForecast & { readonly stats: OutboxStats }> {
    const stats = await this.#outbox.stats();
    const now = performance.now();
    const written = bytesWritten();
    this.#stored.add(now, stats.appended.bytes);
    if (written !== null) this.#written.add(now, written);
    return {
      stats,
      fullIn: fullIn(stats, this.#stored.perMs),
      writtenPerDay: this.#written.perMs === null ? null : this.#written.perMs * DAY_MS,
      written,
      commits: stats.commits,
    };
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
  }
}

/** Delivered history makes room, so only what nobody has acknowledged counts. `perMs`: bytes of batches stored. */
export function fullIn({ bytes, maxBytes, delivered }: OutboxStats, perMs: number | null): number | null {
  if (perMs === null || perMs <= 0) return null;
  return Math.max(0, maxBytes - (bytes - delivered.bytes)) / perMs;
}
