import { dirname } from 'node:path';
import type { Database } from 'better-sqlite3';
import { isInUse, openForReading } from './database.ts';
import { rowsById } from './dictionaries.ts';
import { DictionaryTexts } from './dictionary-texts.ts';
import { damage } from './disk-faults.ts';
import type { OutboxStats } from './outbox.ts';
import {
  type BatchRow,
  type DictionaryRow,
  type DictionaryStatements,
  dictionaryStatements,
  type HeldRow,
  type NumberingRow,
  type ReaderStatements,
  readerStatements,
} from './statements.ts';
import { readBooks, statsOf } from './stats.ts';
import { isWalDamaged } from './wal.ts';

/** Rows read at once: a reader that holds on to a snapshot for long makes a running gateway's WAL grow. */
const PAGE_ROWS = 64;
/** Held batches that are listed at most. */
const HELD_LIMIT = 100;
/** Bodies may need dictionaries from this schema on; an older gateway may still be running. */
const DICTIONARIES_SINCE = 5;

/** A batch with what its body needs to be read. */
export interface ArchivedRow extends BatchRow {
  readonly dictionary: Uint8Array | undefined;
}

/** Which batches to read. Times are milliseconds since the epoch and are compared with `t0`. */
export interface BatchFilter {
  readonly machine?: string | undefined;
  /** Inclusive. */
  readonly from?: number | undefined;
  /** Exclusive. */
  readonly to?: number | undefined;
  readonly undelivered?: boolean | undefined;
}

export interface ArchiveStats extends Omit<OutboxStats, 'maxBytes' | 'held' | 'appended' | 'shed' | 'commits'> {
  readonly schema: number;
  readonly createdAt: number;
  /** When the history that is still there was delivered; null when there is none. */
  readonly deliveredBetween: readonly [from: number, to: number] | null;
  /** Batches that a receiver refused, the oldest ones of them. */
  readonly held: readonly HeldRow[];
}

/** The outbox as the `buffer` commands see it: read only, beside a running gateway or without one. */
export class Archive {
  readonly #db: Database;
  readonly #sql: ReaderStatements;
  readonly #dictionaries: DictionaryStatements;
  readonly #texts: DictionaryTexts;

  private constructor(db: Database) {
    this.#db = db;
    this.#sql = readerStatements(db);
    const schema = db.pragma('user_version', { simple: true }) as number;
    this.#dictionaries = schema < DICTIONARIES_SINCE ? [] : dictionaryStatements(db);
    this.#texts = new DictionaryTexts(this.#dictionaries);
  }

  /** @throws Fault of the config when there is no outbox or it may not be read, of the disk when it is damaged */
  static open(dataDir: string): Archive {
    return new Archive(openForReading(dataDir));
  }

  get stream(): string {
    return this.#sql.meta.get('stream') as string;
  }

  stats(now: number): ArchiveStats {
    // One snapshot for all of it; `readBooks` counts row by row.
    return this.#db.transaction(() => {
      const { held: _, ...stats } = statsOf(this.#sql, readBooks(this.#sql), now);
      const from = this.#sql.oldestDelivery.get() ?? null;
      const to = this.#sql.newestDelivery.get() ?? null;
      return {
        ...stats,
        schema: this.#db.pragma('user_version', { simple: true }) as number,
        createdAt: Number(this.#sql.meta.get('created_at')),
        deliveredBetween: from === null || to === null ? null : ([from, to] as const),
        held: this.#sql.held.all(HELD_LIMIT),
      };
    })();
  }

  /**
   * Batches in commit order. What a running gateway adds or deletes meanwhile may or may not be among them.
   * @throws SQLite's error of a damaged database
   */
  *batches({ machine, from, to, undelivered }: BatchFilter = {}): Generator<ArchivedRow> {
    let after = 0;
    const read = this.#db.transaction((): ArchivedRow[] =>
      this.#sql.page
        .all({
          after,
          machine: machine ?? null,
          from: from ?? Number.MIN_SAFE_INTEGER,
          to: to ?? Number.MAX_SAFE_INTEGER,
          undelivered: undelivered === true ? 1 : 0,
          limit: PAGE_ROWS,
        })
        .map((row) => ({ ...row, dictionary: row.body === null ? undefined : this.#texts.neededBy(row.body) })),
    );
    for (;;) {
      // One snapshot: a running gateway deletes dictionaries with the last batch that needs them.
      const page = read();
      const before = [after, ...page.map(({ id }) => id)];
      // Where a number is damaged the same rows might come for ever.
      if (page.some(({ id }, i) => id <= (before[i] as number)))
        throw damage(`the batches after ${after} are out of order`);
      yield* page;
      const last = page.at(-1);
      if (last === undefined) return;
      after = last.id;
    }
  }

  numbering(): NumberingRow[] {
    return this.#sql.numbering.all();
  }

  /** The kept seqs of a channel, ascending. */
  seqs(channel: number): number[] {
    return this.#sql.seqs.all(channel);
  }

  /** Where reading of each machine resumes, as JSON text. */
  cursors(): { machine: string; cursor: string }[] {
    return this.#sql.cursors.all();
  }

  /** What each of the tables of dictionaries has under an id. */
  dictionaries(): ReadonlyMap<number, readonly (DictionaryRow | undefined)[]> {
    return this.#db.transaction(() => rowsById(this.#dictionaries))();
  }

  /** Batches that belong to no channel. */
  strayBatches(): number {
    return this.#sql.strayBatches.get() as number;
  }

  /** Bodies that belong to no batch. */
  strayBodies(): number {
    return this.#sql.strayBodies.get() as number;
  }

  /** Whether SQLite passes over what was committed, for a damaged place in its WAL. Unknown, so false, beside a running gateway. */
  isWalDamaged(): boolean {
    return !isInUse(dirname(this.#db.name)) && isWalDamaged(`${this.#db.name}-wal`);
  }

  /** What SQLite finds wrong with the file itself; `quick` leaves out whether indices agree with their tables. */
  integrity(quick: boolean): string[] {
    const rows = this.#db.pragma(quick ? 'quick_check' : 'integrity_check') as Record<string, string>[];
    return rows.flatMap((row) => Object.values(row)).filter((text) => text !== 'ok');
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }
}
