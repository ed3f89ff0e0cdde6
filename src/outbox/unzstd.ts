import { zstdDecompressSync } from 'node:zlib';
import { ZSTDDecoder } from 'zstddec';
import { zstdHeader } from '../zstd-header.ts';

/** No body comes near: a stored body that claims more is damaged, and must not take the memory. */
export const MAX_BYTES = 64 * 2 ** 20;
/** What may grow the memory of WebAssembly, which never shrinks. */
const MAX_WASM_BYTES = 2 ** 20;

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
  const header = isLoaded ? zstdHeader(frame) : undefined;
  const size = header?.contentBytes ?? 0;
  if (header?.hasDictionary === true || size === 0 || size > MAX_WASM_BYTES) {
    return zstdDecompressSync(frame, { maxOutputLength: MAX_BYTES });
  }
  const content = decoder.decode(frame, size);
  // It tells no errors: of a frame that is damaged it gives nothing.
  if (content.length !== size) throw new Error('the zstd frame is damaged');
  return content;
}
