import type { Span } from '../plan.ts';
import type { Table } from '../settings.ts';
import { isBitTable } from '../signals.ts';
import type { Readability } from './survey.ts';

const TABLE_SIZE = 65_536;
const MAX_REGISTERS = 125;
const MAX_BITS = 2000;
/** Behind the end of a run another often begins: so many addresses are tried one by one. */
const NEAR = 16;
/** A device that answers nothing at all to a table is not asked for ever. */
const MAX_SILENT = 3;

const HOLE = 1;
const READABLE = 2;

/** What is known of one table, growing by questions. */
export class TableSurvey {
  readonly table: Table;
  readonly #ask: (span: Span) => Promise<Readability>;
  readonly #hasRoom: () => boolean;
  readonly #known = new Uint8Array(TABLE_SIZE);
  readonly #most: number;
  #limit: number;
  #silent = 0;
  #isAbsent = false;

  /** @param hasRoom whether another question may be asked */
  constructor(table: Table, ask: (span: Span) => Promise<Readability>, hasRoom: () => boolean) {
    this.table = table;
    this.#ask = ask;
    this.#hasRoom = hasRoom;
    this.#most = isBitTable(table) ? MAX_BITS : MAX_REGISTERS;
    this.#limit = this.#most;
  }

  get isAbsent(): boolean {
    return this.#isAbsent;
  }

  /** What the device gives at once. */
  get limit(): number {
    return this.#limit;
  }

  /** Whether that was found to be less than the standard has. */
  get isLimited(): boolean {
    return this.#limit < this.#most;
  }

  /** Readable addresses next to each other. */
  get runs(): Span[] {
    const runs: Span[] = [];
    for (let at = this.#known.indexOf(READABLE); at !== -1; at = this.#known.indexOf(READABLE, at)) {
      const address = at;
      while (this.#known[at] === READABLE) at += 1;
      runs.push({ table: this.table, address, size: at - address });
    }
    return runs;
  }

  /** Tries an address and, where it is readable, finds the whole run around it, and what begins shortly behind. */
  async visit(address: number): Promise<void> {
    if (this.#known[address] !== 0 || !(await this.#isReadable(address, 1))) return;
    await this.#grow(address, -1);
    let end = await this.#grow(address, 1);
    for (let at = end + 1; at < Math.min(end + NEAR, TABLE_SIZE) && this.#hasRoom(); at++) {
      if (this.#known[at] !== 0 || !(await this.#isReadable(at, 1))) continue;
      end = await this.#grow(at, 1);
      at = end;
    }
  }

  /** Extends a run upwards or downwards until a hole; gives the first address beyond it. */
  async #grow(from: number, direction: 1 | -1): Promise<number> {
    let next = from + direction;
    while (this.#known[next] === 0 && this.#hasRoom()) {
      const room = this.#room(next, direction);
      const got = await this.#longest(next, direction, room);
      next += got * direction;
      if (got === room) continue;
      // Either a hole stops it, or the device gives no more at once.
      if (got === 0 || !(await this.#isReadable(next, 1))) break;
      this.#limit = got;
      next += direction;
    }
    return next;
  }

  /** How many addresses can be asked for at once before something is known. */
  #room(from: number, direction: 1 | -1): number {
    let room = 1;
    while (room < this.#limit && this.#known[from + room * direction] === 0) room += 1;
    return room;
  }

  /** The most addresses that can be read at once from here, by bisecting. */
  async #longest(from: number, direction: 1 | -1, room: number): Promise<number> {
    const reads = (size: number) => this.#isReadable(direction === 1 ? from : from - size + 1, size);
    if (await reads(room)) return room;
    let [good, bad] = [0, room];
    while (bad - good > 1 && this.#hasRoom()) {
      const middle = (good + bad) >> 1;
      if (await reads(middle)) good = middle;
      else bad = middle;
    }
    return good;
  }

  async #isReadable(address: number, size: number): Promise<boolean> {
    if (this.#isAbsent || !this.#hasRoom()) return false;
    const answer = await this.#ask({ table: this.table, address, size });
    this.#silent = answer === 'silent' ? this.#silent + 1 : 0;
    if (answer === 'unknown function' || this.#silent >= MAX_SILENT) this.#isAbsent = true;
    if (answer === 'readable') this.#known.fill(READABLE, address, address + size);
    else if (size === 1) this.#known[address] = HOLE;
    return answer === 'readable';
  }
}
