import { closeSync, fstatSync, openSync } from 'node:fs';
import { readAround } from './disk-read.ts';
import { PAGE_BYTES, transactionsOf, type WalTransaction } from './wal.ts';

/** Pages that are read at once. */
const CHUNK_PAGES = 256;
/** Pages that one page of the pointer map tells about (https://www.sqlite.org/fileformat2.html#pointer_map_or_ptrmap_pages). */
const MAPPED_PAGES = Math.floor(PAGE_BYTES / 5);
/** In the pointer map: a free page, and the first and the further ones of an overflow chain. */
const NO_TREE = [2, 3, 4];

/** The pages of a database file and its WAL, as far as the disk gives them; SQLite is not asked. */
export class PageFile implements Disposable {
  readonly #handle: number | undefined;
  readonly #wal: number | undefined;
  /** Where the newest sound version of a page is in the WAL. */
  readonly #inWal = new Map<number, number>();
  readonly #map = Buffer.alloc(PAGE_BYTES);
  #mapPage = 0;
  readonly pages: number;
  /** Whether the last transaction is damaged: whether it was ever acknowledged, and what else was in it, nobody knows. */
  isEndUnsure = false;

  /** @throws what the file system throws, but for a file that is not there */
  constructor(path: string) {
    this.#handle = openIfThere(path);
    this.#wal = openIfThere(`${path}-wal`);
    const inFile = this.#handle === undefined ? 0 : Math.ceil(fstatSync(this.#handle).size / PAGE_BYTES);
    // What is behind the end that the last transaction tells was given back, and is stale.
    this.pages = this.#wal === undefined ? inFile : this.#readWal(this.#wal, inFile);
  }

  [Symbol.dispose](): void {
    for (const handle of [this.#handle, this.#wal]) if (handle !== undefined) closeSync(handle);
  }

  /** Pages that may hold rows, ascending, from 1. The buffer is only good until the next one. */
  *treePages(): Generator<{ page: number; bytes: Buffer }> {
    const chunk = Buffer.alloc(CHUNK_PAGES * PAGE_BYTES);
    for (let first = 1; first <= this.pages; first += CHUNK_PAGES) {
      const isWhole = this.#read(this.#handle, chunk, (first - 1) * PAGE_BYTES);
      for (let page = first; page < first + CHUNK_PAGES && page <= this.pages; page++) {
        const bytes = chunk.subarray((page - first) * PAGE_BYTES, (page - first + 1) * PAGE_BYTES);
        if ((!isWhole || this.#inWal.has(page)) && !this.read(page, bytes)) continue;
        if (this.#mayHoldRows(page)) yield { page, bytes };
      }
    }
  }

  /** Reads a page into a buffer; false where the disk does not give it. */
  read(page: number, into: Buffer): boolean {
    const inWal = this.#inWal.get(page);
    if (inWal !== undefined && this.#read(this.#wal, into, inWal)) return true;
    return this.#read(this.#handle, into, (page - 1) * PAGE_BYTES);
  }

  /** Takes every transaction that ended, but for a last one that a power cut has torn. Gives the pages of the database then. */
  #readWal(wal: number, inFile: number): number {
    let pages = inFile;
    const take = ({ frames, pages: after }: WalTransaction) => {
      for (const { page, at } of frames) this.#inWal.set(page, at);
      pages = after ?? frames.reduce((most, { page }) => Math.max(most, page), pages);
    };
    let last: WalTransaction | undefined;
    for (const transaction of transactionsOf(wal)) {
      if (last !== undefined) take(last);
      last = transaction;
    }
    this.isEndUnsure = last?.isWhole === false;
    if (last?.mayBeTorn === false) take(last);
    return pages;
  }

  /** By the pointer map; what it does not tell is looked at. */
  #mayHoldRows(page: number): boolean {
    const mapPage = Math.floor((page - 2) / (MAPPED_PAGES + 1)) * (MAPPED_PAGES + 1) + 2;
    if (page < 3 || page === mapPage) return page === 1;
    if (mapPage !== this.#mapPage) {
      if (!this.read(mapPage, this.#map)) this.#map.fill(0);
      this.#mapPage = mapPage;
    }
    return !NO_TREE.includes(this.#map.readUInt8((page - mapPage - 1) * 5));
  }

  /** Whether the disk gave all of it; what is behind the end of the file reads as zeros. */
  #read(handle: number | undefined, into: Buffer, at: number): boolean {
    return handle !== undefined && readAround(handle, into, at).isWhole;
  }
}

function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}
