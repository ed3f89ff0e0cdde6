import { codeOf, Fault, messageOf } from '../errors.ts';

/** Result codes (https://www.sqlite.org/rescode.html) and errno names that pass once the disk is well again. */
const PASSING = /^(SQLITE_(FULL|IOERR|READONLY|CANTOPEN|BUSY|LOCKED|PROTOCOL|NOMEM)|ENOSPC|EIO|EDQUOT|EROFS)/;
/** Ids and names are given once, so that only a damaged table can refuse one. */
const DAMAGED = /^SQLITE_(CORRUPT|NOTADB|CONSTRAINT|MISMATCH)/;
/** Of a row with a damaged length SQLite says that memory lacks. */
const UNREADABLE = /^SQLITE_(IOERR_(READ|SHORT_READ|CORRUPTFS)|NOMEM)/;
/** A schema that is not what its version says. */
const UNKNOWN_SCHEMA = /^SQLITE_ERROR$/;
const NO_ROOM = /^(SQLITE_FULL|ENOSPC|EDQUOT)/;
const NOT_ALLOWED = /^(EACCES|EPERM|EROFS|SQLITE_(READONLY|CANTOPEN|PERM|AUTH))/;

/** A fault of the disk under a running outbox. */
export interface DiskFault {
  readonly fault: Fault;
  /** Whether trying again may help. */
  readonly passing: boolean;
  /** Whether it is for want of room. */
  readonly full: boolean;
}

/** What a failed statement tells about the disk; undefined when it tells about a bug of ours. */
export function diskFault(error: unknown, dataDir: string): DiskFault | undefined {
  const code = codeOf(error) ?? '';
  const options = { cause: error };
  if (DAMAGED.test(code)) return { fault: damaged(error, dataDir), passing: false, full: false };
  if (!PASSING.test(code)) return undefined;
  const full = NO_ROOM.test(code);
  const hint = full
    ? `free room on the disk that holds ${dataDir}, or raise buffer.maxBytes where the disk has room`
    : `look at the card or disk that holds ${dataDir} (dmesg, mount, df)`;
  const fault = new Fault('disk', `cannot write to ${dataDir}: ${messageOf(error)} (${code})`, { ...options, hint });
  return { fault, passing: true, full };
}

/** What reads as no version has written it. */
export function damage(message: string): Error {
  return Object.assign(new Error(message), { code: 'SQLITE_CORRUPT' });
}

/** Whether a fault says that something cannot be read: a bad sector or a damaged length, unless it passes. */
export function isUnreadable(error: unknown): boolean {
  return UNREADABLE.test(codeOf(error) ?? '');
}

/** While it is opened, tables that are missing or of another shape are damage, too; all else comes back as it is. */
export function asDamage(error: unknown): unknown {
  return UNKNOWN_SCHEMA.test(codeOf(error) ?? '') ? damage(messageOf(error)) : error;
}

/** Whether a fault says that the database itself is damaged. */
export function isDamage(error: unknown): boolean {
  return error instanceof Fault && DAMAGED.test(codeOf(error.cause) ?? '');
}

/** Turns what went wrong while the outbox was opened into a sentence for the technician; bugs come back as they are. */
export function openFault(error: unknown, dataDir: string): unknown {
  if (error instanceof Fault) return error;
  const code = codeOf(error) ?? '';
  const cause = error;
  if (code === 'ENOTDIR' || code === 'EEXIST') {
    return new Fault('config', `${dataDir} is a file or lies under one: the outbox needs a folder`, {
      cause,
      hint: 'move the file away or set another gateway.dataDir',
    });
  }
  if (NOT_ALLOWED.test(code) || code === 'ENOENT') {
    const user = process.getuid?.() ?? 'me';
    const hint =
      code === 'EROFS'
        ? 'the file system is mounted read-only: mount it writable (sudo mount -o remount,rw …) or set another gateway.dataDir'
        : `run: sudo mkdir -p ${dataDir} && sudo chown -R ${user} ${dataDir}`;
    return new Fault('config', `${dataDir} cannot be written by user ${user} (${code})`, { cause, hint });
  }
  return diskFault(error, dataDir)?.fault ?? error;
}

function damaged(error: unknown, dataDir: string): Fault {
  return new Fault('disk', `the outbox in ${dataDir} is damaged: ${messageOf(error)}`, {
    cause: error,
    hint: 'start the gateway again: it sets the database aside and salvages what can be read; and check the card (dmesg)',
  });
}
