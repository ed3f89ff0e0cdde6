import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Reason to skip a test: false, or that there is no C compiler. */
export const noCompiler: string | false = existsSync('/usr/bin/gcc') ? false : 'no gcc';

/**
 * Environment in which every flush to the disk takes `ms` longer, as on a worn SD card: in the process itself, below
 * SQLite. Compiles a small library into `folder`.
 */
export function slowDisk(folder: string, ms: number): Record<string, string> {
  return { LD_PRELOAD: library(folder), SLOW_SYNC_MS: String(ms) };
}

/** Environment in which no flush to the disk returns while there is a file, as when a card has died. */
export function hangingDisk(folder: string, file: string): Record<string, string> {
  return { LD_PRELOAD: library(folder), HANG_SYNC_WHILE: file };
}

function library(folder: string): string {
  const file = join(folder, 'slow-sync.so');
  execFileSync('gcc', ['-shared', '-fPIC', '-o', file, join(import.meta.dirname, 'slow-sync.c'), '-ldl']);
  return file;
}
