import { chownSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What root's test, probe or trust has made in the data folder (keys and certificates of drivers) is given to its owner: else the gateway,
 * which runs as that user, could not use it. Does nothing for other users, nor where the folder is root's.
 */
export function handOver(dataDir: string): void {
  if (process.getuid?.() !== 0) return;
  const owner = statSync(dataDir, { throwIfNoEntry: false });
  if (owner === undefined || owner.uid === 0) return;
  const made = join(dataDir, 'drivers');
  if (statSync(made, { throwIfNoEntry: false }) === undefined) return;
  for (const path of [
    made,
    ...readdirSync(made, { recursive: true, encoding: 'utf8' }).map((name) => join(made, name)),
  ])
    chownSync(path, owner.uid, owner.gid);
}
