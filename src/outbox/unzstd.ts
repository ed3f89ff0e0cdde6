import { zstdDecompressSync } from 'node:zlib';
import { ZSTDDecoder } from 'zstddec';

/** No body comes near: a stored body that claims more is damaged, and must not take the memory. */
export const MAX_BYTES = 64 * 2 ** 20;
/** What may grow the memory of WebAssembly, which never shrinks. */
const MAX_WASM_BYTES = 2 ** 20;
const MAGIC = 0xfd2fb528;

/** One for a thread, as it is in the library. */
const decoder = new ZSTDDecoder();
let isLoaded = false;

/**
 * Makes `unzstd` decode in WebAssembly from now on in this thread, which must not `fetch`. It is not faster at a body, but Node.js makes a stream
 * with a native context for each, and the garbage of these had V8 collect everything ten times a second in a drain (docs/decisions/023-drain.md).
 */
export async function loadUnzstd(): Promise<void> {
  if (isLoaded) return;
  // The library would fetch its own code from a data: URL, for which Node.js loads 22 MB of an HTTP client.
  Reflect.deleteProperty(globalThis, 'fetch');
  await decoder.init();
  isLoaded = true;
}

/**
 * The content of a zstd frame.
 * @throws Error when it is damaged, or claims to be larger than any body
 */
export function unzstd(frame: Uint8Array): Uint8Array {
  const size = isLoaded ? contentSize(frame) : undefined;
  if (size === undefined || size === 0 || size > MAX_WASM_BYTES) {
    return zstdDecompressSync(frame, { maxOutputLength: MAX_BYTES });
  }
  const content = decoder.decode(frame, size);
  // It tells no errors: of a frame that is damaged it gives nothing.
  if (content.length !== size) throw new Error('the zstd frame is damaged');
  return content;
}

/** Frame_Content_Size (RFC 8878, 3.1.1.1.4) of a frame below 4 GiB that tells it and uses no dictionary; else undefined. */
function contentSize(frame: Uint8Array): number | undefined {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < 18 || view.getUint32(0, true) !== MAGIC) return undefined;
  const descriptor = view.getUint8(4);
  const isSingleSegment = (descriptor & 0b10_0000) !== 0;
  if ((descriptor & 0b11) !== 0) return undefined;
  const at = isSingleSegment ? 5 : 6;
  switch (descriptor >> 6) {
    case 0:
      return isSingleSegment ? view.getUint8(at) : undefined;
    case 1:
      return view.getUint16(at, true) + 256;
    case 2:
      return view.getUint32(at, true);
    default:
      return undefined;
  }
}
