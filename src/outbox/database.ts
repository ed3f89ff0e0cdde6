import { randomBytes } from 'node:crypto';
import { accessSync, closeSync, constants, existsSync, mkdirSync, openSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import SqliteDatabase, { type Database } from 'better-sqlite3';
import { codeOf, Fault } from '../errors.ts';
import { asDamage, damage, openFault } from './disk-faults.ts';
import { readAround } from './disk-read.ts';
import { checkIdentity, migrate } from './migrations.ts';
import { isWalDamaged, PAGE_BYTES } from './wal.ts';

export const DATABASE_FILE = 'outbox.db';
const LOCK_FILE = 'lock.db';

/** Only the gateway and its group read what the machines said. */
const FOLDER_MODE = 0o750;
/** How long a start waits for a gateway that is just ending. */
const LOCK_WAIT_MS = 1000;
/** Only a foreign tool can hold the database itself; the commit is tried again anyhow. */
const BUSY_WAIT_MS = 250;

const CACHE_KIB = 2048;
/** Pages in the WAL after which a commit also moves them into the database, about 4 MiB. */
const CHECKPOINT_PAGES = 1000;
/** What the WAL file is cut back to when a slow reader made it grow. */
const WAL_LIMIT_BYTES = 8 * 1024 * 1024;

const BASE32 = 'abcdefghijklmnopqrstuvwxyz234567';
const STREAM_CHARACTERS = 16;
const STREAM_PATTERN = new RegExp(`^[${BASE32}]{${STREAM_CHARACTERS}}$`);

/** A folder that no other gateway can use meanwhile. */
export interface Folder {
  readonly path: string;
  /** Its exclusive transaction keeps other gateways out until the process ends, however it ends. */
  readonly lock: Database;
  /** Whether a gateway has used it before. */
  readonly isOwn: boolean;
}

/**
 * Takes a folder for the gateway, and makes it where it is missing.
 * @throws Fault of the config when another gateway has it or it may not be written, of the disk when the disk refuses
 */
export function takeFolder(path: string): Folder {
  let lock: Database | undefined;
  try {
    makeFolder(path);
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK);
    const isOwn = existsSync(join(path, LOCK_FILE));
    lock = new SqliteDatabase(join(path, LOCK_FILE), { timeout: LOCK_WAIT_MS });
    takeLock(lock, path);
    return { path, lock, isOwn };
  } catch (error) {
    lock?.close();
    throw openFault(error, path);
  }
}

/** Lets a folder go. Nothing stays behind in one that is refused, and that no gateway has used before. */
export function leaveFolder({ path, lock, isOwn }: Folder, why: unknown): void {
  lock.close();
  if (isOwn || !(why instanceof Fault) || why.of !== 'config') return;
  for (const ending of ['', '-journal']) rmSync(join(path, `${LOCK_FILE}${ending}`), { force: true });
}

/**
 * Opens the outbox of a folder for writing, making it where it is missing, and brings its schema up to date.
 * @throws Fault of the config when only a person can mend it, of the disk when the disk refuses or the file is damaged
 */
export function openForWriting({ path: dataDir, isOwn }: Folder, now: number): Database {
  const path = join(dataDir, DATABASE_FILE);
  let db: Database | undefined;
  try {
    checkFiles(path, isOwn);
    db = new SqliteDatabase(path, { timeout: BUSY_WAIT_MS });
    checkIdentity(db, path, isOwn);
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
    checkBasics(db);
    return db;
  } catch (error) {
    db?.close();
    throw openFault(asDamage(error), dataDir);
  }
}

/**
 * What SQLite does not tell, or not as damage: fields of the header that are always the same, a WAL without its
 * database, and transactions behind a damaged place of the WAL.
 */
function checkFiles(path: string, isOwn: boolean): void {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  const wal = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
  if (size === 0 && wal > 0) throw damage(`${path} is gone, and its WAL is not`);
  if (isOwn && size > 0 && !startsLikeOurs(path)) throw damage(`${path} does not start like an outbox`);
  if (isWalDamaged(`${path}-wal`)) throw damage(`${path}-wal is damaged in its middle`);
}

/** Name, page size, WAL mode and the four constants behind them (https://www.sqlite.org/fileformat2.html#the_database_header). */
function startsLikeOurs(path: string): boolean {
  const start = Buffer.alloc(24);
  const handle = openSync(path, 'r');
  try {
    readAround(handle, start, 0);
  } finally {
    closeSync(handle);
  }
  const modes = start.subarray(18, 20);
  const isName = start.toString('latin1', 0, 16) === 'SQLite format 3\0';
  // A start that was killed early leaves it without WAL mode.
  const isMode = modes.every((mode) => mode === 1 || mode === 2);
  return isName && start.readUInt16BE(16) === PAGE_BYTES && isMode && start.readUInt32BE(20) === 0x00402020;
}

/** What every outbox has, and SQLite does not look at. */
function checkBasics(db: Database): void {
  const encoding = db.pragma('encoding', { simple: true });
  const vacuum = db.pragma('auto_vacuum', { simple: true });
  const stream = db.prepare("SELECT value FROM meta WHERE key = 'stream'").pluck().get();
  if (encoding !== 'UTF-8' || vacuum !== 2) throw damage(`its header says ${encoding}, auto_vacuum ${vacuum}`);
  if (!isStream(stream)) throw damage('it has lost its stream');
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

/** Whether it is a name that `newStream` could have made. */
export function isStream(value: unknown): value is string {
  return typeof value === 'string' && STREAM_PATTERN.test(value);
}

/** 80 random bits in base32: no two databases of a fleet share a stream. */
export function newStream(): string {
  return Array.from(randomBytes(STREAM_CHARACTERS), (byte) => BASE32[byte & 31]).join('');
}
