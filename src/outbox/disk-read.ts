import { readSync } from 'node:fs';

/** What a disk reads at once: a bad sector costs so much. */
const BLOCK_BYTES = 4096;
/** How often a block is tried before it counts as unreadable. */
const TRIES = 3;

export interface ReadResult {
  /** Bytes that the file has there; what is behind its end reads as zeros. */
  readonly length: number;
  /** Whether the disk gave all of them; blocks that it did not give read as zeros. */
  readonly isWhole: boolean;
}

/** Fills a buffer from a place of a file, and goes on behind what the disk does not give. @throws what is not EIO */
export function readAround(handle: number, into: Uint8Array, at: number): ReadResult {
  let [done, isWhole, tries] = [0, true, 0];
  while (done < into.length) {
    try {
      // Where a bad block comes, the kernel gives what is before it.
      const length = readSync(handle, into, done, into.length - done, at + done);
      if (length === 0) break;
      done += length;
      tries = 0;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error;
      tries += 1;
      if (tries < TRIES) continue;
      const end = Math.min(into.length, done + BLOCK_BYTES - ((at + done) % BLOCK_BYTES));
      into.fill(0, done, end);
      [done, isWhole, tries] = [end, false, 0];
    }
  }
  into.fill(0, done);
  return { length: done, isWhole };
}
