import { accessSync, constants, existsSync, realpathSync, statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Config } from '../config/schema.ts';
import { codeOf, messageOf } from '../errors.ts';
import { isInUse } from '../outbox/database.ts';
import { cards } from './card.ts';
import { type Finding, failed, type Section } from './check.ts';
import { type Mount, mountOf } from './mounts.ts';
import { bytes } from './words.ts';
import { writeSpeed } from './write-speed.ts';

/** Below it the system itself comes to harm. */
const LEAST_FREE_BYTES = 100 * 2 ** 20;
const LIMIT_MS = 30_000;
/** What forgets everything at a restart. */
const VOLATILE = /^(tmpfs|ramfs|rootfs|devtmpfs|proc|sysfs)$/;
/** SQLite's WAL needs memory that all its processes share (https://www.sqlite.org/wal.html), and locks that work. */
const REMOTE = /^(nfs4?|cifs|smb3?|9p|fuse\.sshfs)$/;

/** The data folder and the disk below it. */
export function diskSection({ gateway, buffer }: Config): Section {
  const { dataDir } = gateway;
  return {
    group: 'disk',
    subject: dataDir,
    limit: LIMIT_MS,
    async run(tell, signal) {
      const place = nearest(dataDir);
      const folder = writable(dataDir, place);
      tell(folder);
      for (const finding of gatewayFindings(dataDir)) tell(finding);
      const system = fileSystem(mountOf(realpathSync(place)));
      tell(system);
      if (system.level !== 'bad') {
        tell(judgeSpace(freeBytes(place), usedBytes(place), buffer.maxBytes));
        if (folder.level !== 'bad') tell(await writeSpeed(place, signal).catch((error) => unwritten(error, signal)));
      }
      for (const finding of cards()) tell(finding);
    },
  };
}

/** The folder, or the nearest one above it that is there. */
export function nearest(path: string): string {
  return existsSync(path) ? path : nearest(dirname(path));
}

function writable(dataDir: string, place: string): Finding {
  const name = 'data folder';
  const user = process.getuid?.() ?? 'me';
  const isThere = place === dataDir;
  const { uid, isFolder } = ownerOf(place);
  if (!isFolder) {
    return { name, level: 'bad', text: `${place} is a file`, hint: 'move it away, or set another gateway.dataDir' };
  }
  try {
    accessSync(place, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    const text = `${place} cannot be written by user ${user} (${codeOf(error)})`;
    const hint = isThere
      ? `test as its owner: sudo -u '#${uid}' edge-gateway doctor …, or give it to this user: sudo chown -R ${user} ${dataDir}`
      : `run: sudo mkdir -p ${dataDir} && sudo chown -R ${user} ${dataDir}`;
    return { name, level: 'bad', text, hint };
  }
  return {
    name,
    level: 'good',
    text: isThere ? 'is there and can be written' : 'is not there yet: the first start makes it',
  };
}

function ownerOf(path: string): { readonly uid: number; readonly isFolder: boolean } {
  const stat = statSync(path);
  return { uid: stat.uid, isFolder: stat.isDirectory() };
}

/** Beside a gateway that runs, some figures are of both. */
function gatewayFindings(dataDir: string): Finding[] {
  const text = 'a gateway is running on this folder: machines and serial lines are shared with it during the test';
  return isInUse(dataDir) ? [{ name: 'gateway', level: 'good', text }] : [];
}

/** What a file system is good for. Pure. */
export function fileSystem(mount: Mount | undefined): Finding {
  const name = 'file system';
  if (mount === undefined) return { name, level: 'good', text: 'unknown' };
  const { kind, source, point } = mount;
  const text = `${kind} on ${source}, mounted at ${point}`;
  if (VOLATILE.test(kind)) {
    const hint = 'set gateway.dataDir to a folder on a card or disk';
    return { name, level: 'bad', text: `${text}: nothing in it outlives a restart`, hint };
  }
  if (mount.isReadOnly) {
    return {
      name,
      level: 'bad',
      text: `${text}, read-only`,
      hint: `run: sudo mount -o remount,rw ${point}, and look at dmesg`,
    };
  }
  if (REMOTE.test(kind)) {
    const hint = 'set gateway.dataDir to a folder on a card or disk of this computer';
    return { name, level: 'bad', text: `${text}: the outbox can be damaged on a disk of another computer`, hint };
  }
  if (kind === 'overlay') {
    const hint = 'mount a volume of its own there';
    return { name, level: 'warn', text: `${text}: what a container keeps in itself is lost when it is replaced`, hint };
  }
  return { name, level: 'good', text };
}

/** Room for what the config allows the outbox. Pure; all in bytes. */
export function judgeSpace(free: number, used: number, maxBytes: number): Finding {
  const name = 'free space';
  const text = `${bytes(free)} free, buffer.maxBytes is ${bytes(maxBytes)}`;
  if (free < LEAST_FREE_BYTES) return { name, level: 'bad', text, hint: 'free some room, or use a larger disk' };
  if (free + used - LEAST_FREE_BYTES >= maxBytes) return { name, level: 'good', text };
  const most = Math.floor((free + used - LEAST_FREE_BYTES) / 2 ** 20);
  return { name, level: 'warn', text, hint: `lower buffer.maxBytes to ${most}MiB or less, or use a larger disk` };
}

/** Bytes that this user may still write. */
export function freeBytes(place: string): number {
  const { bavail, bsize } = statfsSync(place);
  return bavail * bsize;
}

/** Bytes that the outbox's own file takes. */
function usedBytes(folder: string): number {
  return statSync(`${folder}/outbox.db`, { throwIfNoEntry: false })?.size ?? 0;
}

function unwritten(error: unknown, signal: AbortSignal): Finding {
  signal.throwIfAborted();
  const hint = 'look at the card or disk (dmesg, mount, df)';
  return { ...failed('write speed', error), text: `cannot write: ${messageOf(error)}`, hint };
}
