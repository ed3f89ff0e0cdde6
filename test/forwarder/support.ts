import type { StoredBatch } from '../../src/outbox/outbox.ts';

/** Batches with these ids, whose bodies have 10 bytes. */
export function stored(...ids: number[]): StoredBatch[] {
  return ids.map((id) => ({
    id,
    machine: 'm',
    kind: 'telemetry',
    stream: 's',
    seq: id,
    lane: 'live',
    t0: 0,
    count: 1,
    clock: 'synced',
    body: Buffer.alloc(10),
    blocks: undefined,
    bytes: 5,
    storedAt: 0,
    refusals: 0,
  }));
}
