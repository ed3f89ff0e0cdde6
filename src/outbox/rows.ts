import { damage } from './disk-faults.ts';
import type { StoredBatch } from './outbox.ts';
import { type BatchRow, laneOf } from './statements.ts';

/** Rows until their bodies have `maxBytes`; one at least. */
export function batchesOf(rows: Iterable<BatchRow>, maxBytes: number): StoredBatch[] {
  const batches: StoredBatch[] = [];
  let bytes = 0;
  for (const row of rows) {
    const batch = storedBatch(row);
    bytes += batch.body.length;
    if (batches.length > 0 && bytes > maxBytes) break;
    batches.push(batch);
  }
  return batches;
}

/** @throws SQLite's error of a damaged database where the body is missing */
export function storedBatch(row: BatchRow): StoredBatch {
  const { id, machine, kind, stream, seq, t0, count, storedAt, refusals, body, synced } = row;
  if (body === null) throw damage(`batch ${id} has lost its body`);
  const clock = synced === 1 ? 'synced' : 'unsynced';
  return { id, machine, kind, stream, seq, lane: laneOf(row.lane), t0, count, clock, body, storedAt, refusals };
}
