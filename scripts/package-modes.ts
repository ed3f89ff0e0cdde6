import { chmodSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

const EXECUTABLE = /\/bin\/(node|edge-gateway)$|\/DEBIAN\/(postinst|prerm|postrm)$/;

/** Gives all that is in a tree the modes of a package, whatever umask and checkout there were. */
export function setModes(folder: string): void {
  chmodSync(folder, 0o755);
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) setModes(path);
    else if (entry.isFile()) chmodSync(path, EXECUTABLE.test(path) ? 0o755 : 0o644);
  }
}
