import { statfsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Cursor } from '../observation.ts';
import type { Kind } from '../wire/contract.ts';
import { ChannelWreck, eventsOf, gapsOf, lostPlace, type SalvageReport } from './adopt.ts';
import type { Books, Channel } from './books.ts';
import { decodeBody, encodeBody } from './codec.ts';
import { DATABASE_FILE, type Files, openForWriting } from './database.ts';
import { damage, isDamage, openFault } from './disk-faults.ts';
import {
  type Append,
  type Budget,
  type Claim,
  type LaneStats,
  type NewBatch,
  type OutboxStats,
  type Recall,
  type StoredBatch,
  whenFullOf,
} from './outbox.ts';
import type { Group, Pressure, Terms } from './protocol.ts';
import { isMarkedDamaged, setAside } from './quarantine-files.ts';
import {
  bytesInUse,
  bytesToDelete,
  excessBytes,
  hardLimitPages,
  isTight,
  pagesToGiveBack,
  type Room,
  SLICE_BATCHES,
  withinDisk,
} from './retention.ts';
import { openWreck, type SalvagedBatch, type Wreck } from './salvage.ts';
import { shed } from './shed.ts';
import { replacement, split } from './split.ts';
import {
  type BatchRow,
  LANE_CODES,
  laneOf,
  type RunRow,
  type WriterStatements,
  writerStatements,
} from './statements.ts';
import { readBooks, readRoom, statsOf } from './stats.ts';

/** No limit but the disk: what SQLite starts with. */
const UNLIMITED_PAGES = 0xfffffffe;
/** Batches that are given up at once, and how often in one transaction. */
const SHED_BATCHES = 64;
const SHED_ROUNDS = 8;
/** Records of losses in one batch of events. */
const GAPS_A_BATCH = 500;
/** What may be given up, in this order: events and alerts are small, and say what was lost. */
const SHEDDABLE: readonly Kind[] = ['telemetry', 'rollup'];

/**
 * The database behind the outbox, synchronous. A call that writes is one transaction: on the disk when it returns,
 * undone when it throws. SQLite's errors come out as they are; `disk-faults.ts` reads them.
 */
export class Store {
  readonly #files: Files;
  readonly #sql: WriterStatements;
  #books: Books;
  #commits = 0;
  /** Observations given up since it was opened, and in the transaction that is under way. */
  #shed: Pressure['shed'] = { thinned: 0, dropped: 0 };
  #given: Pressure['shed'] = { thinned: 0, dropped: 0 };

  private constructor(files: Files, sql: WriterStatements, books: Books) {
    this.#files = files;
    this.#sql = sql;
    this.#books = books;
    this.stream = sql.meta.get('stream') as string;
  }

  /**
   * Opens the outbox of a folder, and makes it where there is none.
   * @throws Fault of the config or of the disk
   */
  static open(dataDir: string, now: number): Store {
    const files = openForWriting(dataDir, now);
    try {
      const sql = writerStatements(files.db);
      return new Store(files, sql, readBooks(sql));
    } catch (error) {
      files.db.close();
      files.lock.close();
      throw openFault(error, dataDir);
    }
  }

  /**
   * Opens the outbox of a folder. A damaged one is set aside, and what can be read of it is taken into a new one, with
   * another stream; `report` says so.
   * @throws Fault of the config or of the disk
   */
  static openOrSalvage(dataDir: string, now: number): { store: Store; report?: SalvageReport } {
    try {
      if (!isMarkedDamaged(dataDir)) return { store: Store.open(dataDir, now) };
    } catch (error) {
      if (!isDamage(error)) throw error;
    }
    // Another gateway's database is not touched: opening has looked at the lock before it found the damage.
    const file = join(setAside(dataDir, now), DATABASE_FILE);
    const store = Store.open(dataDir, now);
    try {
      return { store, report: store.salvage(file, now) };
    } catch (error) {
      store.close();
      throw openFault(error, dataDir);
    }
  }

  /**
   * Takes over what is undelivered in a damaged database and is not here yet, with its identity; tells what is lost as gaps of
   * the machines. A cursor is taken over where there is none. Whole batches only; may be repeated.
   */
  salvage(file: string, now: number, onProgress: (batches: number) => void = () => undefined): SalvageReport {
    const wreck = openWreck(file);
    if (wreck === undefined) return { file, batches: 0, observations: 0, lost: null, withoutCursor: [] };
    try {
      return this.#takeOver(wreck, file, now, onProgress);
    } finally {
      wreck[Symbol.dispose]();
    }
  }

  #takeOver(wreck: Wreck, file: string, now: number, onProgress: (batches: number) => void): SalvageReport {
    const wrecks = new Map(wreck.channels().map((channel) => [channel.id, new ChannelWreck(channel)]));
    const figures = { batches: 0, observations: 0 };
    let waiting: { readonly wreck: ChannelWreck; readonly batch: SalvagedBatch }[] = [];
    const known = new Map<ChannelWreck, Set<number>>();
    const flush = () => {
      this.#transaction((books) => {
        for (const { wreck: from, batch } of waiting) this.#adopt(books, from, batch);
        return this.#pressure(books, { now, budget: { maxBytes: Number.MAX_SAFE_INTEGER, maxAge: now } });
      });
      waiting = [];
      onProgress(figures.batches);
    };
    for (const batch of wreck.batches()) {
      const from = wrecks.get(batch.channel);
      if (from?.take(batch) !== true) continue;
      const seqs = known.get(from) ?? this.#seqsOf(from);
      known.set(from, seqs);
      if (seqs.has(batch.seq)) continue;
      figures.batches += 1;
      figures.observations += batch.count;
      waiting.push({ wreck: from, batch });
      if (waiting.length >= SLICE_BATCHES) flush();
    }
    flush();
    const cursors = wreck.cursors();
    const booked = new Set([...wrecks.values()].map(({ channel }) => channel.machine));
    const machines = [...new Set([...booked, ...cursors.keys()])];
    const withoutCursor = machines.filter((machine) => !cursors.has(machine));
    const unclear = machines.filter((machine) => !cursors.has(machine) || !booked.has(machine));
    for (const one of wrecks.values()) one.end();
    this.#transaction((books) => {
      for (const one of wrecks.values()) this.#settleNumbering(books, one);
      for (const [machine, cursor] of cursors)
        if (this.cursor(machine) === undefined) this.#sql.saveCursor.run(machine, cursor);
      for (const machine of machines) this.#tellLosses(books, machine, [...wrecks.values()], unclear, now);
      return this.#pressure(books, { now, budget: { maxBytes: Number.MAX_SAFE_INTEGER, maxAge: now } });
    });
    const lost = booked.size === 0 ? null : [...wrecks.values()].reduce((sum, one) => sum + one.lost, 0);
    return { file, ...figures, lost, withoutCursor };
  }

  #seqsOf({ channel: { machine, kind, stream } }: ChannelWreck): Set<number> {
    const own = this.#books.find(machine, kind, stream);
    return new Set(own === undefined ? [] : this.#sql.seqs.all(own.id));
  }

  #adopt(
    books: Books,
    { channel: from }: ChannelWreck,
    { seq, lane: code, t0, count, synced, storedAt, body }: SalvagedBatch,
  ): void {
    if (body === null) return;
    const { machine, kind, stream } = from;
    let channel = books.find(machine, kind, stream);
    if (channel === undefined) {
      const { lastInsertRowid } = this.#sql.insertChannel.run(machine, kind, stream, from.nextSeq, 0);
      channel = books.open({ id: Number(lastInsertRowid), machine, kind, stream, nextSeq: from.nextSeq, backlog: 0 });
    }
    const lane = laneOf(code);
    const id = books.takeId();
    this.#sql.insertBatch.run(id, channel.id, seq, code, t0, count, synced, body.length, storedAt);
    this.#sql.insertBody.run(id, body);
    books.stored({ channel: channel.id, lane, count, bytes: body.length });
  }

  /** What of a channel that was taken over is not there counts as removed: its numbering is told by gaps. */
  #settleNumbering(books: Books, { channel: { machine, kind, stream }, nextSeq }: ChannelWreck): void {
    const channel = books.find(machine, kind, stream);
    if (channel === undefined || stream === this.stream) return;
    const kept = this.#sql.seqs.all(channel.id).length;
    channel.nextSeq = nextSeq;
    this.#sql.saveNextSeq.run(nextSeq, channel.id);
    this.#sql.setRemoved.run(channel.nextSeq - 1 - kept, channel.id);
  }

  #tellLosses(
    books: Books,
    machine: string,
    wrecks: readonly ChannelWreck[],
    unclear: readonly string[],
    now: number,
  ): void {
    const own = wrecks.filter(({ channel }) => channel.machine === machine);
    const gaps = own.flatMap((one) => gapsOf(one, now));
    // Of a machine without its numbering, or without its place, nobody knows what is missing.
    const place = unclear.includes(machine) ? [lostPlace(own, now)] : [];
    const all = [...gaps, ...place];
    for (let i = 0; i < all.length; i += GAPS_A_BATCH) {
      const batch = eventsOf(machine, all.slice(i, i + GAPS_A_BATCH), now);
      this.#append(books, { batches: [batch] }, [encodeBody(batch.body)], now);
    }
  }

  /** Of all that is appended. */
  readonly stream: string;

  /** Marks, makes room and appends, in this order, in one transaction. Appends beyond the budget's hard limit throw. */
  commit(group: Group, given: Terms): Pressure {
    const terms = this.#withinDisk(given);
    const appends = group.appends.map((append) => ({
      append,
      bodies: append.batches.map((batch) => encodeBody(batch.body)),
    }));
    const incoming = appends.flatMap(({ bodies }) => bodies).reduce((sum, body) => sum + body.length, 0);
    return this.#transaction((books) => {
      for (const id of group.settled) this.#settle(books, id, terms.now);
      for (const { id, until, reason } of group.holds) this.#sql.hold.run(until, reason, id);
      this.#trim(books, terms, incoming);
      // Marks and deletions are what makes room again, so the limit is for appends alone.
      this.#limitPages(hardLimitPages(terms.budget, this.#sql.pageBytes.get() as number));
      for (const { append, bodies } of appends) this.#append(books, append, bodies, terms.now);
      return this.#pressure(books, terms);
    });
  }

  /** One slice of the work that keeps the file within its budget. */
  tidy(given: Terms): Pressure {
    const terms = this.#withinDisk(given);
    return this.#transaction((books) => {
      this.#trim(books, terms, 0);
      const pages = pagesToGiveBack(readRoom(this.#sql));
      if (pages > 0) this.#files.db.pragma(`incremental_vacuum(${pages})`);
      return this.#pressure(books, terms);
    });
  }

  /** See `Outbox.claim`. */
  claim({ lane, after, upTo = Number.MAX_SAFE_INTEGER, newestFirst, limit, maxBytes }: Claim, now: number) {
    const parameters = { lane: LANE_CODES[lane], after, upTo, now, limit };
    const statement = newestFirst === true ? this.#sql.claimNewest : this.#sql.claimOldest;
    return batchesOf(statement.iterate(parameters), maxBytes);
  }

  /** See `Outbox.due`. */
  due(limit: number, now: number): StoredBatch[] {
    return batchesOf(this.#sql.due.iterate(now, limit), Number.POSITIVE_INFINITY);
  }

  /** See `Outbox.find`. */
  find(ids: readonly number[], now: number): StoredBatch[] {
    return ids.flatMap((id) => this.#sql.find.all(id, now)).map(storedBatch);
  }

  /** See `Outbox.boundary`. */
  boundary(before: number): number {
    return this.#sql.boundary.get(LANE_CODES.live, before) ?? 0;
  }

  /** See `Outbox.weigh`. */
  weigh(after: number, upTo: number): Omit<LaneStats, 'oldest'> {
    return this.#sql.weigh.get(LANE_CODES.live, after, upTo) as Omit<LaneStats, 'oldest'>;
  }

  /** See `Outbox.recall`. */
  recall({ machine, from, to }: Recall, after: number, limit: number, maxBytes: number): StoredBatch[] {
    return batchesOf(this.#sql.recall.iterate({ machine: machine ?? null, from, to, after, limit }), maxBytes);
  }

  /** See `Outbox.split`. */
  split(id: number, parts: number, terms: Terms): boolean {
    const found = this.#sql.one.get(id);
    if (found === undefined || found.body === null) return false;
    const { channel, body, ...row } = found;
    const { machine, kind, stream } = this.#books.channel(channel);
    const pieces = split(kind, decodeBody(body), parts);
    if (pieces.length < 2) return false;
    const run = { machine, kind, batches: [{ ...row, body, synced: row.synced === 1 }] };
    const batches = replacement(run, pieces, stream, terms.now);
    const bodies = batches.map((batch) => encodeBody(batch.body));
    this.#transaction((books) => {
      this.#remove(books, [found]);
      this.#append(books, { batches }, bodies, terms.now);
      return this.#pressure(books, terms);
    });
    return true;
  }

  /** See `Outbox.release`. */
  release(machine: string | undefined, now: number): number {
    return this.#sql.release.run({ machine: machine ?? null, now }).changes;
  }

  cursor(machine: string): Cursor | undefined {
    const text = this.#sql.cursor.get(machine);
    return text === undefined ? undefined : JSON.parse(text);
  }

  get room(): Room {
    return readRoom(this.#sql);
  }

  stats(now: number): Omit<OutboxStats, 'maxBytes'> {
    return {
      ...statsOf(this.#sql, this.#books, now),
      appended: { ...this.#books.appended },
      shed: this.#shed,
      commits: this.#commits,
    };
  }

  /** Moves the WAL into the database as far as readers allow, closes both files and lets the lock go. */
  close(): void {
    const { db, lock } = this.#files;
    try {
      db.pragma('wal_checkpoint(TRUNCATE)');
    } finally {
      db.close();
      lock.close();
    }
  }

  #withinDisk({ now, budget }: Terms): Terms {
    if ((budget.minFreeDisk ?? 0) === 0) return { now, budget };
    const { bavail, bsize } = statfsSync(dirname(this.#files.db.name));
    return { now, budget: withinDisk(budget, readRoom(this.#sql), bavail * bsize) };
  }

  /** Nothing may fail once the commit has succeeded: what is on the disk must not be tried again. */
  #transaction(work: (books: Books) => Pressure): Pressure {
    const books = this.#books.copy();
    const pressure = this.#files.db
      .transaction(() => {
        this.#limitPages(UNLIMITED_PAGES);
        this.#given = { thinned: 0, dropped: 0 };
        return work(books);
      })
      .immediate();
    this.#books = books;
    this.#commits += 1;
    this.#shed = plus(this.#shed, pressure.shed);
    return pressure;
  }

  #limitPages(pages: number): void {
    this.#files.db.pragma(`max_page_count = ${pages}`);
  }

  #pressure(books: Books, { now, budget }: Terms): Pressure {
    const room = readRoom(this.#sql);
    const over = excessBytes(room, budget, 0) > 0;
    const history = books.delivered.batches > 0;
    const oldest = this.#sql.oldestDelivery.get() ?? null;
    const aged = oldest !== null && oldest < now - budget.maxAge;
    const mayShed = this.#sheddable(books, budget).flat().length > 0;
    const undelivered = bytesInUse(room) - books.delivered.bytes;
    const full = over && !history && !mayShed;
    return {
      full,
      tight: full || (mayShed && isTight(undelivered, budget)),
      more: (over && (history || mayShed)) || aged || pagesToGiveBack(room) > 0,
      shed: this.#given,
    };
  }

  #settle(books: Books, id: number, now: number): void {
    const row = this.#sql.settle.get(now, id);
    if (row !== undefined) books.settled({ ...row, lane: laneOf(row.lane) });
  }

  #append(books: Books, append: Append, bodies: readonly Buffer[], now: number): void {
    const touched = new Set<Channel>();
    append.batches.forEach((batch, i) => {
      const channel =
        books.find(batch.machine, batch.kind, this.stream) ?? this.#openChannel(books, batch.machine, batch.kind);
      this.#insert(books, channel, batch, bodies[i] as Buffer, now);
      touched.add(channel);
    });
    for (const { id, nextSeq } of touched) this.#sql.saveNextSeq.run(nextSeq, id);
    if (append.cursor !== undefined) {
      this.#sql.saveCursor.run(append.cursor.machine, JSON.stringify(append.cursor.cursor));
    }
  }

  #openChannel(books: Books, machine: string, kind: Kind): Channel {
    const { stream } = this;
    const { lastInsertRowid } = this.#sql.insertChannel.run(machine, kind, stream, 1, 0);
    return books.open({ id: Number(lastInsertRowid), machine, kind, stream, nextSeq: 1, backlog: 0 });
  }

  #insert(books: Books, channel: Channel, batch: NewBatch, body: Buffer, now: number): void {
    const { lane, t0, count, clock } = batch;
    const id = books.takeId();
    const synced = clock === 'synced' ? 1 : 0;
    this.#sql.insertBatch.run(id, channel.id, channel.nextSeq, LANE_CODES[lane], t0, count, synced, body.length, now);
    this.#sql.insertBody.run(id, body);
    channel.nextSeq += 1;
    books.stored({ channel: channel.id, lane, count, bytes: body.length });
  }

  /**
   * Deletes up to a slice of delivered batches, those first that were delivered first: what is too old or too much. Where
   * that is not enough, undelivered ones are given up, as far as the policy of their machine allows.
   */
  #trim(books: Books, { now, budget }: Terms, incoming: number): void {
    let excess = bytesToDelete(readRoom(this.#sql), budget, incoming);
    const removed = new Map<number, number>();
    for (const row of this.#sql.history.all(this.#historySlice(excess, now - budget.maxAge))) {
      if (excess <= 0 && row.deliveredAt >= now - budget.maxAge) break;
      this.#sql.deleteBody.run(row.id);
      this.#sql.deleteBatch.run(row.id);
      books.removed({ ...row, lane: laneOf(row.lane) });
      removed.set(row.channel, (removed.get(row.channel) ?? 0) + 1);
      excess -= row.bytes;
    }
    for (const [channel, count] of removed) this.#sql.addRemoved.run(count, channel);
    const rest = books.delivered.batches === 0 ? excess : 0;
    for (let freed = 0, round = 0; freed < rest && round < SHED_ROUNDS; round++) {
      const bytes = this.#shedOldest(books, budget, now);
      if (bytes === undefined) break;
      freed += bytes;
    }
  }

  /** Gives up the oldest undelivered batches that may be; bytes that this made free, undefined when there are none. */
  #shedOldest(books: Books, budget: Budget, now: number): number | undefined {
    const channels = this.#sheddable(books, budget).find((ids) => ids.length > 0) ?? [];
    const oldest = this.#sql.oldestOf.get(LANE_CODES.live, JSON.stringify(channels));
    if (oldest === undefined) return undefined;
    const rows = this.#sql.run.all(LANE_CODES.live, oldest.channel, oldest.id, SHED_BATCHES);
    const first = rows[0]?.seq ?? 0;
    const run = rows.filter(({ seq }, i) => seq === first + i);
    const { machine, kind, stream } = books.channel(oldest.channel);
    const batches = run.map((row) => ({ ...row, synced: row.synced === 1 }));
    const policy = whenFullOf(budget, machine) === 'thin' ? 'thin' : 'dropOldest';
    const instead = shed({ machine, kind, batches }, policy, stream, now);
    this.#remove(books, run);
    const bodies = instead.batches.map(({ body }) => encodeBody(body));
    this.#append(books, instead, bodies, now);
    this.#given = plus(this.#given, instead);
    const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0);
    return sum(run.map(({ bytes }) => bytes)) - sum(bodies.map(({ length }) => length));
  }

  /** Deletes undelivered batches of one channel. */
  #remove(books: Books, rows: readonly RunRow[]): void {
    for (const row of rows) {
      this.#sql.deleteBody.run(row.id);
      this.#sql.deleteBatch.run(row.id);
      books.shed({ ...row, lane: laneOf(row.lane) });
      this.#sql.addRemoved.run(1, row.channel);
    }
  }

  /** Channels of which batches may be given up: first those of telemetry, then those of rollups. */
  #sheddable(books: Books, budget: Budget): readonly (readonly number[])[] {
    const open = [...books.channels].filter(
      ({ machine, backlog }) => backlog > 0 && whenFullOf(budget, machine) !== 'pause',
    );
    return SHEDDABLE.map((wanted) => open.filter(({ kind }) => kind === wanted).map(({ id }) => id));
  }

  /** No row is read when there is nothing to delete, which is nearly always. */
  #historySlice(excess: number, before: number): number {
    const oldest = this.#sql.oldestDelivery.get() ?? null;
    return excess > 0 || (oldest !== null && oldest < before) ? SLICE_BATCHES : 0;
  }
}

function plus(a: Pressure['shed'], b: Pressure['shed']): Pressure['shed'] {
  return { thinned: a.thinned + b.thinned, dropped: a.dropped + b.dropped };
}

/** Rows until their bodies have `maxBytes`; one at least. */
function batchesOf(rows: Iterable<BatchRow>, maxBytes: number): StoredBatch[] {
  const batches: StoredBatch[] = [];
  let bytes = 0;
  for (const row of rows) {
    const batch = storedBatch(row);
    bytes += batch.body.length;
    if (batches.length > 0 && bytes > maxBytes) break;
    batches.push(batch);
  }
  return batches;
}

function storedBatch(row: BatchRow): StoredBatch {
  const { id, machine, kind, stream, seq, t0, count, storedAt, refusals } = row;
  if (row.body === null) throw damage(`batch ${id} has lost its body`);
  const clock = row.synced === 1 ? 'synced' : 'unsynced';
  return {
    id,
    machine,
    kind,
    stream,
    seq,
    lane: laneOf(row.lane),
    t0,
    count,
    clock,
    body: row.body,
    storedAt,
    refusals,
  };
}
