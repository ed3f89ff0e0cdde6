/** Frame_Header_Descriptor (RFC 8878, 3.1.1.1.1) of what is written: one segment, its size in four bytes, no checksum. */
const DESCRIPTOR = 0b1010_0000;
const MAGIC = 0xfd2fb528;
const HEADER_BYTES = 9;
const BLOCK_HEADER_BYTES = 3;
/** A block has at most 128 KiB (3.1.1.2.4). */
const MAX_BLOCK = 128 * 1024;
const RAW = 0;
const RLE = 1;

/**
 * A zstd frame (RFC 8878) of `before`, the content of a frame, and `after`, without compressing anything anew: the frame's
 * blocks between two raw ones. Blocks refer back by distance, and raw ones leave the decoder's tables and offsets as they are, so it
 * decodes wherever zstd does. The checksum of the old frame is left out: whoever calls has checked it.
 * @param frame one frame without a dictionary
 * @param contentBytes of the content of `frame`
 * @param before, after less than 128 KiB each
 * @throws Error where it is no such frame
 */
export function wrapFrame(frame: Uint8Array, contentBytes: number, before: Buffer, after: Buffer): Buffer {
  const { start, blocks } = blocksOf(frame);
  const last = blocks.at(-1) as Block;
  const end = last.start + BLOCK_HEADER_BYTES + last.bytes;
  const size = HEADER_BYTES + 2 * BLOCK_HEADER_BYTES + before.length + after.length + end - start;
  if (Math.max(before.length, after.length) > MAX_BLOCK) throw new Error('too much around a frame');
  const out = Buffer.allocUnsafe(size);
  out.writeUInt32LE(MAGIC, 0);
  out[4] = DESCRIPTOR;
  out.writeUInt32LE(before.length + contentBytes + after.length, 5);
  let at = writeRaw(out, HEADER_BYTES, before, false);
  out.set(frame.subarray(start, end), at);
  const lastHeader = at + last.start - start;
  out[lastHeader] = (out[lastHeader] as number) & ~1;
  at += end - start;
  writeRaw(out, at, after, true);
  return out;
}

interface Block {
  /** Of its header, in the frame. */
  readonly start: number;
  /** Behind its header. */
  readonly bytes: number;
}

function blocksOf(frame: Uint8Array): { start: number; blocks: Block[] } {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < HEADER_BYTES || view.getUint32(0, true) !== MAGIC) throw new Error('not a zstd frame');
  const descriptor = view.getUint8(4);
  const isSingleSegment = (descriptor & 0b10_0000) !== 0;
  if ((descriptor & 0b11) !== 0) throw new Error('a zstd frame with a dictionary');
  const sizeFlag = descriptor >> 6;
  const sizeBytes = sizeFlag === 0 ? Number(isSingleSegment) : 1 << sizeFlag;
  const start = 5 + Number(!isSingleSegment) + sizeBytes;
  const blocks: Block[] = [];
  for (let at = start, isLast = false; !isLast; ) {
    const header = view.getUint16(at, true) + view.getUint8(at + 2) * 0x1_00_00;
    const bytes = ((header >> 1) & 0b11) === RLE ? 1 : header >> 3;
    blocks.push({ start: at, bytes });
    isLast = (header & 1) === 1;
    at += BLOCK_HEADER_BYTES + bytes;
    if (at > frame.length) throw new Error('a zstd frame that is cut off');
  }
  return { start, blocks };
}

/** Returns where it ends. */
function writeRaw(out: Buffer, at: number, content: Buffer, isLast: boolean): number {
  out.writeUIntLE((content.length << 3) | (RAW << 1) | Number(isLast), at, BLOCK_HEADER_BYTES);
  out.set(content, at + BLOCK_HEADER_BYTES);
  return at + BLOCK_HEADER_BYTES + content.length;
}
