import { execFileSync, type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A freshly installed Debian is made once and kept: half a minute. */
const CACHE = join(tmpdir(), 'edge-gateway-test');
const RELEASE = 'bookworm';
const ENV = ['PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'LC_ALL=C.UTF-8'];

/** Lays the smallest Debian with systemd into `folder`/root: nothing of this computer, and nothing of ours, is in it. */
export function cleanRoot(folder: string): string {
  const script = `
    if [ ! -e ${RELEASE}.tar ]; then
      debootstrap --variant=minbase --include=systemd,systemd-sysv,dbus ${RELEASE} ${RELEASE}
      tar cf ${RELEASE}.tar.part -C ${RELEASE} . && mv ${RELEASE}.tar.part ${RELEASE}.tar && rm -rf ${RELEASE}
    fi`;
  execFileSync('mkdir', ['-p', CACHE]);
  const env = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };
  execFileSync('flock', [join(CACHE, 'lock'), 'sh', '-ec', script], {
    cwd: CACHE,
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const root = join(folder, 'root');
  execFileSync('mkdir', [root]);
  execFileSync('tar', ['xf', join(CACHE, `${RELEASE}.tar`), '-C', root]);
  return root;
}

/** Runs a command in a root folder, which is all that it sees of the disk; its processes end with it. */
export function inRoot(root: string, ...command: string[]): SpawnSyncReturns<string> {
  const script = 'mount -t proc proc "$0/proc" && exec chroot "$0" "$@"';
  const unshare = ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', script, root, ...command];
  return spawnClean('unshare', ...unshare);
}

/**
 * Runs a command with nothing of what surrounds the tests. tap adds its loader to the environment of whatever Node.js spawns: `env` takes
 * it away.
 */
export function spawnClean(...command: string[]): SpawnSyncReturns<string> {
  return spawnSync('env', ['-i', ...ENV, ...command], { encoding: 'utf8' });
}
