import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DATABASE_FILE } from './database.ts';

const FOLDER = 'quarantine';
/** Damaged databases that are kept. */
const KEPT = 3;
/** Written when a running gateway finds its database damaged: the next start sets it aside. */
const MARKER = 'outbox.damaged';
const FOLDER_MODE = 0o750;

/** Remembers that the database is damaged. */
export function markDamaged(dataDir: string, why: string): void {
  try {
    writeFileSync(join(dataDir, MARKER), `${why}\n`);
  } catch {
    // A disk that does not even take this tells more than the damage; the next start finds that by itself.
  }
}

export function isMarkedDamaged(dataDir: string): boolean {
  return existsSync(join(dataDir, MARKER));
}

/**
 * Moves the database with its WAL into a folder of its own and resolves to that folder; the oldest beyond the third are deleted.
 * Nothing may have it open. @throws what the file system throws
 */
export function setAside(dataDir: string, now: number): string {
  const quarantine = join(dataDir, FOLDER);
  const folder = join(quarantine, new Date(now).toISOString().replaceAll(':', ''));
  mkdirSync(quarantine, { recursive: true, mode: FOLDER_MODE });
  mkdirSync(folder, { recursive: true, mode: FOLDER_MODE });
  for (const ending of ['', '-wal', '-shm']) {
    const name = `${DATABASE_FILE}${ending}`;
    // The database comes last: were it gone already, the rest of it would be lost by a kill in between.
    if (ending !== '' && existsSync(join(dataDir, name))) renameSync(join(dataDir, name), join(folder, name));
  }
  renameSync(join(dataDir, DATABASE_FILE), join(folder, DATABASE_FILE));
  rmSync(join(dataDir, MARKER), { force: true });
  for (const path of [folder, quarantine, dataDir]) sync(path);
  for (const old of readdirSync(quarantine).toSorted().slice(0, -KEPT)) {
    rmSync(join(quarantine, old), { recursive: true, force: true });
  }
  return folder;
}

function sync(folder: string): void {
  const handle = openSync(folder, 'r');
  fsyncSync(handle);
  closeSync(handle);
}
