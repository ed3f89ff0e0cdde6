import { readBody } from './codec.ts';
import { damage } from './disk-faults.ts';
import { type StoredBatch, sizeOf } from './outbox.ts';
import { type BatchRow, laneOf } from './statements.ts';

/** Rows until what was read has `maxBytes`; one at least. */
export function batchesOf(rows: Iterable<BatchRow>, maxBytes: number): StoredBatch[] {
  const batches: StoredBatch[] = [];
  let bytes = 0;
  for (const row of rows) {
    const batch = storedBatch(row);
    bytes += sizeOf(batch);
    if (batches.length > 0 && bytes > maxBytes) break;
    batches.push(batch);
  }
  return batches;
}

/** @throws SQLite's error of a damaged database where the body is missing */
export function storedBatch(row: BatchRow): StoredBatch {
  const { id, machine, kind, stream, seq, t0, count, bytes, storedAt, refusals, body: frame, synced } = row;
  if (frame === null) throw damage(`batch ${id} has lost its body`);
  const clock = synced === 1 ? 'synced' : 'unsynced';
  const lane = laneOf(row.lane);
  const body = readBody(frame);
  return { id, machine, kind, stream, seq, lane, t0, count, clock, body, frame, bytes, storedAt, refusals };
}
