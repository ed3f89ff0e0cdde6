import { statfsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Database } from 'better-sqlite3';
import type { Cursor } from '../observation.ts';
import { SeqRanges } from '../seq-ranges.ts';
import type { Kind } from '../wire/contract.ts';
import type { Books, Channel } from './books.ts';
import { ClockRepair, type Repaired } from './clock-repair.ts';
import { encodeBody } from './codec.ts';
import { type Folder, leaveFolder, openForWriting, takeFolder } from './database.ts';
import { Dictionaries } from './dictionaries.ts';
import { asDamage, openFault } from './disk-faults.ts';
import { LOCAL_STREAM } from './local.ts';
import { LocalStore } from './local-store.ts';
import type { Append, Claim, LaneStats, NewBatch, OutboxStats, Recall, StoredBatch } from './outbox.ts';
import type { Group, Pressure, Terms } from './protocol.ts';
import { hardLimitPages, pagesToGiveBack, type Room, withinDisk } from './retention.ts';
import { batchesOf, storedBatch, textOf } from './rows.ts';
import type { SalvagedBatch } from './salvage.ts';
import { replacement, split } from './split.ts';
import { dictionaryStatements, LANE_CODES, laneOf, type WriterStatements, writerStatements } from './statements.ts';
import { readBooks, readRoom, statsOf } from './stats.ts';
import { plus, Trimmer } from './trimmer.ts';

/** No limit but the disk: what SQLite starts with. */
const UNLIMITED_PAGES = 0xfffffffe;
/** Notices of one channel that wait at most: then the oldest goes. */
const MAX_NOTICES = 1000;

interface ChannelName {
  readonly machine: string;
  readonly kind: Kind;
  readonly stream: string;
}

interface NumberedChannel extends ChannelName {
  /** Above every seq that was given. */
  readonly nextSeq: number;
}

/** A batch that was salvaged, with the channel that it keeps. */
export interface Adopted {
  readonly channel: NumberedChannel;
  readonly batch: SalvagedBatch & { readonly body: Buffer };
}

/** What becomes durable together of a damaged database. */
export interface Adoption {
  readonly batches: readonly Adopted[];
  /** Channels of which nothing more will come. */
  readonly numbering?: readonly NumberedChannel[];
  /** JSON text by machine; taken where there is none. */
  readonly cursors?: ReadonlyMap<string, string>;
  readonly events?: readonly NewBatch[];
}

/** The two files of a running gateway. */
interface Files {
  readonly db: Database;
  readonly lock: Database;
}

/**
 * The database behind the outbox, synchronous. A call that writes is one transaction: on the disk when it returns,
 * undone when it throws. SQLite's errors come out as they are; `disk-faults.ts` reads them.
 */
export class Store {
  readonly #files: Files;
  readonly #sql: WriterStatements;
  readonly #clockRepair: ClockRepair;
  readonly #dictionaries: Dictionaries;
  readonly #trimmer: Trimmer;
  readonly local: LocalStore;
  #books: Books;
  #commits = 0;
  /** Observations given up since it was opened. */
  #shed: Pressure['shed'] = { thinned: 0, dropped: 0 };

  private constructor(files: Files, sql: WriterStatements, books: Books, dictionaries: Dictionaries) {
    this.#files = files;
    this.#sql = sql;
    this.#books = books;
    this.#clockRepair = new ClockRepair(sql, books.nextId);
    this.#dictionaries = dictionaries;
    this.#trimmer = new Trimmer(sql, this.#clockRepair, dictionaries, (...instead) => this.#append(...instead));
    this.local = new LocalStore(sql, dictionaries.texts);
    this.stream = sql.meta.get('stream') as string;
  }

  /**
   * Opens the outbox of a folder, and makes it where there is none.
   * @throws Fault of the config or of the disk
   */
  static open(dataDir: string, now: number): Store {
    const folder = takeFolder(dataDir);
    try {
      return Store.in(folder, now);
    } catch (error) {
      leaveFolder(folder, error);
      throw error;
    }
  }

  /**
   * Opens the outbox of a folder that was taken; closing it lets the folder go.
   * @throws Fault of the config or of the disk
   */
  static in(folder: Folder, now: number): Store {
    const db = openForWriting(folder, now);
    try {
      const sql = writerStatements(db);
      const dictionaries = new Dictionaries(dictionaryStatements(db));
      return new Store({ db, lock: folder.lock }, sql, readBooks(sql), dictionaries);
    } catch (error) {
      db.close();
      throw openFault(asDamage(error), folder.path);
    }
  }

  /** The seqs that are here of a channel. */
  seqsOf({ machine, kind, stream }: ChannelName): SeqRanges {
    const seqs = new SeqRanges();
    const channel = this.#books.find(machine, kind, stream);
    if (channel !== undefined) for (const seq of this.#sql.seqs.iterate(channel.id)) seqs.add(seq);
    return seqs;
  }

  /** Stores what was salvaged, with its identity: whole, or not at all. */
  adopt({ batches, numbering = [], cursors = new Map(), events = [] }: Adoption, now: number): void {
    const bodies = events.map(({ body }) => encodeBody(body));
    this.#transaction((books) => {
      for (const one of batches) this.#adopt(books, one);
      for (const one of numbering) this.#settleNumbering(books, one);
      for (const [machine, cursor] of cursors) {
        if (this.#sql.cursor.get(machine) === undefined) this.#sql.saveCursor.run(machine, cursor);
      }
      this.#append(books, { batches: events }, bodies, now);
      return this.#trimmer.pressure(books, { now, budget: { maxBytes: Number.MAX_SAFE_INTEGER, maxAge: now } });
    });
  }

  #adopt(books: Books, { channel: { machine, kind, stream, nextSeq }, batch }: Adopted): void {
    const { seq, lane: code, t0, count, synced, storedAt, body } = batch;
    let channel = books.find(machine, kind, stream);
    if (channel === undefined) {
      const { lastInsertRowid } = this.#sql.insertChannel.run(machine, kind, stream, nextSeq, 0);
      channel = books.open({ id: Number(lastInsertRowid), machine, kind, stream, nextSeq, backlog: 0 });
    }
    const id = books.takeId();
    this.#sql.insertBatch.run(id, channel.id, seq, code, t0, count, synced, body.length, storedAt);
    this.#sql.insertBody.run(id, body);
    books.stored({ channel: channel.id, lane: laneOf(code), count, bytes: body.length });
  }

  /** What of a channel that was taken over is not there counts as removed: gaps tell what is missing. */
  #settleNumbering(books: Books, { machine, kind, stream, nextSeq }: NumberedChannel): void {
    const channel = books.find(machine, kind, stream);
    if (channel === undefined) return;
    const kept = this.#sql.keptOf.get(channel.id) as number;
    channel.nextSeq = Math.max(channel.nextSeq, nextSeq);
    this.#sql.saveNextSeq.run(channel.nextSeq, channel.id);
    this.#sql.setRemoved.run(channel.nextSeq - 1 - kept, channel.id);
  }

  /** Of all that is appended. */
  readonly stream: string;

  /** Marks, makes room and appends, in this order, in one transaction. Appends beyond the budget's hard limit throw. */
  commit(group: Group, given: Terms): Pressure {
    const terms = this.#withinDisk(given);
    this.#dictionaries.discard();
    const appends = group.appends.map((append) => ({
      append,
      bodies: append.batches.map((batch) => this.#encode(batch)),
    }));
    const incoming = appends.flatMap(({ bodies }) => bodies).reduce((sum, body) => sum + body.length, 0);
    const pressure = this.#transaction((books) => {
      for (const id of group.settled) this.#settle(books, id, terms.now);
      for (const { id, until, reason } of group.holds) this.#sql.hold.run(until, reason, id);
      this.#trimmer.trim(books, terms, incoming);
      // Marks and deletions are what makes room again, so the limit is for appends alone.
      this.#limitPages(hardLimitPages(terms.budget, this.#sql.pageBytes.get() as number));
      for (const { append, bodies } of appends) this.#append(books, append, bodies, terms.now);
      this.#dictionaries.save(books.nextId - 1);
      return this.#trimmer.pressure(books, terms);
    });
    this.#dictionaries.keep();
    return pressure;
  }

  /** One slice of the work that keeps the file within its budget. */
  tidy(given: Terms): Pressure {
    const terms = this.#withinDisk(given);
    return this.#transaction((books) => {
      this.#trimmer.trim(books, terms, 0);
      const pages = pagesToGiveBack(readRoom(this.#sql));
      if (pages > 0) this.#files.db.pragma(`incremental_vacuum(${pages})`);
      return this.#trimmer.pressure(books, terms);
    });
  }

  /** Tells in which boot it is: see `ClockRepair.startBoot`. */
  startBoot(boot: string): void {
    this.#files.db.transaction(() => this.#clockRepair.startBoot(boot)).immediate();
  }

  /** See `Outbox.storedUntil`. */
  get storedUntil(): number {
    return this.#sql.newestStored.get() as number;
  }

  /** One slice of `Outbox.repairClock`. */
  repairClock(origin: number, terms: Terms): Repaired {
    const { now, wall = now } = terms;
    let repaired: Repaired = { moved: 0, told: 0, more: false };
    this.#transaction((books) => {
      repaired = this.#clockRepair.repair(books, origin, wall, (batches) => {
        const bodies = batches.map(({ body }) => encodeBody(body));
        this.#append(books, { batches }, bodies, now);
      });
      return this.#trimmer.pressure(books, terms);
    });
    return repaired;
  }

  /** See `Outbox.claim`. */
  claim({ lane, after, upTo = Number.MAX_SAFE_INTEGER, newestFirst, limit, maxBytes }: Claim, now: number) {
    const parameters = { lane: LANE_CODES[lane], after, upTo, now, limit };
    const statement = newestFirst === true ? this.#sql.claimNewest : this.#sql.claimOldest;
    return this.#handOut(batchesOf(statement.iterate(parameters), maxBytes, this.#dictionaries.texts));
  }

  /** See `Outbox.due`. */
  due(limit: number, now: number): StoredBatch[] {
    return this.#handOut(
      batchesOf(this.#sql.due.iterate(now, limit), Number.POSITIVE_INFINITY, this.#dictionaries.texts),
    );
  }

  /** See `Outbox.find`. */
  find(ids: readonly number[], now: number): StoredBatch[] {
    const rows = ids.flatMap((id) => this.#sql.find.all(id, now));
    return this.#handOut(rows.map((row) => storedBatch(row, this.#dictionaries.texts)));
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
    const rows = this.#sql.recall.iterate({ machine: machine ?? null, from, to, after, limit });
    return batchesOf(rows, maxBytes, this.#dictionaries.texts);
  }

  /** See `Outbox.split`. */
  split(id: number, parts: number, terms: Terms): boolean {
    const found = this.#sql.one.get(id);
    const body = found && textOf(found.body, this.#dictionaries.texts);
    if (found === undefined || body === undefined) return false;
    const { machine, kind, stream } = this.#books.channel(found.channel);
    const pieces = split(kind, body, parts);
    if (pieces.length < 2) return false;
    const run = { machine, kind, batches: [{ ...found, body, synced: found.synced === 1 }] };
    const batches = this.#trimmer.inherit(replacement(run, pieces, stream, terms.wall ?? terms.now), [id]);
    const bodies = batches.map((batch) => encodeBody(batch.body));
    this.#transaction((books) => {
      this.#trimmer.remove(books, [found]);
      this.#append(books, { batches }, bodies, terms.now);
      return this.#trimmer.pressure(books, terms);
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

  /** Closes the database as it is; the folder stays taken. */
  abandon(): void {
    this.#files.db.close();
  }

  #withinDisk(terms: Terms): Terms {
    const { budget } = terms;
    if ((budget.minFreeDisk ?? 0) === 0) return terms;
    const { bavail, bsize } = statfsSync(dirname(this.#files.db.name));
    return { ...terms, budget: withinDisk(budget, readRoom(this.#sql), bavail * bsize) };
  }

  /** Nothing may fail once the commit has succeeded: what is on the disk must not be tried again. */
  #transaction(work: (books: Books) => Pressure): Pressure {
    const books = this.#books.copy();
    const pressure = this.#files.db
      .transaction(() => {
        this.#limitPages(UNLIMITED_PAGES);
        this.#trimmer.begin();
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

  #settle(books: Books, id: number, now: number): void {
    const row = this.#sql.settle.get(now, id);
    if (row !== undefined) books.settled({ ...row, lane: laneOf(row.lane) });
  }

  #append(books: Books, append: Append, bodies: readonly Buffer[], now: number): void {
    const touched = new Set<Channel>();
    append.batches.forEach((batch, i) => {
      const stream = batch.local === true ? LOCAL_STREAM : this.stream;
      const channel =
        books.find(batch.machine, batch.kind, stream) ?? this.#openChannel(books, batch.machine, batch.kind, stream);
      this.#insert(books, channel, batch, bodies[i] as Buffer, now);
      touched.add(channel);
    });
    for (const { id, nextSeq } of touched) this.#sql.saveNextSeq.run(nextSeq, id);
    if (append.cursor !== undefined) {
      this.#sql.saveCursor.run(append.cursor.machine, JSON.stringify(append.cursor.cursor));
    }
    if (append.state !== undefined) {
      const { machine, state } = append.state;
      this.#sql.saveState.run(machine, books.nextId - 1, now, encodeBody(JSON.stringify(state)));
    }
    for (const { channel, body } of append.notices ?? []) {
      this.#sql.insertNotice.run(channel, body, now, now);
      if ((this.#sql.noticeCount.get(channel) as number) > MAX_NOTICES) this.#sql.deleteOldestNotice.run(channel);
    }
  }

  #encode({ machine, kind, local, body }: NewBatch): Buffer {
    if (kind !== 'telemetry') return encodeBody(body);
    const channel = this.#books.find(machine, kind, local === true ? LOCAL_STREAM : this.stream);
    return this.#dictionaries.encode(channel?.id, body);
  }

  #openChannel(books: Books, machine: string, kind: Kind, stream: string): Channel {
    const { lastInsertRowid } = this.#sql.insertChannel.run(machine, kind, stream, 1, 0);
    return books.open({ id: Number(lastInsertRowid), machine, kind, stream, nextSeq: 1, backlog: 0 });
  }

  #insert(books: Books, channel: Channel, batch: NewBatch, body: Buffer, now: number): void {
    const { lane, t0, count, clock, origin } = batch;
    const id = books.takeId();
    const synced = clock === 'synced' ? 1 : 0;
    this.#sql.insertBatch.run(id, channel.id, channel.nextSeq, LANE_CODES[lane], t0, count, synced, body.length, now);
    this.#sql.insertBody.run(id, body);
    if (clock === 'unsynced' && origin !== undefined) this.#clockRepair.stamped(id, origin);
    channel.nextSeq += 1;
    books.stored({ channel: channel.id, lane, count, bytes: body.length });
    if (batch.local === true) this.#settle(books, id, now);
  }

  #handOut(batches: StoredBatch[]): StoredBatch[] {
    for (const { id } of batches) this.#clockRepair.handedOut(id);
    return batches;
  }
}
