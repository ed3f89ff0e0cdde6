import { ZSTD_MAGIC } from '../zstd-header.ts';
import { around } from './around.ts';

/** Frame_Header_Descriptor (RFC 8878, 3.1.1.1.1) of what is written: one segment, its size in four bytes, no checksum. */
const DESCRIPTOR = 0b1010_0000;
const HEADER_BYTES = 9;
const BLOCK_HEADER_BYTES = 3;
/** A block has at most 128 KiB (3.1.1.2.4). */
const MAX_BLOCK = 128 * 1024;

/** Blocks without a frame, as `blocksOf` gives them. */
export interface Blocks {
  readonly blocks: Uint8Array;
  /** Bytes of their buffer on either side that may be written to. */
  readonly room: number;
  /** Bytes of what they decode to. */
  readonly contentBytes: number;
}

/**
 * A zstd frame (RFC 8878) of `before`, the content of some blocks, and `after`, without compressing anything: the blocks between two raw ones, which leave
 * the decoder's tables and offsets as they are. It is made where the blocks lie, if there is room; twice the same gives the same.
 * @param before, after less than 128 KiB each
 */
export function frameOf(before: Buffer, { blocks, room, contentBytes }: Blocks, after: Buffer): Buffer {
  if (Math.max(before.length, after.length) > MAX_BLOCK) throw new Error('too much around a frame');
  const header = Buffer.allocUnsafe(HEADER_BYTES);
  header.writeUInt32LE(ZSTD_MAGIC, 0);
  header[4] = DESCRIPTOR;
  header.writeUInt32LE(before.length + contentBytes + after.length, 5);
  const ahead = Buffer.concat([header, rawHeader(before, false), before]);
  return around(ahead, blocks, Buffer.concat([rawHeader(after, true), after]), room);
}

/** Of a block that is content as it stands. */
function rawHeader(content: Buffer, isLast: boolean): Buffer {
  const header = Buffer.allocUnsafe(BLOCK_HEADER_BYTES);
  header.writeUIntLE((content.length << 3) | Number(isLast), 0, BLOCK_HEADER_BYTES);
  return header;
}
