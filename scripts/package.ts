import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { buildDeb } from './package-deb.ts';
import { layTree } from './package-tree.ts';

/**
 * Builds the Debian packages: `node scripts/package.ts [--arch arm64] [--arch amd64] [--out packages] [--fast]`, or with
 * `--tree FOLDER` only lays the files of one architecture there. `SOURCE_DATE_EPOCH` is obeyed; without it the date is that of the last
 * commit.
 */

const NODE_NAMES = { arm64: 'arm64', amd64: 'x64' } as const;
const ROOT = join(import.meta.dirname, '..');

const { values } = parseArgs({
  options: {
    arch: { type: 'string', multiple: true, default: Object.keys(NODE_NAMES) },
    out: { type: 'string', default: join(ROOT, 'packages') },
    /** Compresses little: for tests. */
    fast: { type: 'boolean', default: false },
    tree: { type: 'string' },
  },
});

const date = new Date(1000 * Number(process.env['SOURCE_DATE_EPOCH'] ?? lastCommit()));
const { version } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));

for (const architecture of values.arch) {
  if (architecture !== 'arm64' && architecture !== 'amd64') {
    process.stderr.write(`--arch takes arm64 or amd64, not ${architecture}\n`);
    process.exit(64);
  }
  if (values.tree !== undefined) {
    await layTree(values.tree, NODE_NAMES[architecture], date);
    continue;
  }
  const folder = mkdtempSync(join(tmpdir(), 'edge-gateway-package-'));
  try {
    await layTree(join(folder, 'tree'), NODE_NAMES[architecture], date);
    mkdirSync(values.out, { recursive: true });
    const file = join(values.out, `edge-gateway_${version}_${architecture}.deb`);
    buildDeb(join(folder, 'tree'), file, {
      architecture,
      version,
      date,
      compression: values.fast ? ['-Zzstd', '-z3'] : ['-Zxz'],
    });
    process.stdout.write(`${file}: ${(statSync(file).size / 2 ** 20).toFixed(1)} MiB\n`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** In seconds; without a repository (a source archive, a container's build) it is now. */
function lastCommit(): number {
  try {
    return Number(execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: ROOT, encoding: 'utf8', stdio: 'pipe' }));
  } catch {
    return Math.floor(Date.now() / 1000);
  }
}
