import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, existsSync, globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where Debian keeps the programs of the server; elsewhere they are in the path. */
const BIN = globSync('/usr/lib/postgresql/*/bin').at(-1) ?? '';
const isThere = ['initdb', 'postgres'].every((name) => existsSync(join(BIN, name)));
/** PostgreSQL refuses to run as root. */
const NOBODY = 65_534;

export const noPostgres = isThere ? false : 'no PostgreSQL server';

/** A fresh database in a folder of its own, without a server: each `run` starts it, and ends it. */
export interface Postgres extends Disposable {
  /** Runs statements and gives what they print, a line for each value: `column = "value"`. */
  run(sql: string): string;
}

export function createPostgres(): Postgres {
  const folder = mkdtempSync(join(tmpdir(), 'edge-gateway-pg-'));
  const who = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
  if (who.uid !== undefined) chownSync(folder, NOBODY, NOBODY);
  chmodSync(folder, 0o700);
  const data = join(folder, 'data');
  const program = (name: string, args: readonly string[], input?: string) => {
    const { status, stdout, stderr } = spawnSync(join(BIN, name), args, {
      ...{ ...who, cwd: folder, encoding: 'utf8', env: { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8' } },
      ...(input === undefined ? {} : { input }),
    });
    if (status !== 0 || /^ERROR|\bERROR:/m.test(stderr)) throw new Error(`${name}: ${stderr}`);
    return stdout;
  };
  program('initdb', ['-D', data, '-U', 'postgres', '--encoding=UTF8', '--no-sync']);
  return {
    run: (sql) => program('postgres', ['--single', '-j', '-F', '-D', data, 'postgres'], sql),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
