import type { Kind } from '../wire/contract.ts';
import type { Books } from './books.ts';
import type { ClockRepair } from './clock-repair.ts';
import { encodeBody } from './codec.ts';
import type { Dictionaries } from './dictionaries.ts';
import { type Append, type Budget, type NewBatch, whenFullOf } from './outbox.ts';
import type { Pressure, Terms } from './protocol.ts';
import { bytesInUse, bytesToDelete, excessBytes, isTight, pagesToGiveBack, SLICE_BATCHES } from './retention.ts';
import { textOf } from './rows.ts';
import { shed } from './shed.ts';
import { LANE_CODES, laneOf, type RunRow, type WriterStatements } from './statements.ts';
import { readRoom } from './stats.ts';

/** Batches that are given up at once, and how often in one transaction. */
const SHED_BATCHES = 64;
const SHED_ROUNDS = 8;
/** What may be given up, in this order: events and alerts are small, and say what was lost. */
const SHEDDABLE: readonly Kind[] = ['telemetry', 'rollup'];

/** How what takes the place of batches is stored. */
export type AppendInstead = (books: Books, append: Append, bodies: readonly Buffer[], now: number) => void;

/**
 * Deletes batches, or gives them up for want of room, and says how the database then stands. Each call is part of a transaction of
 * the store, which begins with `begin`, and works on the books that it is given.
 */
export class Trimmer {
  readonly #sql: WriterStatements;
  readonly #clockRepair: ClockRepair;
  readonly #dictionaries: Dictionaries;
  readonly #append: AppendInstead;
  /** Observations given up in the transaction that is under way. */
  #given: Pressure['shed'] = { thinned: 0, dropped: 0 };

  constructor(sql: WriterStatements, clockRepair: ClockRepair, dictionaries: Dictionaries, append: AppendInstead) {
    this.#sql = sql;
    this.#clockRepair = clockRepair;
    this.#dictionaries = dictionaries;
    this.#append = append;
  }

  begin(): void {
    this.#given = { thinned: 0, dropped: 0 };
  }

  /**
   * Deletes up to a slice of delivered batches, those first that were delivered first: what is too old or too much. Where
   * that is not enough, undelivered ones are given up, as far as the policy of their machine allows.
   */
  trim(books: Books, { now, wall = now, budget }: Terms, incoming: number): void {
    let excess = bytesToDelete(readRoom(this.#sql), budget, incoming);
    const removed = new Map<number, number>();
    for (const row of this.#sql.history.all(this.#historySlice(excess, now - budget.maxAge))) {
      if (excess <= 0 && row.deliveredAt >= now - budget.maxAge) break;
      this.#deleteBatch(row.id);
      books.removed({ ...row, lane: laneOf(row.lane) });
      removed.set(row.channel, (removed.get(row.channel) ?? 0) + 1);
      excess -= row.bytes;
    }
    for (const [channel, count] of removed) this.#sql.addRemoved.run(count, channel);
    const rest = books.delivered.batches === 0 ? excess : 0;
    for (let freed = 0, round = 0; freed < rest && round < SHED_ROUNDS; round++) {
      const bytes = this.#shedOldest(books, budget, { now, wall });
      if (bytes === undefined) break;
      freed += bytes;
    }
    this.#dictionaries.prune(this.#sql.lowestId.get() as number);
  }

  /** Gives up the oldest undelivered batches that may be; bytes that this made free, undefined when there are none. */
  #shedOldest(books: Books, budget: Budget, { now, wall }: { now: number; wall: number }): number | undefined {
    const channels = this.#sheddable(books, budget).find((ids) => ids.length > 0) ?? [];
    const oldest = this.#sql.oldestOf.get(LANE_CODES.live, JSON.stringify(channels));
    if (oldest === undefined) return undefined;
    const rows = this.#sql.run.all(LANE_CODES.live, oldest.channel, oldest.id, SHED_BATCHES);
    const first = rows[0]?.seq ?? 0;
    const run = rows.filter(({ seq }, i) => seq === first + i);
    const { machine, kind, stream } = books.channel(oldest.channel);
    const { texts } = this.#dictionaries;
    const batches = run.map((row) => ({ ...row, synced: row.synced === 1, body: textOf(row.body, texts) }));
    const policy = whenFullOf(budget, machine) === 'thin' ? 'thin' : 'dropOldest';
    const given = shed({ machine, kind, batches }, { policy, keep: budget.keep ?? [], stream, now: wall });
    const ids = run.map(({ id }) => id);
    const instead = { ...given, batches: this.inherit(given.batches, ids) };
    this.remove(books, run);
    const bodies = instead.batches.map(({ body }) => encodeBody(body));
    this.#append(books, instead, bodies, now);
    this.#given = plus(this.#given, instead);
    const sum = (sizes: readonly number[]) => sizes.reduce((total, size) => total + size, 0);
    return sum(run.map(({ bytes }) => bytes)) - sum(bodies.map(({ length }) => length));
  }

  /** What takes the place of batches that one clock has stamped is of that clock as well. */
  inherit(batches: readonly NewBatch[], ids: readonly number[]): readonly NewBatch[] {
    const [origin, ...others] = new Set(ids.map((id) => this.#clockRepair.originOf(id)));
    return origin === undefined || others.length > 0 ? batches : batches.map((batch) => ({ ...batch, origin }));
  }

  /** How the database stands against its budget, and what this transaction has given up. */
  pressure(books: Books, { now, budget }: Terms): Pressure {
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

  #deleteBatch(id: number): void {
    this.#sql.deleteBody.run(id);
    this.#sql.deleteBatch.run(id);
    this.#clockRepair.removed(id);
  }

  /** Deletes undelivered batches of one channel. */
  remove(books: Books, rows: readonly RunRow[]): void {
    for (const row of rows) {
      this.#deleteBatch(row.id);
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

/** Sums of what was given up. */
export function plus(a: Pressure['shed'], b: Pressure['shed']): Pressure['shed'] {
  return { thinned: a.thinned + b.thinned, dropped: a.dropped + b.dropped };
}
