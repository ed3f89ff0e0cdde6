import type { ClockEvent, Value } from '../observation.ts';
import { SeqRanges } from '../seq-ranges.ts';
import type { Books, Channel } from './books.ts';
import { decodeBody, encodeBody } from './codec.ts';
import type { NewBatch } from './outbox.ts';
import { laneOf, type StampedRow, type WriterStatements } from './statements.ts';

/** Batches that are looked at in one transaction. */
const SLICE_BATCHES = 1000;
const BOOT = 'boot';

/** What one slice did. */
export interface Repaired {
  /** Batches whose times were moved before anybody had them. */
  readonly moved: number;
  /** Batches that may be out already: an event tells by how much their times are off. */
  readonly told: number;
  readonly more: boolean;
}

/** Consecutive batches of one channel with the same fate. */
interface Run {
  readonly channel: Channel;
  readonly offset: number;
  readonly repaired: boolean;
  readonly first: number;
  last: number;
}

/**
 * Corrects the times of batches that were stamped before the clock was set, as soon as it is known to be right. The same
 * key must always have the same content, so only those are changed that cannot have been sent: neither delivered, nor
 * handed out by this process, nor stored by an earlier one, which may have sent them. Of all, events tell.
 */
export class ClockRepair {
  readonly #sql: WriterStatements;
  /** Of this process. */
  readonly #firstId: number;
  readonly #handedOut = new SeqRanges();
  /** Whether anything may have to be corrected. */
  #isNeeded: boolean;

  constructor(sql: WriterStatements, firstId: number) {
    this.#sql = sql;
    this.#firstId = firstId;
    this.#isNeeded = sql.hasStamps.get() === 1;
  }

  /** The monotonic clock starts with the boot: what was stamped in an earlier one can no longer be corrected. */
  startBoot(boot: string): void {
    if (this.#sql.meta.get(BOOT) === boot) return;
    this.#sql.saveMeta.run(BOOT, boot);
    this.#sql.deleteStamps.run();
    this.#isNeeded = false;
  }

  /** A batch was stored that was stamped by a clock which is not known to be right. */
  stamped(id: number, origin: number): void {
    this.#sql.insertStamp.run(id, origin);
    this.#isNeeded = true;
  }

  /** How the clock was set when a batch was stamped; undefined where that is of no use. */
  originOf(id: number): number | undefined {
    return this.#isNeeded ? this.#sql.stampOf.get(id) : undefined;
  }

  removed(id: number): void {
    if (this.#isNeeded) this.#sql.deleteStamp.run(id);
  }

  handedOut(id: number): void {
    if (this.#isNeeded) this.#handedOut.add(id);
  }

  /** One slice, for a clock that is right now; `append` stores the events that tell of it. */
  repair(books: Books, origin: number, wall: number, append: (batches: readonly NewBatch[]) => void): Repaired {
    if (!this.#isNeeded) return { moved: 0, told: 0, more: false };
    const rows = this.#sql.stamped.all(SLICE_BATCHES);
    const runs: Run[] = [];
    let moved = 0;
    for (const row of rows) {
      const channel = books.channel(row.channel);
      const offset = origin - row.origin;
      const repaired = row.deliveredAt === null && row.id >= this.#firstId && !this.#handedOut.has(row.id);
      if (repaired) this.#move(books, row, channel, offset);
      if (repaired) moved += 1;
      this.#sql.deleteStamp.run(row.id);
      const run = runs.findLast((one) => one.channel === channel);
      if (run?.offset === offset && run.repaired === repaired && run.last === row.seq - 1) run.last = row.seq;
      else runs.push({ channel, offset, repaired, first: row.seq, last: row.seq });
    }
    append(eventsOf(runs, wall));
    if (rows.length === 0) this.#isNeeded = false;
    return { moved, told: rows.length - moved, more: rows.length > 0 };
  }

  #move(books: Books, row: StampedRow, { kind }: Channel, offset: number): void {
    const { id, t0, lane, bytes } = row;
    const body = kind === 'event' ? this.#sql.bodyOf.get(id) : undefined;
    const text = body && encodeBody(shifted(decodeBody(body), offset));
    if (text !== undefined) this.#sql.saveBody.run(text, id);
    const length = text?.length ?? bytes;
    this.#sql.moveBatch.run(t0 + offset, length, id);
    books.resized(laneOf(lane), length - bytes);
  }
}

type Event = Readonly<Record<string, Value>>;

/** Events of the gateway's own clock: what they say of other moments moves as well. Pure. */
function shifted(body: string, offset: number): string {
  const events: readonly Event[] = JSON.parse(body);
  const move = (value: Value | undefined) => (typeof value === 'number' ? value + offset : value);
  return JSON.stringify(
    events.map((event) =>
      event['type'] === 'gap' ? { ...event, from: move(event['from']), to: move(event['to']) } : event,
    ),
  );
}

function eventsOf(runs: readonly Run[], wall: number): NewBatch[] {
  const byMachine = Map.groupBy(runs, ({ channel }) => channel.machine);
  return [...byMachine].map(([machine, own]) => {
    const events = own.map(({ channel: { kind, stream }, offset, repaired, first, last }): ClockEvent => {
      return { type: 'clock', t: 0, offset, repaired, batches: { kind, stream, first, last } };
    });
    const body = JSON.stringify(events);
    return { machine, kind: 'event', lane: 'live', clock: 'synced', t0: wall, count: events.length, body };
  });
}
