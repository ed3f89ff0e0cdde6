import { closeSync, fstatSync, openSync, readSync } from 'node:fs';

/** https://www.sqlite.org/fileformat2.html#the_write_ahead_log */
export const WAL_HEADER_BYTES = 32;
export const FRAME_HEADER_BYTES = 24;
/** Measured: 4 KiB needs the least room and the fewest bytes written for the usual bodies. Every outbox was made with it. */
export const PAGE_BYTES = 4096;
const FRAME_BYTES = FRAME_HEADER_BYTES + PAGE_BYTES;
/** Little-endian checksums, which all machines that the gateway runs on write. */
const MAGIC = 0x377f0682;
/** Where the words of both headers are. */
const SALT_WORD = 4;
const FRAME_SALT_WORD = 2;
const CHECKSUM_WORD = 6;
const FRAME_CHECKSUM_WORD = 4;

/** A page as a transaction wrote it. */
export interface Frame {
  /** From 1. */
  readonly page: number;
  /** Pages of the database, where it ends a transaction; else 0. */
  readonly commit: number;
  /** Of the page's bytes in the WAL. */
  readonly at: number;
  /** Whether its checksum holds, whatever is before it. */
  readonly isSound: boolean;
  /** Whether SQLite reads it: everything before it is sound, too. */
  readonly isReached: boolean;
}

/** The frames of a WAL since it was begun anew, in the order in which they were written; what an older round left is passed over. */
export function* framesOf(handle: number): Generator<Frame> {
  const header = new Uint32Array(WAL_HEADER_BYTES / 4);
  if (readSync(handle, header, 0, WAL_HEADER_BYTES, 0) < WAL_HEADER_BYTES) return;
  const frame = new Uint32Array(FRAME_BYTES / 4);
  const count = Math.floor((fstatSync(handle).size - WAL_HEADER_BYTES) / FRAME_BYTES);
  const isHeaderSound = big(header[0]) === MAGIC && agrees(header, 0, 6, [0, 0], CHECKSUM_WORD);
  let salts = header.slice(SALT_WORD, SALT_WORD + 2);
  let before: readonly [number, number] = [big(header[CHECKSUM_WORD]), big(header[CHECKSUM_WORD + 1])];
  let isReached = isHeaderSound;
  for (let i = 0; i < count; i++) {
    const start = WAL_HEADER_BYTES + i * FRAME_BYTES;
    if (readSync(handle, frame, 0, FRAME_BYTES, start) < FRAME_BYTES) return;
    // Where the header is damaged, the first frame tells which round it is.
    if (i === 0 && !isHeaderSound) salts = frame.slice(FRAME_SALT_WORD, FRAME_SALT_WORD + 2);
    const page = big(frame[0]);
    const isOfRound = frame[FRAME_SALT_WORD] === salts[0] && frame[FRAME_SALT_WORD + 1] === salts[1];
    const isSound = isOfRound && page > 0 && frameAgrees(frame, before);
    isReached &&= isSound;
    if (isOfRound) yield { page, commit: big(frame[1]), at: start + FRAME_HEADER_BYTES, isSound, isReached };
    before = [big(frame[FRAME_CHECKSUM_WORD]), big(frame[FRAME_CHECKSUM_WORD + 1])];
  }
}

/**
 * Whether a WAL has more than one transaction from a damaged place on. SQLite would pass over them without a word. The
 * last one may look like that after a power cut; the one before it was on the disk by then.
 */
export function isWalDamaged(path: string): boolean {
  let handle: number;
  try {
    handle = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  try {
    let passedOver = 0;
    for (const { isReached, commit } of framesOf(handle)) {
      if (!isReached && commit > 0) passedOver += 1;
      if (passedOver > 1) return true;
    }
    return false;
  } finally {
    closeSync(handle);
  }
}

function frameAgrees(frame: Uint32Array, before: readonly [number, number]): boolean {
  const head = checksum(frame, 0, 2, before);
  const sums = checksum(frame, FRAME_HEADER_BYTES / 4, FRAME_BYTES / 4, head);
  return sums[0] === big(frame[FRAME_CHECKSUM_WORD]) && sums[1] === big(frame[FRAME_CHECKSUM_WORD + 1]);
}

function agrees(words: Uint32Array, from: number, to: number, before: readonly [number, number], at: number): boolean {
  const sums = checksum(words, from, to, before);
  return sums[0] === big(words[at]) && sums[1] === big(words[at + 1]);
}

function checksum(words: Uint32Array, from: number, to: number, [a, b]: readonly [number, number]): [number, number] {
  let [s0, s1] = [a, b];
  for (let i = from; i < to; i += 2) {
    s0 = (s0 + (words[i] as number) + s1) >>> 0;
    s1 = (s1 + (words[i + 1] as number) + s0) >>> 0;
  }
  return [s0, s1];
}

/** A big-endian word that was read as a little-endian one. */
function big(word: number | undefined): number {
  const w = word ?? 0;
  return (((w & 0xff) << 24) | ((w & 0xff00) << 8) | ((w >>> 8) & 0xff00) | (w >>> 24)) >>> 0;
}
