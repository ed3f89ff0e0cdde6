import { appendFileSync, readFileSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';

const FILE = 'watchdog.ndjson';
/** A file that has grown beyond this is not read: a restart every minute for a year makes 50 MB, and tells nothing new. */
const MAX_BYTES = 4_000_000;

/** Why a process was ended by its watchdog. */
export interface Ended {
  /** Milliseconds since the epoch. */
  readonly t: number;
  readonly stage: string;
  readonly message: string;
}

/** Adds a record while nothing else goes on any more. @throws what the file system throws */
export function recordAtOnce(dataDir: string, ended: Ended): void {
  appendFileSync(join(dataDir, FILE), line(ended), { mode: 0o640 });
}

/** Rejects with what the file system says. */
export function record(dataDir: string, ended: Ended): Promise<void> {
  return appendFile(join(dataDir, FILE), line(ended), { mode: 0o640 });
}

/** The records of a data folder, oldest first. A line that a power cut has torn is passed over. Never throws. */
export function records(dataDir: string): Ended[] {
  try {
    const text = readFileSync(join(dataDir, FILE), 'utf8').slice(-MAX_BYTES);
    return text.split('\n').flatMap((one) => parsed(one) ?? []);
  } catch {
    // There is none, or it cannot be read: then nothing is known, and nothing is held back.
    return [];
  }
}

function line(ended: Ended): string {
  return `${JSON.stringify(ended)}\n`;
}

function parsed(text: string): Ended | undefined {
  try {
    const { t, stage, message } = JSON.parse(text);
    return typeof t === 'number' ? { t, stage: String(stage), message: String(message) } : undefined;
  } catch {
    return undefined;
  }
}
