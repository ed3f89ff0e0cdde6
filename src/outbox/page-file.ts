import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { framesOf, PAGE_BYTES } from './wal.ts';

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

  /** @throws what the file system throws, but for a file that is not there */
  constructor(path: string) {
    this.#handle = openIfThere(path);
    this.#wal = openIfThere(`${path}-wal`);
    const committed = this.#wal === undefined ? undefined : this.#readWal(this.#wal);
    const inFile = this.#handle === undefined ? 0 : Math.ceil(fstatSync(this.#handle).size / PAGE_BYTES);
    // What is behind the end that the last transaction tells was given back, and is stale.
    this.pages = committed ?? inFile;
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

  /** Transactions up to the last that ended; what is damaged in between is left out. Gives the pages of the database then. */
  #readWal(wal: number): number | undefined {
    let pages: number | undefined;
    const open = new Map<number, number>();
    for (const { page, commit, at, isSound } of framesOf(wal)) {
      if (!isSound) continue;
      open.set(page, at);
      if (commit === 0) continue;
      for (const [written, where] of open) this.#inWal.set(written, where);
      open.clear();
      pages = commit;
    }
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

  /** Whether the whole buffer was read; what is behind the end of the file reads as zeros. */
  #read(handle: number | undefined, into: Buffer, at: number): boolean {
    if (handle === undefined) return false;
    try {
      const length = readSync(handle, into, 0, into.length, at);
      into.fill(0, length);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EIO') throw error;
      return false;
    }
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
