import { ID_PATTERN, KINDS, type Kind } from '../wire/contract.ts';
import { type Cell, cellsOf, isBodyRecord, type Payload, payloadAt, recordOf, wholePayload } from './cells.ts';
import { decodeBody, dictionaryOf, encodeBody, isJsonObject, readBody } from './codec.ts';
import { isStream } from './database.ts';
import { PageFile } from './page-file.ts';
import { Places } from './places.ts';
import { LANE_CODES } from './statements.ts';
import { PAGE_BYTES } from './wal.ts';

/** Columns of `batches` in every schema. */
const BATCH_COLUMNS = 13;
/** Texts of dictionaries that are kept in memory. */
const MAX_TEXTS = 256;

/** A channel of a damaged database. */
export interface WreckChannel {
  readonly machine: string;
  readonly kind: Kind;
  readonly stream: string;
  /** null where only its name can be read */
  readonly nextSeq: number | null;
  readonly removed: number;
}

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
  /** It needs no dictionary. null: it was delivered, it cannot be read, or its checksum is wrong */
  readonly body: Buffer | null;
}

/**
 * What a damaged database still tells. Every page is looked at, whatever points at it, and rows are known by their shape:
 * damage costs what is on the damaged pages, also where it is the root of a table or the schema itself.
 */
export class Wreck implements Disposable {
  readonly #file: PageFile;
  readonly #batches = new Places();
  readonly #bodies = new Places();
  readonly #dictionaries = new Places();
  /** Of each dictionary that was needed last: every version that can be read. */
  readonly #texts = new Map<number, Uint8Array[]>();
  readonly #channels = new Map<number, WreckChannel | Omit<WreckChannel, 'stream'>>();
  /** From the index: of channels whose rows cannot be read. */
  readonly #names = new Map<number, WreckChannel>();
  readonly #cursors = new Map<string, string>();
  #stream: string | undefined;

  /** Reads the whole file once. @throws what the file system throws, but for a file or pages that cannot be read */
  constructor(path: string) {
    this.#file = new PageFile(path);
    try {
      for (const { page, bytes } of this.#file.treePages()) {
        const { offsets, isTable } = cellsOf(page, bytes);
        for (const offset of offsets) this.#look(payloadAt(bytes, offset, isTable), page * PAGE_BYTES + offset);
      }
    } catch (error) {
      this.#file[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#file[Symbol.dispose]();
  }

  /** By the number that their batches have. */
  channels(): ReadonlyMap<number, WreckChannel> {
    const stream = this.#stream;
    const own = [...this.#channels].flatMap(([id, channel]) => {
      if ('stream' in channel) return [[id, channel] as const];
      return stream === undefined ? [] : [[id, { ...channel, stream }] as const];
    });
    return new Map([...this.#names, ...own]);
  }

  /** Whether what was committed last may be missing without a trace. */
  get isEndUnsure(): boolean {
    return this.#file.isEndUnsure;
  }

  /** By machine, as JSON text. */
  get cursors(): ReadonlyMap<string, string> {
    return this.#cursors;
  }

  /** By rising id. */
  *batches(): Generator<SalvagedBatch> {
    const page = Buffer.alloc(PAGE_BYTES);
    for (const { id, places } of this.#batches.entries()) {
      const rows = places.flatMap((place) => batchOf(recordOf(this.#payload(place, page)?.local)) ?? []);
      // A page that was given up may still have the row as it once was.
      const row = rows.find(({ isDelivered }) => isDelivered) ?? rows[0];
      if (row !== undefined) yield { ...row, body: row.isDelivered ? null : this.#body(id) };
    }
  }

  #look(payload: Payload | undefined, place: number): void {
    if (payload === undefined) return;
    const { rowid, local, overflow } = payload;
    if (rowid === undefined) this.#lookAtIndex(recordOf(overflow === 0 ? local : this.#whole(payload)));
    else if (isBodyRecord(local)) this.#bodies.add(rowid, place);
    else if (overflow === 0) {
      const record = recordOf(local);
      if (batchOf(record) !== undefined) this.#batches.add(rowid, place);
      else if (dictionaryIn(record) !== undefined) this.#dictionaries.add(rowid, place);
      else if (record !== undefined) this.#lookAtChannel(rowid, record);
    }
  }

  #lookAtChannel(id: number, [first, machine, kind, ...rest]: readonly Cell[]): void {
    const [nextSeq, removed, ...more] = rest.length === 2 ? rest : rest.slice(1);
    if (first !== null || more.length > 0 || !isName(machine, kind)) return;
    if (!isCount(nextSeq) || !isCount(removed) || nextSeq <= removed) return;
    const channel = { machine: machine as string, kind: kind as Kind, nextSeq, removed };
    // Before schema 2 all channels are of the database's own stream.
    if (rest.length === 2) this.#channels.set(id, channel);
    else if (isStream(rest[0])) this.#channels.set(id, { ...channel, stream: rest[0] });
  }

  /** Rows of tables without a rowid are in an index, too. */
  #lookAtIndex(record: readonly Cell[] = []): void {
    const [first, second, third, id] = record;
    if (record.length === 2 && typeof first === 'string' && typeof second === 'string') {
      if (first === 'stream' && isStream(second)) this.#stream = second;
      else if (ID_PATTERN.test(first) && isJsonObject(second)) this.#cursors.set(first, second);
    } else if (record.length === 4 && typeof id === 'number' && isName(first, second) && isStream(third)) {
      const names = { machine: first as string, kind: second as Kind, stream: third };
      this.#names.set(id, { ...names, nextSeq: null, removed: 0 });
    }
  }

  #body(id: number): Buffer | null {
    const page = Buffer.alloc(PAGE_BYTES);
    for (const place of this.#bodies.of(id)) {
      const payload = this.#payload(place, page);
      const body = recordOf(this.#whole(payload))?.[1];
      const sound = Buffer.isBuffer(body) ? this.#sound(body) : undefined;
      if (sound !== undefined) return sound;
    }
    return null;
  }

  /** A body whose checksum holds and that is JSON, without its dictionary; its checksum tells which version of that is the right one. */
  #sound(body: Buffer): Buffer | undefined {
    const needs = dictionaryOf(body);
    if (needs === undefined) return jsonOf(body) === undefined ? undefined : body;
    const [text] = this.#textsOf(needs).flatMap((dictionary) => jsonOf(body, dictionary) ?? []);
    return text === undefined ? undefined : encodeBody(text);
  }

  #textsOf(id: number): Uint8Array[] {
    const known = this.#texts.get(id);
    if (known !== undefined) return known;
    const page = Buffer.alloc(PAGE_BYTES);
    const texts = this.#dictionaries.of(id).flatMap((place) => {
      const body = dictionaryIn(recordOf(this.#payload(place, page)?.local));
      return (body && readBody(body)) ?? [];
    });
    const [oldest] = this.#texts.keys();
    if (this.#texts.size >= MAX_TEXTS && oldest !== undefined) this.#texts.delete(oldest);
    this.#texts.set(id, texts);
    return texts;
  }

  #payload(place: number, page: Buffer): Payload | undefined {
    return this.#file.read(Math.floor(place / PAGE_BYTES), page)
      ? payloadAt(page, place % PAGE_BYTES, true)
      : undefined;
  }

  #whole(payload: Payload | undefined): Buffer | undefined {
    const page = Buffer.alloc(PAGE_BYTES);
    return payload && wholePayload(payload, (next) => (this.#file.read(next, page) ? page : undefined));
  }
}

/** A row as some version has written it: bytes of a damaged page may read as anything. */
function batchOf(record: readonly Cell[] | undefined): Omit<SalvagedBatch, 'body'> | undefined {
  if (record?.length !== BATCH_COLUMNS) return undefined;
  const [first, channel, seq, lane, t0, count, synced, bytes, storedAt, deliveredAt] = record;
  const isWritten = first === null && isCount(channel) && isCount(seq) && isCount(count) && isCount(bytes) && seq > 0;
  if (!isWritten || !Number.isSafeInteger(t0) || !Number.isSafeInteger(storedAt)) return undefined;
  if (!Object.values<Cell | undefined>(LANE_CODES).includes(lane) || (synced !== 0 && synced !== 1)) return undefined;
  if (deliveredAt !== null && !Number.isSafeInteger(deliveredAt)) return undefined;
  return {
    channel,
    seq,
    lane: lane as number,
    t0: t0 as number,
    count,
    synced,
    storedAt: storedAt as number,
    isDelivered: deliveredAt !== null,
  };
}

function isCount(value: Cell | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isName(machine: Cell | undefined, kind: Cell | undefined): boolean {
  return typeof machine === 'string' && ID_PATTERN.test(machine) && KINDS.includes(kind as Kind);
}

/** The body of a row of either table of dictionaries: each fits into its page. */
function dictionaryIn(record: readonly Cell[] | undefined): Buffer | undefined {
  if (record?.length !== 4) return undefined;
  const [first, channel, until, body] = record;
  const isRow = first === null && isCount(channel) && (until === null || isCount(until));
  return isRow && Buffer.isBuffer(body) ? body : undefined;
}

/** The text of a body whose checksum holds and that is JSON. */
function jsonOf(body: Buffer, dictionary?: Uint8Array): string | undefined {
  try {
    const text = decodeBody(body, dictionary);
    JSON.parse(text);
    return text;
  } catch {
    // Not zstd, or its checksum is wrong.
    return undefined;
  }
}
