import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const FOLDERS = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/sbin'];

/**
 * Reason to skip a test: false, or which of the programs is not installed. With REQUIRE_PACKAGE=1 in the environment nothing is skipped, so
 * that their absence is a failure.
 */
export function missingTools(...programs: string[]): string | false {
  const missing = programs.filter((program) => !FOLDERS.some((folder) => existsSync(join(folder, program))));
  return missing.length > 0 && process.env['REQUIRE_PACKAGE'] !== '1' && `no ${missing.join(', ')}`;
}

/** Reason to skip a test: false, or that this user must not mount, chroot and boot. */
export const notRoot: string | false =
  process.getuid?.() !== 0 && process.env['REQUIRE_PACKAGE'] !== '1' && 'needs root';
