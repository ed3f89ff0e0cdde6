/** Frame_Header_Descriptor (RFC 8878, 3.1.1.1.1) of what is written: one segment, its size in four bytes, no checksum. */
const DESCRIPTOR = 0b1010_0000;
const MAGIC = 0xfd2fb528;
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
  const ahead = HEADER_BYTES + BLOCK_HEADER_BYTES + before.length;
  const behind = BLOCK_HEADER_BYTES + after.length;
  const size = ahead + blocks.length + behind;
  const hasRoom = Math.max(ahead, behind) <= room;
  const out = hasRoom ? Buffer.from(blocks.buffer, blocks.byteOffset - ahead, size) : Buffer.allocUnsafe(size);
  if (!hasRoom) out.set(blocks, ahead);
  out.writeUInt32LE(MAGIC, 0);
  out[4] = DESCRIPTOR;
  out.writeUInt32LE(before.length + contentBytes + after.length, 5);
  writeRaw(out, HEADER_BYTES, before, false);
  writeRaw(out, ahead + blocks.length, after, true);
  return out;
}

function writeRaw(out: Buffer, at: number, content: Buffer, isLast: boolean): void {
  out.writeUIntLE((content.length << 3) | Number(isLast), at, BLOCK_HEADER_BYTES);
  out.set(content, at + BLOCK_HEADER_BYTES);
}
