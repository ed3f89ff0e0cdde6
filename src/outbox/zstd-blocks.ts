import { zstdHeader } from '../zstd-header.ts';

const BLOCK_HEADER_BYTES = 3;
const RLE = 1;
const LAST = 1;

/**
 * The blocks of a zstd frame (RFC 8878, 3.1.1.2) without its header and checksum, of which none is marked as the last any more: that is changed in
 * the frame itself. They refer back by distance and need nothing else to be read, so they may stand in another frame, between other
 * blocks that leave the decoder's tables as they are.
 * @param frame one whole frame that needs no dictionary
 * @throws Error where it is no such frame
 */
export function blocksOf(frame: Uint8Array): Uint8Array {
  const header = zstdHeader(frame);
  if (header === undefined) throw new Error('not a zstd frame');
  if (header.hasDictionary) throw new Error('a zstd frame with a dictionary');
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  const start = header.blocksAt;
  for (let at = start; ; ) {
    if (at + BLOCK_HEADER_BYTES > frame.length) throw new Error('a zstd frame that is cut off');
    const block = view.getUint16(at, true) + view.getUint8(at + 2) * 0x1_00_00;
    const next = at + BLOCK_HEADER_BYTES + (((block >> 1) & 0b11) === RLE ? 1 : block >> 3);
    if (next > frame.length) throw new Error('a zstd frame that is cut off');
    if ((block & LAST) === LAST) {
      frame[at] = block & 0xff & ~LAST;
      return frame.subarray(start, next);
    }
    at = next;
  }
}
