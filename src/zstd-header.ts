/** What a zstd frame begins with, little-endian (RFC 8878, 3.1.1). */
export const ZSTD_MAGIC = 0xfd2fb528;

export interface ZstdHeader {
  /** Where its blocks begin. */
  readonly blocksAt: number;
  /** Bytes that it decodes to; undefined where it does not tell, or says 4 GiB and more. */
  readonly contentBytes: number | undefined;
  readonly hasDictionary: boolean;
}

/** The header of a zstd frame (RFC 8878, 3.1.1.1); undefined where there is no whole one. */
export function zstdHeader(frame: Uint8Array): ZstdHeader | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < 5 || view.getUint32(0, true) !== ZSTD_MAGIC) return undefined;
  const descriptor = view.getUint8(4);
  const isSingleSegment = (descriptor & 0b10_0000) !== 0;
  const dictionaryFlag = descriptor & 0b11;
  const sizeFlag = descriptor >> 6;
  const sizeBytes = sizeFlag === 0 ? Number(isSingleSegment) : 1 << sizeFlag;
  const dictionaryBytes = dictionaryFlag === 0 ? 0 : 1 << (dictionaryFlag - 1);
  const sizeAt = 5 + Number(!isSingleSegment) + dictionaryBytes;
  const blocksAt = sizeAt + sizeBytes;
  if (frame.length < blocksAt) return undefined;
  return { blocksAt, contentBytes: contentBytes(view, sizeAt, sizeBytes), hasDictionary: dictionaryFlag !== 0 };
}

/** Frame_Content_Size (3.1.1.1.4). */
function contentBytes(view: DataView, at: number, bytes: number): number | undefined {
  if (bytes === 1) return view.getUint8(at);
  if (bytes === 2) return view.getUint16(at, true) + 256;
  return bytes === 4 ? view.getUint32(at, true) : undefined;
}
