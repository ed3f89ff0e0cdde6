import type { StoredBatch } from './outbox.ts';
import { LARGE_BODY_BYTES } from './rows.ts';

/** Free bytes on either side of a body: what an envelope takes, with the longest names that there may be, and more. */
const ROOM_BYTES = 1024;
/** What a claim of the forwarder needs at most, but for one with a body that is huge. */
const ARENA_BYTES = 1.5 * 2 ** 20;
/** Claims of less are live data, a few batches at a time. */
const LEASE_FROM_BYTES = 64 * 1024;
/** More than the forwarder has in hand at once. */
const MAX_ARENAS = 8;
/** Arenas that are kept for the next claim. What is let go is free only after both threads have collected garbage, which may be long. */
const MAX_FREE = 3;

/** Batches for another thread, and the memory that moves with them. */
export interface HandedOver {
  readonly value: StoredBatch[];
  readonly transfer?: readonly ArrayBuffer[];
}

/** Batches with their bodies and blocks in one buffer, which moves to another thread without being copied. */
export function handedOver(batches: readonly StoredBatch[]): HandedOver {
  const bytes = spaceOf(batches);
  if (bytes === 0) return { value: [...batches] };
  const arena = new Uint8Array(bytes);
  return { value: placed(batches, arena), transfer: [arena.buffer] };
}

/**
 * Hands over what may be much in memory that both threads see, and that is used again and again: in a drain V8 would otherwise count
 * megabytes of new buffers as a reason to collect all garbage, ten times a second, in both threads (docs/decisions/023-drain.md).
 */
export class Arenas {
  readonly #free: Uint8Array[] = [];
  readonly #leased = new Map<number, Uint8Array>();
  #lastLease = 0;

  /** With a lease, which is to be given back, where there is much of it and an arena is free; else as `handedOver`. */
  handOver(batches: readonly StoredBatch[]): HandedOver {
    const bytes = spaceOf(batches);
    const isFit = bytes >= LEASE_FROM_BYTES && bytes <= ARENA_BYTES && this.#leased.size < MAX_ARENAS;
    if (!isFit) return handedOver(batches);
    const arena = this.#free.pop() ?? new Uint8Array(new SharedArrayBuffer(ARENA_BYTES));
    this.#lastLease += 1;
    const lease = this.#lastLease;
    this.#leased.set(lease, arena);
    return { value: placed(batches, arena).map((batch) => ({ ...batch, lease })) };
  }

  /** Nobody reads what was handed over with this lease any more. */
  giveBack(lease: number): undefined {
    const arena = this.#leased.get(lease);
    if (arena === undefined) return;
    this.#leased.delete(lease);
    if (this.#free.length < MAX_FREE) this.#free.push(arena);
  }
}

function spaceOf(batches: readonly StoredBatch[]): number {
  return batches.reduce((sum, { body, blocks }) => {
    if (body === undefined) return sum;
    return sum + body.length + 2 * roomFor(body) + (blocks === undefined ? 0 : blocks.length + 2 * roomFor(body));
  }, 0);
}

/** The same batches with what they hold in an arena, and with room around bodies: an envelope is put around them where they lie. */
function placed(batches: readonly StoredBatch[], arena: Uint8Array): StoredBatch[] {
  let at = 0;
  const place = (bytes: Uint8Array, room: number) => {
    const copy = arena.subarray(at + room, at + room + bytes.length);
    copy.set(bytes);
    at += bytes.length + 2 * room;
    return copy;
  };
  return batches.map((batch): StoredBatch => {
    const { body, blocks } = batch;
    if (body === undefined) return batch;
    const room = roomFor(body);
    return { ...batch, body: place(body, room), blocks: blocks && place(blocks, room), room };
  });
}

function roomFor({ length }: Uint8Array): number {
  return length < LARGE_BODY_BYTES ? 0 : ROOM_BYTES;
}
