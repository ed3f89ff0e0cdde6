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
  const library = join(folder, 'slow-sync.so');
  execFileSync('gcc', ['-shared', '-fPIC', '-o', library, join(import.meta.dirname, 'slow-sync.c'), '-ldl']);
  return { LD_PRELOAD: library, SLOW_SYNC_MS: String(ms) };
}
