import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { utf8 } from '../utf8.ts';
import { ZSTD_MAGIC } from '../zstd-header.ts';
import { MAX_BYTES, unzstd } from './unzstd.ts';

/** Measured on 1,000-observation bodies: level 1 is both the smallest and the fastest of 1 to 3 (docs/decisions). */
const PLAIN = { [constants.ZSTD_c_compressionLevel]: 1, [constants.ZSTD_c_checksumFlag]: 1 };

/** What a frame begins with, as bytes. */
const MAGIC = Buffer.alloc(4);
MAGIC.writeUInt32LE(ZSTD_MAGIC);
/** First byte of a body that needs a dictionary; no zstd frame, skippable ones included, begins with it. */
const TAG = 0x01;

/** Text that bodies resemble, and the number by which they name it. */
export interface Dictionary {
  readonly id: number;
  readonly text: Uint8Array;
}

/** zstd's parameters by their number. */
export type ZstdParameters = Readonly<Record<number, number>>;

/**
 * The stored form of a body: one zstd frame (RFC 8878) with its content checksum, because SQLite has none for its pages
 * and a card that flips a bit must be found out.
 */
export function encodeBody(text: string | Uint8Array, params: ZstdParameters = PLAIN): Buffer {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text;
  return zstdCompressSync(bytes, { pledgedSrcSize: bytes.length, params });
}

/**
 * The stored form of a body that needs a dictionary: a tag, the dictionary's id in groups of 7 bits, the lowest first, and the frame
 * with its content checksum, which also tells a wrong dictionary. The frame's magic number is left out: these bytes take its place.
 */
export function encodeWith({ id, text: dictionary }: Dictionary, text: Uint8Array, params: ZstdParameters): Buffer {
  const all = { ...params, [constants.ZSTD_c_checksumFlag]: 1 };
  const frame = zstdCompressSync(text, { pledgedSrcSize: text.length, params: all, dictionary });
  const prefix = [TAG];
  let rest = id;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) prefix.push((rest % 0x80) | 0x80);
  return Buffer.concat([Buffer.from([...prefix, rest]), frame.subarray(MAGIC.length)]);
}

/** The dictionary that a stored body needs; undefined where it needs none. */
export function dictionaryOf(body: Uint8Array): number | undefined {
  return taggedOf(body)?.id;
}

/**
 * The JSON text of a stored body.
 * @param dictionary the text of the one that it needs
 * @throws Error when the body or its dictionary is damaged or missing
 */
export function decodeBody(body: Uint8Array, dictionary?: Uint8Array): string {
  return utf8(unpack(body, dictionary));
}

/** The JSON text of a stored body as bytes; undefined when it or its dictionary is damaged or missing. */
export function readBody(body: Uint8Array, dictionary?: Uint8Array): Uint8Array | undefined {
  try {
    return unpack(body, dictionary);
  } catch {
    // Whoever asked for it tells what was damaged.
    return undefined;
  }
}

function unpack(body: Uint8Array, dictionary?: Uint8Array): Uint8Array {
  const tagged = taggedOf(body);
  if (tagged === undefined) return unzstd(body);
  if (dictionary === undefined) throw new Error(`its dictionary ${tagged.id} is lost`);
  const frame = Buffer.concat([MAGIC, body.subarray(tagged.start)]);
  return zstdDecompressSync(frame, { maxOutputLength: MAX_BYTES, dictionary });
}

function taggedOf(body: Uint8Array): { id: number; start: number } | undefined {
  if (body[0] !== TAG) return undefined;
  let [id, at] = [0, 1];
  for (let factor = 1; ; factor *= 0x80, at += 1) {
    const byte = body[at] ?? 0;
    id += (byte & 0x7f) * factor;
    // No id comes near: what is longer is damaged, and names a dictionary that there is not.
    if (byte < 0x80 || id > Number.MAX_SAFE_INTEGER) return { id, start: at + 1 };
  }
}

/** Whether a text is JSON of an object or a list. */
export function isJsonObject(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null;
  } catch {
    return false;
  }
}
