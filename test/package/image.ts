import { type SpawnSyncReturns, spawnSync } from 'node:child_process';

/**
 * Runs a script in an image, given as a root folder, as docker-compose.yml has it run: by a user without rights, the root folder cannot be
 * written, /tmp is memory, the data is a volume. The network is its own, and empty.
 */
export function runImage(
  root: string,
  user: string,
  environment: readonly string[],
  script: string,
): SpawnSyncReturns<string> {
  const prepare = `
    ip link set lo up
    mount --bind "$0" "$0"
    mount -o remount,bind,ro "$0"
    mount -t proc proc "$0/proc"
    mount -t tmpfs tmp "$0/tmp"
    mount --bind "$0/var/lib/edge-gateway" "$0/var/lib/edge-gateway"
    mount -o remount,bind,rw "$0/var/lib/edge-gateway"
    cd "$0"
    exec chroot --userspec=${user}:${user} --groups=dialout . "$@"`;
  const command = ['env', '-i', 'PATH=/usr/bin:/bin', ...environment, 'sh', '-c', script];
  const unshare = ['--mount', '--net', '--pid', '--fork', '--kill-child', 'sh', '-ec', prepare, root, ...command];
  return spawnSync('unshare', unshare, { encoding: 'utf8' });
}
