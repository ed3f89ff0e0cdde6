import { readFileSync } from 'node:fs';

/**
 * Bytes that this process has had written to disks, or null where the kernel does not tell: `write_bytes` of
 * /proc/self/io (proc_pid_io(5)), which counts whole pages as they become dirty, in all threads.
 */
export function bytesWritten(): number | null {
  try {
    const found = /^write_bytes: (\d+)$/m.exec(readFileSync('/proc/self/io', 'utf8'));
    return found === null ? null : Number(found[1]);
  } catch {
    // No such file, or not allowed: then it is not known.
    return null;
  }
}
