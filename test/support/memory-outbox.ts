import { zstdCompressSync } from 'node:zlib';
import type { Cursor } from '../../src/observation.ts';
import type { Append, Budget, Lane, Outbox, OutboxStats, StoredBatch } from '../../src/outbox/outbox.ts';

/** A batch with its marks. */
export interface MemoryRow extends StoredBatch {
  delivered: boolean;
  refusals: number;
  heldUntil: number;
  reason: string | undefined;
}

/** Fulfils the outbox's contract in memory, for tests that look into its marks or let its calls fail. */
export class MemoryOutbox implements Outbox {
  readonly stream = 'memory';
  readonly full = false;
  readonly failed = new Promise<never>(() => undefined);
  readonly rows: MemoryRow[] = [];
  readonly claims: { lane: Lane; after: number; limit: number }[] = [];
  readonly settles: number[][] = [];
  /** Set: the outbox is gone, every call rejects. */
  gone: Error | undefined;
  readonly #now: () => number;
  readonly #cursors = new Map<string, Cursor>();
  readonly #seqs = new Map<string, number>();
  readonly #listeners = new Set<(lanes: ReadonlySet<Lane>) => void>();
  #changed = Promise.withResolvers<void>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  async append({ batches, cursor }: Append): Promise<void> {
    this.#check();
    for (const { body, ...batch } of batches) {
      const key = `${batch.machine} ${batch.kind}`;
      const seq = (this.#seqs.get(key) ?? 0) + 1;
      this.#seqs.set(key, seq);
      const marks = { delivered: false, refusals: 0, heldUntil: 0, reason: undefined };
      const id = this.rows.length + 1;
      this.rows.push({ ...batch, ...marks, id, seq, body: zstdCompressSync(body), storedAt: this.#now() });
    }
    if (cursor !== undefined) this.#cursors.set(cursor.machine, cursor.cursor);
    const lanes = new Set(batches.map(({ lane }) => lane));
    for (const listener of this.#listeners) listener(lanes);
  }

  async cursor(machine: string): Promise<Cursor | undefined> {
    return this.#cursors.get(machine);
  }

  async claim(lane: Lane, after: number, limit: number, maxBytes: number): Promise<StoredBatch[]> {
    this.#check();
    this.claims.push({ lane, after, limit });
    const now = this.#now();
    let bytes = 0;
    return this.rows
      .filter((row) => row.lane === lane && row.id > after && !row.delivered && row.heldUntil <= now)
      .slice(0, limit)
      .filter(({ body }, index) => {
        bytes += body.byteLength;
        return index === 0 || bytes <= maxBytes;
      });
  }

  async settle(ids: readonly number[]): Promise<void> {
    this.#check();
    this.settles.push([...ids]);
    for (const id of ids) this.#row(id).delivered = true;
    this.#tell();
  }

  async hold(id: number, until: number, reason: string): Promise<void> {
    this.#check();
    const row = this.#row(id);
    row.heldUntil = until;
    row.refusals += 1;
    row.reason = reason;
    this.#tell();
  }

  /** Resolves once `condition` holds; it is looked at after each settle and hold. */
  async until(condition: (rows: readonly MemoryRow[]) => boolean): Promise<void> {
    while (!condition(this.rows)) await this.#changed.promise;
  }

  async stats(): Promise<OutboxStats> {
    throw new Error('no test asks for it');
  }

  room(): Promise<void> {
    return Promise.resolve();
  }

  setBudget(_budget: Budget): void {}

  onStored(listener: (lanes: ReadonlySet<Lane>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.gone = new Error('closed');
  }

  #check(): void {
    if (this.gone !== undefined) throw this.gone;
  }

  #row(id: number): MemoryRow {
    const row = this.rows[id - 1];
    if (row === undefined) throw new Error(`there is no batch ${id}`);
    return row;
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers<void>();
  }
}
