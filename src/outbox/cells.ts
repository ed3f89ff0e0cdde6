import { PAGE_BYTES } from './wal.ts';

/** Kinds of pages (https://www.sqlite.org/fileformat2.html#b_tree_pages). */
const TABLE_LEAF = 0x0d;
const INDEX_LEAF = 0x0a;
const INDEX_INTERIOR = 0x02;
/** Bytes of a payload that stay in its page at most, and at least where it is longer: of a table, and of an index. */
const MAX_IN_TABLE = PAGE_BYTES - 35;
const MAX_IN_INDEX = Math.floor(((PAGE_BYTES - 12) * 64) / 255) - 23;
const MIN_IN_PAGE = Math.floor(((PAGE_BYTES - 12) * 32) / 255) - 23;
/** No payload comes near: a longer one is damaged. */
const MAX_PAYLOAD_BYTES = 64 * 1024 * 1024;
/** The header of page 1 comes before its tree. */
const FILE_HEADER_BYTES = 100;

/** A value of a record; integers that a double cannot hold do not occur. */
export type Cell = number | string | Buffer | null;

/** Where the payload of a row is. */
export interface Payload {
  /** Undefined in an index. */
  readonly rowid: number | undefined;
  readonly length: number;
  /** What of it lies in the page. */
  readonly local: Buffer;
  /** Page that goes on with it; 0: none. */
  readonly overflow: number;
}

/** Offsets of the cells that are in use in a page, and whether it is of a table; none where the page is no leaf. */
export function cellsOf(page: number, bytes: Buffer): { offsets: number[]; isTable: boolean } {
  const start = page === 1 ? FILE_HEADER_BYTES : 0;
  const type = bytes.readUInt8(start);
  const isTable = type === TABLE_LEAF;
  if (!isTable && type !== INDEX_LEAF && type !== INDEX_INTERIOR) return { offsets: [], isTable };
  const pointers = start + (type === INDEX_INTERIOR ? 12 : 8);
  const count = Math.min(bytes.readUInt16BE(start + 3), Math.floor((PAGE_BYTES - pointers) / 2));
  const skip = type === INDEX_INTERIOR ? 4 : 0;
  const offsets = Array.from({ length: count }, (_, i) => bytes.readUInt16BE(pointers + 2 * i) + skip);
  return { offsets: offsets.filter((offset) => offset > pointers && offset < PAGE_BYTES), isTable };
}

/** Undefined for what cannot be one. */
export function payloadAt(bytes: Buffer, offset: number, isTable: boolean): Payload | undefined {
  const [length, afterLength] = varint(bytes, offset);
  const [rowid, start] = isTable ? varint(bytes, afterLength) : [undefined, afterLength];
  if (length > MAX_PAYLOAD_BYTES) return undefined;
  const kept = bytesInPage(length, isTable ? MAX_IN_TABLE : MAX_IN_INDEX);
  const end = start + kept;
  if (end + (kept < length ? 4 : 0) > bytes.length) return undefined;
  const overflow = kept < length ? bytes.readUInt32BE(end) : 0;
  return { rowid, length, local: bytes.subarray(start, end), overflow };
}

/** The whole payload. `read` gives a page of a chain; undefined where one is missing. */
export function wholePayload({ length, local, overflow }: Payload, read: (page: number) => Buffer | undefined) {
  const parts = [local];
  let [next, rest] = [overflow, length - local.length];
  while (rest > 0) {
    const page = next === 0 ? undefined : read(next);
    if (page === undefined) return undefined;
    const part = page.subarray(4, 4 + Math.min(rest, PAGE_BYTES - 4));
    parts.push(Buffer.from(part));
    rest -= part.length;
    next = page.readUInt32BE(0);
  }
  return Buffer.concat(parts);
}

/** The values of a record (https://www.sqlite.org/fileformat2.html#record_format); undefined for what is none. */
export function recordOf(payload: Buffer | undefined): Cell[] | undefined {
  if (payload === undefined) return undefined;
  const [headerBytes, afterLength] = varint(payload, 0);
  if (headerBytes > payload.length) return undefined;
  const values: Cell[] = [];
  let [at, value] = [afterLength, headerBytes];
  while (at < headerBytes) {
    const [type, next] = varint(payload, at);
    const bytes = bytesOf(type);
    if (bytes === undefined || value + bytes > payload.length) return undefined;
    values.push(cellOf(payload.subarray(value, value + bytes), type));
    [at, value] = [next, value + bytes];
  }
  return at === headerBytes && value === payload.length ? values : undefined;
}

/** Whether a record is a row of `bodies`, by the part of it that is in its page. */
export function isBodyRecord(local: Buffer): boolean {
  // [null, blob]: the id is the rowid. The header is a length, a zero, and a type that may take several bytes.
  const [headerBytes] = varint(local, 0);
  if (headerBytes < 3 || headerBytes > 12 || local[1] !== 0) return false;
  const [type, end] = varint(local, 2);
  return end === headerBytes && type >= 12 && type % 2 === 0;
}

function bytesInPage(length: number, most: number): number {
  if (length <= most) return length;
  const surplus = MIN_IN_PAGE + ((length - MIN_IN_PAGE) % (PAGE_BYTES - 4));
  return surplus <= most ? surplus : MIN_IN_PAGE;
}

function bytesOf(type: number): number | undefined {
  if (type >= 12) return Math.floor((type - 12) / 2);
  return [0, 1, 2, 3, 4, 6, 8, 8, 0, 0][type];
}

function cellOf(bytes: Buffer, type: number): Cell {
  if (type >= 12) return type % 2 === 0 ? Buffer.from(bytes) : bytes.toString();
  if (type === 7) return bytes.readDoubleBE(0);
  if (type === 6) return Number(bytes.readBigInt64BE(0));
  if (type >= 8) return type - 8;
  return type === 0 ? null : bytes.readIntBE(0, bytes.length);
}

/** A big-endian number of 7 bits a byte, and where it ends; bytes behind the end read as zeros. */
function varint(bytes: Buffer, at: number): readonly [value: number, next: number] {
  let value = 0;
  for (let i = 0; i < 8; i++) {
    const byte = bytes[at + i] ?? 0;
    value = value * 128 + (byte & 0x7f);
    if (byte < 0x80) return [value, at + i + 1];
  }
  return [value * 256 + (bytes[at + 8] ?? 0), at + 9];
}
