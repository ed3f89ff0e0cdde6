import type { Budget } from './outbox.ts';

/** Batches deleted in one transaction at most, so that no commit waits long for a deletion. */
export const SLICE_BATCHES = 256;
/** Pages given back to the file system in one transaction at most: 1 MiB. */
const SLICE_PAGES = 256;
/** Free pages that are kept for the next batches whatever the size: 4 MiB. */
const MIN_SPARE_PAGES = 1024;
/** Free pages that are kept, as a share of those in use. */
const SPARE_SHARE = 1 / 8;
/** How far the file may grow beyond the budget by what was under way when it was reached. */
const HARD_LIMIT_SLACK_BYTES = 8 * 1024 * 1024;

/** What is deleted beyond need at once: 1 MiB, or a share of a small budget. */
const MAX_AHEAD_BYTES = 1024 * 1024;
const AHEAD_SHARE = 1 / 16;

/** How the file stands: counted in pages, which is all that SQLite knows of room. */
export interface Room {
  readonly pageBytes: number;
  readonly pages: number;
  /** Pages that hold nothing; the next batches go there. */
  readonly freePages: number;
}

export function bytesInUse({ pageBytes, pages, freePages }: Room): number {
  return (pages - freePages) * pageBytes;
}

/** Bytes by which the budget is exceeded once `incoming` bytes are stored; 0 when they fit. */
export function excessBytes(room: Room, budget: Budget, incoming: number): number {
  return Math.max(0, bytesInUse(room) + incoming - budget.maxBytes);
}

/** Undelivered data from this share of the budget on is taken for nearly all that there is room for. */
const TIGHT_SHARE = 7 / 8;

/** Whether those who may not lose anything should wait. `undelivered`: bytes in use, less those of delivered bodies. */
export function isTight(undelivered: number, budget: Budget): boolean {
  return undelivered > budget.maxBytes * TIGHT_SHARE;
}

/** The budget, less what the disk lacks: `free` are the bytes that are free on it, beside the file's own free pages. */
export function withinDisk(budget: Budget, { pageBytes, pages }: Room, free: number): Budget {
  const { minFreeDisk = 0 } = budget;
  return { ...budget, maxBytes: Math.max(0, Math.min(budget.maxBytes, pages * pageBytes + free - minFreeDisk)) };
}

/** Bytes of history to delete so that `incoming` bytes fit, and some more, so that not every commit has to delete. */
export function bytesToDelete(room: Room, budget: Budget, incoming: number): number {
  const excess = excessBytes(room, budget, incoming);
  return excess === 0 ? 0 : excess + Math.min(MAX_AHEAD_BYTES, budget.maxBytes * AHEAD_SHARE);
}

/** The page count beyond which an append is refused like on a full disk: the budget holds whatever the callers do. */
export function hardLimitPages(budget: Budget, pageBytes: number): number {
  return Math.ceil((budget.maxBytes + HARD_LIMIT_SLACK_BYTES) / pageBytes);
}

/**
 * Free pages to give back to the file system now. A spare is kept, because in the steady state what retention frees is
 * what the next commit fills, and each page given back costs the card a write.
 */
export function pagesToGiveBack({ pages, freePages }: Room): number {
  const spare = Math.max(MIN_SPARE_PAGES, Math.ceil((pages - freePages) * SPARE_SHARE));
  return Math.min(SLICE_PAGES, Math.max(0, freePages - spare));
}
