import { closeSync, fdatasyncSync, openSync, readFileSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { arch, cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import SqliteDatabase from 'better-sqlite3';
import { brokerVersion } from './broker.ts';
import { quantile } from './figures.ts';

/** Of tmpfs (statfs(2)): what is written there never reaches a disk. */
const TMPFS = 0x01021994;
const SYNCS = 50;

/** What the figures were measured on, by name. */
export function describeMachine(folder: string): Record<string, string> {
  const [cpu] = cpus();
  return {
    CPU: `${cpu?.model ?? 'unknown'}, ${cpus().length} cores, ${arch()}`,
    Memory: `${(totalmem() / 2 ** 30).toFixed(1)} GiB`,
    Disk: `${mountOf(folder)}; writing 4 KiB and waiting for the disk takes ${syncMs(folder).toFixed(1)} ms (median)`,
    Kernel: `Linux ${release()}`,
    'Node.js': process.version,
    SQLite: sqliteVersion(),
    Mosquitto: brokerVersion(),
  };
}

/** @throws Error where what is written into a folder stays in memory */
export function assertOnDisk(folder: string): void {
  if (statfsSync(folder).type === TMPFS) throw new Error(`${folder} is in memory: give --folder on a disk`);
}

/** Device and file system of the mount that a folder is on. */
function mountOf(folder: string): string {
  const mounts = readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .map((line) => line.split(' '))
    .filter(([, point = '-']) => folder === point || folder.startsWith(point === '/' ? '/' : `${point}/`))
    .sort(([, a = ''], [, b = '']) => b.length - a.length);
  const [device = 'unknown', , type = 'unknown'] = mounts[0] ?? [];
  return `${device}, ${type}`;
}

function syncMs(folder: string): number {
  const path = join(folder, 'sync');
  const handle = openSync(path, 'w');
  const page = Buffer.alloc(4096, 1);
  const times = Array.from({ length: SYNCS }, () => {
    const from = performance.now();
    writeSync(handle, page);
    fdatasyncSync(handle);
    return performance.now() - from;
  });
  closeSync(handle);
  rmSync(path);
  return quantile(times, 0.5);
}

function sqliteVersion(): string {
  const db = new SqliteDatabase(':memory:');
  const version = db.prepare('SELECT sqlite_version()').pluck().get();
  db.close();
  return String(version);
}
