import { readFileSync } from 'node:fs';

/** Where a path is kept. */
export interface Mount {
  /** `ext4`, `tmpfs`, `overlay`, `nfs4` … */
  readonly kind: string;
  readonly point: string;
  /** `/dev/mmcblk0p2`, `tmpfs`, `server:/share` … */
  readonly source: string;
  readonly isReadOnly: boolean;
}

/**
 * The mount that holds an absolute path without links, as /proc/self/mountinfo (proc_pid_mountinfo(5)) has it; undefined
 * where there is none.
 */
export function mountOf(path: string, table = readFileSync('/proc/self/mountinfo', 'utf8')): Mount | undefined {
  const holding = table
    .split('\n')
    .flatMap((line) => parse(line) ?? [])
    .filter(({ point }) => path === point || path.startsWith(point === '/' ? point : `${point}/`));
  // The longest one is the nearest; of two on one point the later one covers the earlier one.
  return holding.reduce<Mount | undefined>(
    (best, one) => (best === undefined || one.point.length >= best.point.length ? one : best),
    undefined,
  );
}

/** `36 35 98:0 /root /point rw,noatime master:1 - ext3 /dev/root rw` */
function parse(line: string): Mount | undefined {
  const [before, after] = line.split(' - ', 2);
  const [, , , , point, options] = before?.split(' ') ?? [];
  const [kind, source, superOptions] = after?.split(' ') ?? [];
  if (point === undefined || options === undefined || kind === undefined || source === undefined) return undefined;
  const isReadOnly = [options, superOptions ?? ''].some((list) => list.split(',').includes('ro'));
  return { kind, point: unescaped(point), source: unescaped(source), isReadOnly };
}

/** Spaces and the like stand as octal numbers. */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
}
