/** Joins them where `middle` lies, if it has so much room on either side: its bytes are not copied then. */
export function around(before: Buffer, middle: Uint8Array, after: Buffer, room: number): Buffer {
  if (Math.max(before.length, after.length) > room) return Buffer.concat([before, middle, after]);
  const size = before.length + middle.length + after.length;
  const joined = Buffer.from(middle.buffer, middle.byteOffset - before.length, size);
  joined.set(before);
  joined.set(after, before.length + middle.length);
  return joined;
}
