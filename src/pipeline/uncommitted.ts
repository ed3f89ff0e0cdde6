import type { Append } from '../outbox/outbox.ts';

/** Of all machines together: the outbox commits one half of it while the other comes in. */
const MAX_BYTES = 8 * 1024 * 1024;
/** What a machine may have whatever the others do: more than a full batch, so that none waits for another. */
const OWN_BYTES = 128 * 1024;

/** What an append takes beside its text, and the state of engines where it carries one, about. */
const APPEND_BYTES = 1024;
const STATE_BYTES = 64 * 1024;

/**
 * Bounds what was handed to the outbox and is not committed yet: a machine is no longer pulled while all have too much together and it has
 * more than its own share. So a machine that catches up alone keeps the disk busy, and two hundred of them take no more memory than
 * 8 MiB and 128 KiB each.
 */
export class Uncommitted {
  #bytes = 0;

  /** Whether a machine waits that has handed over so many bytes. */
  isFull(own: number): boolean {
    return own >= OWN_BYTES && this.#bytes >= MAX_BYTES;
  }

  /** @param bytes negative once they are committed */
  add(bytes: number): void {
    this.#bytes += bytes;
  }
}

/** About the memory that an append takes until it is committed. */
export function weightOf({ batches, state }: Append): number {
  const text = batches.reduce((sum, { body }) => sum + body.length, 0);
  return APPEND_BYTES + text + (state === undefined ? 0 : STATE_BYTES);
}
