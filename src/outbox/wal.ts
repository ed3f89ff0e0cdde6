import { closeSync, fstatSync, openSync } from 'node:fs';
import { readAround } from './disk-read.ts';

/** https://www.sqlite.org/fileformat2.html#the_write_ahead_log */
const WAL_HEADER_BYTES = 32;
const FRAME_HEADER_BYTES = 24;
/** Measured: 4 KiB needs the least room and the fewest bytes written for the usual bodies. Every outbox was made with it. */
export const PAGE_BYTES = 4096;
const FRAME_BYTES = FRAME_HEADER_BYTES + PAGE_BYTES;
/** Little-endian checksums, which all machines that the gateway runs on write. */
const MAGIC = 0x377f0682;
/** Where the words of both headers are. */
const SALT_WORD = 4;
const FRAME_SALT_WORD = 2;
const CHECKSUM_WORD = 6;
const FRAME_SUMS_WORD = 4;

/** A page as a transaction wrote it. */
export interface Frame {
  /** From 1. */
  readonly page: number;
  /** Pages of the database, where it ends a transaction; else 0. */
  readonly commit: number;
  /** Of the page's bytes in the WAL. */
  readonly at: number;
  /** Whether the disk gave it. */
  readonly isRead: boolean;
  /** Whether its checksum holds, whatever is before it. */
  readonly isSound: boolean;
  /** Whether SQLite reads it: everything before it is sound, too. */
  readonly isReached: boolean;
}

/** A transaction of a WAL. */
export interface WalTransaction {
  /** Those that are sound, in the order in which they were written. */
  readonly frames: readonly Frame[];
  /** Pages of the database behind it; undefined where that is damaged. */
  readonly pages: number | undefined;
  /** Whether all of its frames are sound, as far as one can tell. */
  readonly isWhole: boolean;
  /** Whether SQLite reads it. */
  readonly isReached: boolean;
  /** Whether a power cut at its end may have made what is damaged of it, so that it was never acknowledged. */
  readonly mayBeTorn: boolean;
}

type Sums = readonly [number, number];

/** A header or a frame's header, and what follows from it. */
interface Head {
  readonly isSound: boolean;
  readonly salts: Sums;
}

/** The transactions of a WAL since it was begun anew, in the order in which they were written. */
export function* transactionsOf(handle: number): Generator<WalTransaction> {
  const head = headOf(handle);
  if (head === undefined) return;
  let [frames, isWhole, mayBeTorn] = [[] as Frame[], true, head.isSound];
  const pages = new Set<number>();
  for (const frame of framesOf(handle, head)) {
    const { page, commit, isRead, isSound, isReached } = frame;
    isWhole &&= isSound;
    mayBeTorn &&= isRead;
    if (isSound) {
      // A transaction writes each page once: the end of the one before it was damaged.
      mayBeTorn &&= !pages.has(page);
      pages.add(page);
      frames.push(frame);
    }
    if (commit === 0) continue;
    yield { frames, pages: isSound ? commit : undefined, isWhole, isReached, mayBeTorn: mayBeTorn && !isWhole };
    // The header was on the disk before the first frame was written.
    [frames, isWhole, mayBeTorn] = [[], true, head.isSound];
    pages.clear();
  }
}

/** Undefined where there is no frame. */
function headOf(handle: number): Head | undefined {
  const header = new Uint32Array(WAL_HEADER_BYTES / 4);
  const { length } = readAround(handle, bytesOf(header), 0);
  if (length < WAL_HEADER_BYTES || frameCount(handle) === 0) return undefined;
  const sums = checksum(header, 0, CHECKSUM_WORD, [0, 0]);
  const isSound = big(header[0]) === MAGIC && isSame(sums, sumsIn(header, CHECKSUM_WORD));
  return { isSound, salts: isSound ? saltsIn(header, SALT_WORD) : saltsOfFrames(handle) };
}

/** The salts of the first frame that the one behind it agrees with: they tell the round where the header does not. */
function saltsOfFrames(handle: number): Sums {
  const frame = new Uint32Array(FRAME_BYTES / 4);
  let before: Sums = [0, 0];
  let salts: Sums | undefined;
  for (let i = 0; i < frameCount(handle); i++) {
    readAround(handle, bytesOf(frame), startOf(i));
    const own = saltsIn(frame, FRAME_SALT_WORD);
    if (salts !== undefined && isSame(own, salts) && isSame(sumsOf(frame, before), sumsIn(frame, FRAME_SUMS_WORD))) {
      return salts;
    }
    [salts, before] = [own, sumsIn(frame, FRAME_SUMS_WORD)];
  }
  readAround(handle, bytesOf(frame), startOf(0));
  return saltsIn(frame, FRAME_SALT_WORD);
}

/** What an older round left is passed over. */
function* framesOf(handle: number, head: Head): Generator<Frame> {
  const header = new Uint32Array(WAL_HEADER_BYTES / 4);
  readAround(handle, bytesOf(header), 0);
  const frame = new Uint32Array(FRAME_BYTES / 4);
  // Where one of them is damaged, the other tells what the next frame goes on from.
  let before = [sumsIn(header, CHECKSUM_WORD), checksum(header, 0, CHECKSUM_WORD, [0, 0])];
  let [isReached, isOfRound] = [head.isSound, true];
  for (let i = 0; i < frameCount(handle); i++) {
    const { isWhole: isRead } = readAround(handle, bytesOf(frame), startOf(i));
    const [page, stored] = [big(frame[0]), sumsIn(frame, FRAME_SUMS_WORD)];
    const sums = before.map((each) => sumsOf(frame, each));
    const goesOn = isOfRound && sums.some((each) => isSame(each, stored));
    const hasSalts = isSame(saltsIn(frame, FRAME_SALT_WORD), head.salts);
    isOfRound = goesOn || hasSalts;
    const isSound = page > 0 && sums.some((each) => isSame(each, stored)) && isOfRound;
    isReached &&= isSound && hasSalts;
    const at = startOf(i) + FRAME_HEADER_BYTES;
    if (isOfRound || !isRead) yield { page, commit: big(frame[1]), at, isRead, isSound, isReached };
    before = isSound ? [stored] : [stored, ...sums.slice(0, 1)];
  }
}

/**
 * Whether transactions that were acknowledged lie behind a damaged place of a WAL: SQLite passes over them without a word.
 * The last one may look damaged after a power cut; the one before it was on the disk by then.
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
    for (const { isReached, mayBeTorn } of transactionsOf(handle)) {
      if (!isReached) passedOver += 1;
      if (passedOver > 1 || (passedOver === 1 && !mayBeTorn)) return true;
    }
    return false;
  } finally {
    closeSync(handle);
  }
}

function startOf(frame: number): number {
  return WAL_HEADER_BYTES + frame * FRAME_BYTES;
}

function frameCount(handle: number): number {
  return Math.max(0, Math.floor((fstatSync(handle).size - WAL_HEADER_BYTES) / FRAME_BYTES));
}

/** The checksum of a frame, in whose header its own is left out. */
function sumsOf(frame: Uint32Array, before: Sums): Sums {
  return checksum(frame, FRAME_HEADER_BYTES / 4, FRAME_BYTES / 4, checksum(frame, 0, 2, before));
}

function checksum(words: Uint32Array, from: number, to: number, [a, b]: Sums): Sums {
  let [s0, s1] = [a, b];
  for (let i = from; i < to; i += 2) {
    s0 = (s0 + (words[i] as number) + s1) >>> 0;
    s1 = (s1 + (words[i + 1] as number) + s0) >>> 0;
  }
  return [s0, s1];
}

function sumsIn(words: Uint32Array, at: number): Sums {
  return [big(words[at]), big(words[at + 1])];
}

function saltsIn(words: Uint32Array, at: number): Sums {
  return [words[at] ?? 0, words[at + 1] ?? 0];
}

function isSame(a: Sums, b: Sums): boolean {
  return a[0] === b[0] && a[1] === b[1];
}

function bytesOf(words: Uint32Array): Uint8Array {
  return new Uint8Array(words.buffer);
}

/** A big-endian word that was read as a little-endian one. */
function big(word: number | undefined): number {
  const w = word ?? 0;
  return (((w & 0xff) << 24) | ((w & 0xff00) << 8) | ((w >>> 8) & 0xff00) | (w >>> 24)) >>> 0;
}
