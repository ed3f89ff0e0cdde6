import { zstdCompressSync } from 'node:zlib';
import type { Cursor } from '../../src/observation.ts';
import {
  type Append,
  type Budget,
  type Claim,
  type Lane,
  type LaneStats,
  type Outbox,
  type OutboxStats,
  type Recall,
  type StoredBatch,
  sizeOf,
} from '../../src/outbox/outbox.ts';

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
  readonly storedUntil = 0;
  readonly failed = new Promise<never>(() => undefined);
  readonly rows: MemoryRow[] = [];
  readonly claims: Claim[] = [];
  readonly settles: number[][] = [];
  /** Set: the outbox is gone, every call rejects. */
  gone: Error | undefined;
  readonly #now: () => number;
  readonly #lent = new Map<number, readonly StoredBatch[]>();
  #lastLease = 0;
  readonly #cursors = new Map<string, Cursor>();
  readonly #seqs = new Map<string, number>();
  readonly #listeners = new Set<(lanes: ReadonlySet<Lane>) => void>();
  #changed = Promise.withResolvers<void>();

  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  async repairClock(): Promise<{ moved: number; told: number }> {
    return { moved: 0, told: 0 };
  }

  async append({ batches, cursor }: Append): Promise<void> {
    this.#check();
    for (const { body, ...batch } of batches) {
      const key = `${batch.machine} ${batch.kind}`;
      const seq = (this.#seqs.get(key) ?? 0) + 1;
      this.#seqs.set(key, seq);
      const { stream } = this;
      const marks = { delivered: false, refusals: 0, heldUntil: 0, reason: undefined };
      const id = this.rows.length + 1;
      const bytes = zstdCompressSync(body).length;
      const stored = { body: Buffer.from(body), blocks: undefined, bytes, storedAt: this.#now() };
      this.rows.push({ ...batch, ...marks, ...stored, stream, id, seq });
    }
    if (cursor !== undefined) this.#cursors.set(cursor.machine, cursor.cursor);
    const lanes = new Set(batches.map(({ lane }) => lane));
    for (const listener of this.#listeners) listener(lanes);
  }

  async cursor(machine: string): Promise<Cursor | undefined> {
    return this.#cursors.get(machine);
  }

  async claim(claim: Claim): Promise<StoredBatch[]> {
    const { lane, after, upTo = Number.POSITIVE_INFINITY, newestFirst = false, limit, maxBytes } = claim;
    this.#check();
    this.claims.push(claim);
    const rows = this.#waiting().filter((row) => row.lane === lane && row.id > after && row.id <= upTo);
    return this.#lend(some(newestFirst ? rows.toReversed() : rows, limit, maxBytes));
  }

  /** What was lent is used for something else at once: whoever still reads it gets nonsense. */
  giveBack(lease: number): void {
    for (const { body } of this.#lent.get(lease) ?? []) body?.fill(0);
    if (!this.#lent.delete(lease)) throw new Error(`lease ${lease} was given back twice`);
  }

  /** Leases that were not given back. */
  get lent(): number {
    return this.#lent.size;
  }

  #lend(batches: readonly StoredBatch[]): StoredBatch[] {
    if (batches.length === 0) return [];
    this.#lastLease += 1;
    const lease = this.#lastLease;
    const own = batches.map((batch) => ({ ...batch, body: batch.body && Buffer.from(batch.body), lease }));
    this.#lent.set(lease, own);
    return own;
  }

  async due(limit: number): Promise<StoredBatch[]> {
    this.#check();
    return some(
      this.#waiting().filter(({ heldUntil }) => heldUntil > 0),
      limit,
    );
  }

  async find(ids: readonly number[]): Promise<StoredBatch[]> {
    this.#check();
    return this.#waiting().filter(({ id }) => ids.includes(id));
  }

  async boundary(before: number): Promise<number> {
    this.#check();
    return this.#waiting().findLast(({ lane, storedAt }) => lane === 'live' && storedAt < before)?.id ?? 0;
  }

  async weigh(after: number, upTo: number): Promise<Omit<LaneStats, 'oldest'>> {
    this.#check();
    return weight(this.#waiting().filter(({ lane, id }) => lane === 'live' && id > after && id <= upTo));
  }

  async recall({ machine, from, to }: Recall, after: number, limit: number, maxBytes: number): Promise<StoredBatch[]> {
    this.#check();
    const rows = this.rows.filter(
      (row) =>
        row.delivered && row.id > after && row.t0 >= from && row.t0 < to && (machine ?? row.machine) === row.machine,
    );
    return some(rows, limit, maxBytes);
  }

  #waiting(): MemoryRow[] {
    const now = this.#now();
    return this.rows.filter(({ delivered, heldUntil }) => !delivered && heldUntil <= now);
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

  async split(): Promise<boolean> {
    return false;
  }

  async release(machine?: string): Promise<number> {
    const held = this.rows.filter((row) => row.heldUntil > this.#now() && (machine ?? row.machine) === row.machine);
    for (const row of held) row.heldUntil = this.#now();
    return held.length;
  }

  /** Resolves once `condition` holds; it is looked at after each settle and hold. */
  async until(condition: (rows: readonly MemoryRow[]) => boolean): Promise<void> {
    while (!condition(this.rows)) await this.#changed.promise;
  }

  async stats(): Promise<OutboxStats> {
    const waiting = this.rows.filter(({ delivered }) => !delivered);
    const lane = (name: Lane) => ({ ...weight(waiting.filter((row) => row.lane === name)), oldest: null });
    return {
      stream: this.stream,
      backlog: { alert: lane('alert'), live: lane('live') },
      held: 0,
      delivered: { ...weight(this.rows.filter(({ delivered }) => delivered)), oldest: null },
      bytes: 0,
      appended: weight(this.rows),
      shed: { thinned: 0, dropped: 0 },
      commits: 0,
      maxBytes: 0,
      machines: [],
    };
  }

  isFull(): boolean {
    return false;
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

function some(rows: readonly MemoryRow[], limit: number, maxBytes = Number.POSITIVE_INFINITY): StoredBatch[] {
  let bytes = 0;
  return rows.slice(0, limit).filter((row, index) => {
    bytes += sizeOf(row);
    return index === 0 || bytes <= maxBytes;
  });
}

function weight(rows: readonly MemoryRow[]): Omit<LaneStats, 'oldest'> {
  return {
    batches: rows.length,
    observations: rows.reduce((sum, { count }) => sum + count, 0),
    bytes: rows.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}
