import { execFileSync } from 'node:child_process';
import { statSync } from 'node:fs';
import { join } from 'node:path';

/** Bytes that a bad sector makes unreadable. */
const BLOCK_BYTES = 4096;

/**
 * Environment in which some 4 KiB blocks of a file cannot be read, as where a disk has bad sectors: in the process itself, below
 * SQLite, and wherever the file is moved to. Compiles a small library into `folder`.
 */
export function badDisk(folder: string, file: string, block: number, blocks = 1): Record<string, string> {
  const library = join(folder, 'bad-sector.so');
  execFileSync('gcc', ['-shared', '-fPIC', '-o', library, join(import.meta.dirname, 'bad-sector.c'), '-ldl']);
  return {
    LD_PRELOAD: library,
    BAD_INODE: String(statSync(file).ino),
    BAD_FROM: String(block * BLOCK_BYTES),
    BAD_TO: String((block + blocks) * BLOCK_BYTES),
  };
}
