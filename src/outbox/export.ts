import { CONTRACT_VERSION, PAYLOAD_KEY } from '../wire/contract.ts';
import type { Archive, BatchFilter } from './archive.ts';
import { decodeBody } from './codec.ts';
import { laneOf } from './statements.ts';

/**
 * Lines of NDJSON, one batch each, in commit order: the envelope of the wire contract without tenant and gateway,
 * with `lane`, `stored`, `delivered` (milliseconds since the epoch; null: not yet) and, where a receiver refused it,
 * `refusals` and `reason`.
 * @throws Error when a body is damaged
 */
export function* exportLines(archive: Archive, filter: BatchFilter): Generator<string> {
  for (const row of archive.batches(filter)) {
    const { machine, kind, stream, seq, t0, storedAt, deliveredAt, refusals, holdReason, body, dictionary } = row;
    if (body === null) throw new Error(`batch ${machine} ${kind} ${seq} has lost its body`);
    const record = {
      v: CONTRACT_VERSION,
      machine,
      kind,
      stream,
      seq,
      t0,
      clock: row.synced === 1 ? 'synced' : 'unsynced',
      lane: laneOf(row.lane),
      stored: storedAt,
      delivered: deliveredAt,
      ...(refusals > 0 ? { refusals, reason: holdReason } : {}),
    };
    // The body is JSON already: it goes in as it was written, to the last digit.
    yield `${JSON.stringify(record).slice(0, -1)},"${PAYLOAD_KEY[kind]}":${decodeBody(body, dictionary)}}\n`;
  }
}
