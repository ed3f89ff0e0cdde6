import type { StoredBatch } from './outbox.ts';

/** Free bytes on either side of a body: what an envelope takes, with the longest names that there may be, and more. */
export const ROOM_BYTES = 1024;

/**
 * Batches with their bodies and frames in one buffer, which moves to another thread without being copied: one for many, because
 * the garbage collector counts each. Around each body there is room, so that an envelope is put around it where it lies.
 */
export function handedOver(batches: readonly StoredBatch[]): { value: StoredBatch[]; transfer: ArrayBuffer[] } {
  const size = batches.reduce(
    (sum, { body, frame }) => sum + (body === undefined ? 0 : body.length + 2 * ROOM_BYTES) + (frame?.length ?? 0),
    0,
  );
  if (size === 0) return { value: [...batches], transfer: [] };
  const arena = new Uint8Array(size);
  let at = 0;
  const place = (bytes: Uint8Array, room: number) => {
    const placed = arena.subarray(at + room, at + room + bytes.length);
    placed.set(bytes);
    at += bytes.length + 2 * room;
    return placed;
  };
  const value = batches.map((batch): StoredBatch => {
    const body = batch.body && place(batch.body, ROOM_BYTES);
    return { ...batch, body, room: ROOM_BYTES, frame: batch.frame && place(batch.frame, 0) };
  });
  return { value, transfer: [arena.buffer] };
}
