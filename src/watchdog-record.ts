import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';

const FILE = 'watchdog.ndjson';
/** Of a file that has grown beyond this only the newer half is kept: a restart every minute makes 150 kB a day, and tells nothing new. */
const MAX_BYTES = 1_000_000;

/** Why a process was ended by its watchdog. */
export interface Ended {
  /** Milliseconds since the epoch. */
  readonly t: number;
  readonly stage: string;
  readonly message: string;
}

/** A record as it was read. */
export interface KnownEnd extends Ended {
  /** Whether a later process has told people of it. */
  readonly isTold: boolean;
}

/** Adds a record while nothing else goes on any more. @throws what the file system throws */
export function recordAtOnce(dataDir: string, ended: Ended): void {
  appendFileSync(join(dataDir, FILE), line(ended), { mode: 0o640 });
}

/** Rejects with what the file system says. */
export function record(dataDir: string, ended: Ended): Promise<void> {
  return appendFile(join(dataDir, FILE), line(ended), { mode: 0o640 });
}

/** People were told of everything up to here. Rejects with what the file system says. */
export function markTold(dataDir: string): Promise<void> {
  return appendFile(join(dataDir, FILE), line({ told: true }), { mode: 0o640 });
}

/** The records of a data folder, oldest first. A line that a power cut has torn is passed over. Never throws. */
export function records(dataDir: string): KnownEnd[] {
  try {
    const lines = newest(join(dataDir, FILE)).split('\n').map(parsed);
    const toldUpTo = lines.lastIndexOf('told');
    return lines.flatMap((one, i) => (typeof one === 'object' ? { ...one, isTold: i < toldUpTo } : []));
  } catch {
    // There is none, or it cannot be read: then nothing is known, and nothing is held back.
    return [];
  }
}

/** What is in a file, which is cut where it has grown. */
function newest(file: string): string {
  const text = readFileSync(file, 'utf8');
  if (text.length <= MAX_BYTES) return text;
  const half = text.slice(text.indexOf('\n', text.length - MAX_BYTES / 2) + 1);
  try {
    writeFileSync(`${file}.new`, half, { mode: 0o640 });
    renameSync(`${file}.new`, file);
  } catch {
    // It stays as long as it is, until the next start.
  }
  return half;
}

function line(of: object): string {
  return `${JSON.stringify(of)}\n`;
}

function parsed(text: string): Ended | 'told' | undefined {
  try {
    const { t, stage, message, told } = JSON.parse(text);
    if (told === true) return 'told';
    return typeof t === 'number' ? { t, stage: String(stage), message: String(message) } : undefined;
  } catch {
    return undefined;
  }
}
