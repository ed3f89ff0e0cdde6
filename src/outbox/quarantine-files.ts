import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { codeOf } from '../errors.ts';
import { DATABASE_FILE } from './database.ts';

const FOLDER = 'quarantine';
/** Damaged databases that are kept. */
const KEPT = 3;
/** Written when a running gateway finds its database damaged: the next start sets it aside. */
const MARKER = 'outbox.damaged';
/** Says what is being set aside, and of what not everything was taken over yet: a kill at any moment loses nothing. */
const PENDING_FILE = 'outbox.salvage';
const FOLDER_MODE = 0o750;
/** The database goes last: until it is gone, nobody takes the folder for one without an outbox. */
const ENDINGS = ['-shm', '-wal', ''] as const;

interface Pending {
  /** The folder that the files are on their way to. */
  readonly moving?: string | undefined;
  /** Folders to take over, oldest first. */
  readonly folders: readonly string[];
}

/** Remembers that the database is damaged. */
export function markDamaged(dataDir: string, why: string): void {
  try {
    writeFileSync(join(dataDir, MARKER), `${why}\n`);
  } catch {
    // A disk that does not even take this tells more than the damage; the next start finds that by itself.
  }
}

/** Whether a running gateway has found it damaged. */
export function isMarkedDamaged(dataDir: string): boolean {
  return existsSync(join(dataDir, MARKER));
}

/**
 * Moves the database with its WAL into a folder of its own, which is pending until `finishOldest`. Nothing may have it open.
 * A kill in between is made good by `resume`. @throws what the file system throws
 */
export function setAside(dataDir: string, now: number): void {
  const moving = newName(dataDir, now);
  const { folders } = pendingIn(dataDir);
  mkdirSync(join(dataDir, FOLDER, moving), { recursive: true, mode: FOLDER_MODE });
  sync(join(dataDir, FOLDER));
  savePending(dataDir, { moving, folders });
  resume(dataDir);
}

/** Goes on with what a kill has interrupted. To be called before the database is opened. */
export function resume(dataDir: string): void {
  const { moving, folders } = pendingIn(dataDir);
  if (moving === undefined) return;
  const folder = join(dataDir, FOLDER, moving);
  for (const name of ENDINGS.map((ending) => `${DATABASE_FILE}${ending}`)) {
    if (existsSync(join(dataDir, name))) renameSync(join(dataDir, name), join(folder, name));
  }
  rmSync(join(dataDir, MARKER), { force: true });
  sync(folder);
  savePending(dataDir, { folders: [...folders, moving] });
}

/** Damaged databases that were not wholly taken over yet, oldest first. */
export function pendingFiles(dataDir: string): string[] {
  return pendingIn(dataDir).folders.map((name) => join(dataDir, FOLDER, name, DATABASE_FILE));
}

/** The oldest pending one is done with. */
export function finishOldest(dataDir: string): void {
  const [, ...folders] = pendingIn(dataDir).folders;
  savePending(dataDir, { folders });
}

/** Deletes all but the newest `kept` that are not pending, and gives their names. */
export function prune(dataDir: string, kept = KEPT): string[] {
  const { folders } = pendingIn(dataDir);
  const done = foldersIn(dataDir).filter((name) => !folders.includes(name));
  const old = done.slice(0, Math.max(0, done.length + folders.length - kept));
  for (const name of old) rmSync(join(dataDir, FOLDER, name), { recursive: true, force: true });
  return old;
}

/** Ascending. */
function foldersIn(dataDir: string): string[] {
  return existsSync(join(dataDir, FOLDER)) ? readdirSync(join(dataDir, FOLDER)).toSorted() : [];
}

/** The time, or just behind the newest: names rise also where the clock was not set yet, or was set back. */
function newName(dataDir: string, now: number): string {
  const newest = foldersIn(dataDir)
    .map((name) => Date.parse(name.replace(/T(\d\d)(\d\d)/, 'T$1:$2:')))
    .filter((time) => !Number.isNaN(time));
  return new Date(Math.max(now, ...newest.map((time) => time + 1))).toISOString().replaceAll(':', '');
}

function pendingIn(dataDir: string): Pending {
  const path = join(dataDir, PENDING_FILE);
  if (!existsSync(path)) return { folders: [] };
  try {
    const { moving, folders } = JSON.parse(readFileSync(path, 'utf8')) as Pending;
    return { moving, folders: folders.filter((name) => existsSync(join(dataDir, FOLDER, name))) };
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof TypeError || codeOf(error) === 'EIO')) throw error;
    // It is damaged itself: what was taken over already is not taken twice.
    return { folders: foldersIn(dataDir) };
  }
}

function savePending(dataDir: string, pending: Pending): void {
  const path = join(dataDir, PENDING_FILE);
  if (pending.moving === undefined && pending.folders.length === 0) rmSync(path, { force: true });
  else {
    writeFileSync(`${path}.new`, JSON.stringify(pending), { flush: true });
    renameSync(`${path}.new`, path);
  }
  sync(dataDir);
}

function sync(folder: string): void {
  const handle = openSync(folder, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}
