import { utf8 } from '../utf8.ts';
import { dictionaryOf } from './codec.ts';
import type { DictionaryTexts } from './dictionary-texts.ts';
import { damage } from './disk-faults.ts';
import { type StoredBatch, sizeOf } from './outbox.ts';
import { type BatchRow, laneOf } from './statements.ts';
import { blocksOf } from './zstd-blocks.ts';

/**
 * A body from this size on may be sent as it is compressed, since what its envelope takes uncompressed counts little then, and is not copied for it, which
 * for a smaller one costs little.
 */
export const LARGE_BODY_BYTES = 4096;

/** Rows until what was read has `maxBytes`; one at least. */
export function batchesOf(rows: Iterable<BatchRow>, maxBytes: number, texts: DictionaryTexts): StoredBatch[] {
  const batches: StoredBatch[] = [];
  let bytes = 0;
  for (const row of rows) {
    const batch = storedBatch(row, texts);
    bytes += sizeOf(batch);
    if (batches.length > 0 && bytes > maxBytes) break;
    batches.push(batch);
  }
  return batches;
}

/** The JSON text of a stored body; undefined where it is damaged or missing. */
export function textOf(stored: Uint8Array | null, texts: DictionaryTexts): string | undefined {
  const body = stored === null ? undefined : texts.read(stored);
  return body && utf8(body);
}

/** @throws SQLite's error of a damaged database where the body is missing */
export function storedBatch(row: BatchRow, texts: DictionaryTexts): StoredBatch {
  const { id, machine, kind, stream, seq, t0, count, bytes, storedAt, refusals, body: stored, synced } = row;
  if (stored === null) throw damage(`batch ${id} has lost its body`);
  const clock = synced === 1 ? 'synced' : 'unsynced';
  const lane = laneOf(row.lane);
  const body = texts.read(stored);
  const isLarge = body !== undefined && body.length >= LARGE_BODY_BYTES;
  const blocks = isLarge && dictionaryOf(stored) === undefined ? blocksOf(stored) : undefined;
  return { id, machine, kind, stream, seq, lane, t0, count, clock, body, blocks, bytes, storedAt, refusals };
}
