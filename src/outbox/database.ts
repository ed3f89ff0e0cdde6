import { randomBytes } from 'node:crypto';
import { accessSync, constants, mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import SqliteDatabase, { type Database } from 'better-sqlite3';
import { codeOf, Fault } from '../errors.ts';
import { openFault } from './disk-faults.ts';
import { checkIdentity, migrate } from './migrations.ts';

export const DATABASE_FILE = 'outbox.db';
const LOCK_FILE = 'lock.db';

/** Only the gateway and its group read what the machines said. */
const FOLDER_MODE = 0o750;
/** How long a start waits for a gateway that is just ending. */
const LOCK_WAIT_MS = 1000;
/** Only a foreign tool can hold the database itself; the commit is tried again anyhow. */
const BUSY_WAIT_MS = 250;

/** Measured: 4 KiB needs the least room and the fewest bytes written for the usual bodies. */
const PAGE_BYTES = 4096;
const CACHE_KIB = 2048;
/** Pages in the WAL after which a commit also moves them into the database, about 4 MiB. */
const CHECKPOINT_PAGES = 1000;
/** What the WAL file is cut back to when a slow reader made it grow. */
const WAL_LIMIT_BYTES = 8 * 1024 * 1024;

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const STREAM_CHARACTERS = 16;

/** The two files of a running gateway. */
export interface Files {
  readonly db: Database;
  /** Its exclusive transaction keeps other gateways out until the process ends, however it ends. */
  readonly lock: Database;
}

/**
 * Opens the outbox of a folder for writing, making both where they are missing, and brings its schema up to date.
 * @throws Fault of the config when only a person can mend it, of the disk when the disk refuses or the file is damaged
 */
export function openForWriting(dataDir: string, now: number): Files {
  const opened: Database[] = [];
  const open = (file: string, timeout: number) => {
    const db = new SqliteDatabase(join(dataDir, file), { timeout });
    opened.push(db);
    return db;
  };
  try {
    makeFolder(dataDir);
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
    const lock = open(LOCK_FILE, LOCK_WAIT_MS);
    takeLock(lock, dataDir);
    const db = open(DATABASE_FILE, BUSY_WAIT_MS);
    checkIdentity(db, join(dataDir, DATABASE_FILE));
    // Page size and auto_vacuum take effect in a file that has no page yet, so they come before the journal mode.
    db.pragma(`page_size = ${PAGE_BYTES}`);
    db.pragma('auto_vacuum = INCREMENTAL');
    db.pragma('journal_mode = WAL');
    // better-sqlite3 is built with NORMAL under WAL, which may lose the last commits in a power cut.
    db.pragma('synchronous = FULL');
    db.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
    db.pragma(`journal_size_limit = ${WAL_LIMIT_BYTES}`);
    db.pragma(`cache_size = -${CACHE_KIB}`);
    migrate(db, newStream(), now);
    return { db, lock };
  } catch (error) {
    for (const db of opened) db.close();
    throw openFault(error, dataDir);
  }
}

/**
 * Opens the outbox of a folder for reading, beside a running gateway or without one.
 * @throws Fault of the config when there is none or it may not be read, of the disk when it is damaged
 */
export function openForReading(dataDir: string): Database {
  const path = join(dataDir, DATABASE_FILE);
  let db: Database | undefined;
  try {
    accessSync(path, constants.R_OK);
    db = new SqliteDatabase(path, { readonly: true, fileMustExist: true });
    checkIdentity(db, path);
    if (db.pragma('user_version', { simple: true }) === 0) throw new Fault('config', `${path} is still empty`);
    return db;
  } catch (error) {
    db?.close();
    throw readFault(error, path, dataDir);
  }
}

/** Whether a gateway holds the lock of a folder. Changes nothing; false where that cannot be seen. */
export function isInUse(dataDir: string): boolean {
  let lock: Database | undefined;
  try {
    lock = new SqliteDatabase(join(dataDir, LOCK_FILE), { readonly: true, fileMustExist: true, timeout: 0 });
    lock.pragma('schema_version');
    return false;
  } catch (error) {
    return codeOf(error)?.startsWith('SQLITE_BUSY') === true;
  } finally {
    lock?.close();
  }
}

/** Not `recursive`: Node.js never comes back from that where the kernel makes no folders, such as in /proc. */
function makeFolder(path: string): void {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isDirectory() === true) return;
  if (found === undefined) makeFolder(dirname(path));
  mkdirSync(path, { mode: FOLDER_MODE });
}

function takeLock(lock: Database, dataDir: string): void {
  try {
    lock.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    if (codeOf(error)?.startsWith('SQLITE_BUSY') !== true) throw error;
    throw new Fault('config', `another gateway is running on ${dataDir}`, {
      cause: error,
      hint: 'stop it (systemctl status edge-gateway tells), or give this one a gateway.dataDir of its own',
    });
  }
}

function readFault(error: unknown, path: string, dataDir: string): unknown {
  const code = codeOf(error) ?? '';
  if (code === 'ENOENT' || code === 'ENOTDIR') {
    return new Fault('config', `there is no outbox at ${path}`, { cause: error, hint: 'is this the gateway.dataDir?' });
  }
  if (/^(EACCES|EPERM|SQLITE_(CANTOPEN|READONLY))/.test(code)) {
    return new Fault('config', `${path} may not be read by user ${process.getuid?.() ?? 'me'} (${code})`, {
      cause: error,
      hint: `run it as the owner of ${dataDir}: sudo -u '#'$(stat -c %u ${dataDir}) edge-gateway buffer …`,
    });
  }
  return openFault(error, dataDir);
}

/** 80 random bits in base32: no two databases of a fleet share a stream. */
export function newStream(): string {
  return Array.from(randomBytes(STREAM_CHARACTERS), (byte) => BASE32[byte & 31]).join('');
}
