/** The text of bytes that are UTF-8, wherever they lie; nothing is copied before. */
export function utf8({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString();
}
