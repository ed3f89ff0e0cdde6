import SqliteDatabase, { type Database, type Statement } from 'better-sqlite3';
import { codeOf } from '../errors.ts';
import { ID_PATTERN, KINDS } from '../wire/contract.ts';
import { decodeBody } from './codec.ts';
import { type ChannelRow, LANE_CODES } from './statements.ts';

/** Rows that are read at once where all is well. */
const PAGE_ROWS = 512;
/** Failed questions after which the rest of a table counts as lost: a page holds about 80 rows. */
const MAX_FAILURES = 500_000;
/** The same while nothing of the table was read: then its root is gone. */
const MAX_VAIN_FAILURES = 2000;
/** Ids that are looked through where the highest cannot be read. */
const BLIND_IDS = 1_000_000;

/** A batch of a damaged database. */
export interface SalvagedBatch {
  /** In the damaged database. */
  readonly channel: number;
  readonly seq: number;
  readonly lane: number;
  readonly t0: number;
  readonly count: number;
  readonly synced: number;
  readonly storedAt: number;
  readonly isDelivered: boolean;
  /** null: it cannot be read, or its checksum is wrong */
  readonly body: Buffer | null;
}

type Row = Omit<SalvagedBatch, 'isDelivered' | 'body'> & { readonly id: number; readonly deliveredAt: number | null };

/** What a damaged database still tells. */
export class Wreck implements Disposable {
  readonly #db: Database;
  #failures = 0;

  /** @throws SqliteError when not even its header can be read */
  constructor(path: string) {
    this.#db = new SqliteDatabase(path, { fileMustExist: true });
    try {
      // Nothing is mended here, and nothing is written.
      this.#db.pragma('query_only = ON');
      this.#db.prepare('SELECT name FROM sqlite_schema').all();
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#db.close();
  }

  /** undefined where it cannot be read */
  get stream(): string | undefined {
    return this.#try(() => this.#db.prepare("SELECT value FROM meta WHERE key = 'stream'").pluck().get() as string);
  }

  channels(): ChannelRow[] {
    const hasStream = this.#try(() => this.#db.pragma('user_version', { simple: true }) as number) !== 1;
    const stream = hasStream ? 'stream' : "(SELECT value FROM meta WHERE key = 'stream')";
    const sql = `SELECT id, machine, kind, ${stream} AS stream, next_seq AS nextSeq, removed FROM channels`;
    const rows = this.#each<ChannelRow>('channels', sql);
    if (rows.length === 0 && hasStream) rows.push(...this.#namesOfChannels());
    return rows.filter(
      ({ machine, kind, stream: own, nextSeq, removed }) =>
        typeof machine === 'string' &&
        ID_PATTERN.test(machine) &&
        KINDS.includes(kind) &&
        typeof own === 'string' &&
        Number.isSafeInteger(nextSeq) &&
        Number.isSafeInteger(removed) &&
        removed >= 0 &&
        nextSeq > removed,
    );
  }

  /** Cursors by machine, as JSON text. */
  cursors(): ReadonlyMap<string, string> {
    const rows = this.#try(
      () => this.#db.prepare('SELECT machine, cursor FROM cursors').all() as { machine: string; cursor: string }[],
    );
    return new Map((rows ?? []).filter(({ cursor }) => isJson(cursor)).map(({ machine, cursor }) => [machine, cursor]));
  }

  /** Batches by rising id; around pages that cannot be read. */
  *batches(): Generator<SalvagedBatch> {
    const columns = 'id, channel, seq, lane, t0, count, synced, stored_at AS storedAt, delivered_at AS deliveredAt';
    const bodyOf = this.#try(() => this.#db.prepare('SELECT body FROM bodies WHERE id = ?').pluck()) as
      | Statement<[number], Buffer>
      | undefined;
    for (const { id, deliveredAt, ...row } of this.#rows<Row>('batches', `SELECT ${columns} FROM batches`)) {
      if (!isWritten(row)) continue;
      const isDelivered = deliveredAt !== null;
      const body = isDelivered ? null : this.#try(() => sound(bodyOf?.get(id)));
      yield { ...row, isDelivered, body: body ?? null };
    }
  }

  /** The index over the names outlives the table; where the numbering ends is not known then. */
  #namesOfChannels(): ChannelRow[] {
    const sql = 'SELECT id, machine, kind, stream FROM channels INDEXED BY sqlite_autoindex_channels_1';
    const names = this.#try(
      () => this.#db.prepare(`${sql} WHERE machine > ''`).all() as Omit<ChannelRow, 'nextSeq' | 'removed'>[],
    );
    return (names ?? []).map((name) => ({ ...name, nextSeq: 1, removed: 0 }));
  }

  #each<R extends { id: number }>(table: string, sql: string): R[] {
    return [...this.#rows<R>(table, sql)];
  }

  /** Rows of a table by rising id. A range that fails is halved until what can be read of it is read. */
  *#rows<R extends { readonly id: number }>(table: string, select: string): Generator<R> {
    const page = this.#try(
      () =>
        this.#db.prepare(`${select} WHERE id > ? AND id <= ? ORDER BY id LIMIT ${PAGE_ROWS}`) as unknown as Statement<
          [number, number],
          R
        >,
    );
    if (page === undefined) return;
    const highest = this.#try(() => this.#db.prepare(`SELECT max(id) FROM ${table}`).pluck().get() as number | null);
    const before = this.#failures;
    let isVain = true;
    const ranges: [after: number, upTo: number][] = [[0, highest === undefined ? BLIND_IDS : (highest ?? 0)]];
    for (let range = ranges.pop(); range !== undefined; range = ranges.pop()) {
      const [after, upTo] = range;
      const failures = this.#failures - before;
      if (upTo <= after || failures > (isVain ? MAX_VAIN_FAILURES : MAX_FAILURES)) continue;
      const rows = this.#try(() => page.all(after, upTo));
      if (rows === undefined) {
        const middle = Math.floor((after + upTo) / 2);
        if (upTo - after > 1) ranges.push([middle, upTo], [after, middle]);
        continue;
      }
      isVain &&= rows.length === 0;
      yield* rows;
      const last = rows.at(-1)?.id;
      if (rows.length === PAGE_ROWS && last !== undefined) ranges.push([last, upTo]);
    }
  }

  /** undefined where SQLite cannot read. @throws what is no fault of the file */
  #try<T>(read: () => T): T | undefined {
    try {
      return read();
    } catch (error) {
      if (codeOf(error)?.startsWith('SQLITE_') !== true) throw error;
      this.#failures += 1;
      return undefined;
    }
  }
}

/** Whether a row is as some version has written it: bytes of a damaged page may read as anything. */
function isWritten({ channel, seq, lane, t0, count, synced, storedAt }: Omit<Row, 'id' | 'deliveredAt'>): boolean {
  const isSound = [channel, seq, t0, count, storedAt].every(Number.isSafeInteger) && seq > 0 && count >= 0;
  return isSound && Object.values<number>(LANE_CODES).includes(lane) && (synced === 0 || synced === 1);
}

/** undefined: not even its header can be read */
export function openWreck(file: string): Wreck | undefined {
  try {
    return new Wreck(file);
  } catch (error) {
    if (codeOf(error)?.startsWith('SQLITE_') !== true) throw error;
    return undefined;
  }
}

/** The body, if its checksum holds and it is JSON. */
function sound(body: Buffer | undefined): Buffer | null {
  if (!Buffer.isBuffer(body)) return null;
  try {
    return isJson(decodeBody(body)) ? body : null;
  } catch {
    // Not zstd, or its checksum is wrong.
    return null;
  }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
