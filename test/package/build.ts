import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');
export const { version: VERSION } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

/** Builds a package as `npm run package` does, only less compressed. */
export function buildPackage(
  folder: string,
  architecture: 'arm64' | 'amd64',
  env: Record<string, string> = {},
): string {
  const build = [join(ROOT, 'scripts/package.ts'), '--arch', architecture, '--out', folder, '--fast'];
  execFileSync(process.execPath, build, { env: { ...process.env, ...env }, stdio: ['ignore', 'ignore', 'inherit'] });
  return join(folder, `edge-gateway_${VERSION}_${architecture}.deb`);
}
