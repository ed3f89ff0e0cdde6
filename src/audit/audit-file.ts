import { type FileHandle, open, readdir, rename, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { parseLine } from './entry.ts';

const FILE = 'audit.ndjson';
const OLD_FILE = /^audit-(\d+)\.ndjson$/;
/** Owner and group of the data folder read it. */
const MODE = 0o640;
/** Files before the one that is written: `audit-1.ndjson` is the youngest of them. */
const KEPT = 4;
/** Read to find the last line, which is shorter; where it is not there, everything is read. */
const TAIL_BYTES = 64 * 1024;

/** How a file ends. */
export interface Tail {
  readonly size: number;
  /** Hash of its last whole line; undefined: it has none. */
  readonly hash: string | undefined;
  /** Bytes after the end of that line: a line that was torn. */
  readonly torn: number;
}

/** The audit files of a data folder, oldest first; those that are not there are left out. */
export async function auditFiles(dataDir: string): Promise<string[]> {
  const names = await readdir(dataDir);
  const old = names
    .flatMap((name) => (OLD_FILE.test(name) ? [{ name, age: Number(OLD_FILE.exec(name)?.[1]) }] : []))
    .sort((a, b) => b.age - a.age)
    .map(({ name }) => name);
  return [...old, ...(names.includes(FILE) ? [FILE] : [])].map((name) => join(dataDir, name));
}

/**
 * Opens the file for one line at its end. Several processes may: the kernel puts each write behind the others (O_APPEND,
 * open(2)). What root makes beside a gateway of another user is given to that user: it has to write there, too.
 */
export async function openAudit(dataDir: string): Promise<FileHandle> {
  const file = await open(join(dataDir, FILE), 'a+', MODE);
  if (process.getuid?.() === 0 && (await file.stat()).size === 0) {
    const { uid, gid } = await stat(dataDir);
    await file.chown(uid, gid);
  }
  return file;
}

/** How a file ends. @throws what the file system throws */
export async function tailOf(file: FileHandle, most = TAIL_BYTES): Promise<Tail> {
  const { size } = await file.stat();
  const from = Math.max(0, size - most);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(size - from), 0, undefined, from);
  const end = buffer.subarray(0, bytesRead).lastIndexOf('\n') + 1;
  const lines = buffer.subarray(0, end).toString().split('\n').reverse();
  const last = lines.map(parseLine).find((line) => line !== undefined);
  if (last === undefined && from > 0) return tailOf(file, size);
  return { size, hash: last?.hash, torn: bytesRead - end };
}

/** Hash of the newest line of the older files; undefined: there is none. @throws what the file system throws */
export async function newestOfOlder(dataDir: string): Promise<string | undefined> {
  for (const path of (await auditFiles(dataDir)).reverse()) {
    await using file = await open(path, 'r');
    const { hash } = await tailOf(file);
    if (hash !== undefined) return hash;
  }
  return undefined;
}

/**
 * Moves the files one place on, up to the first place that is free; where none is, the oldest goes. A kill in between
 * leaves a place free, and loses nothing.
 */
export async function rotate(dataDir: string): Promise<void> {
  const files = await auditFiles(dataDir);
  const place = (n: number) => join(dataDir, n === 0 ? FILE : `audit-${n}.ndjson`);
  let free = 1;
  while (free < KEPT && files.includes(place(free))) free += 1;
  for (let n = free - 1; n >= 0; n--) await rename(place(n), place(n + 1));
}

/** Whether lines before those of these files may have gone by rotation. */
export function isFull(files: readonly string[]): boolean {
  return files.some((file) => basename(file) === `audit-${KEPT}.ndjson`);
}
