import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';

/** Builds the status page: src/http/page/ → dist/page/, which the gateway serves: `node scripts/page.ts`. */

const from = join(import.meta.dirname, '../src/http/page');
const to = join(import.meta.dirname, '../dist/page');

mkdirSync(to, { recursive: true });
await build({
  entryPoints: [
    { in: join(from, 'main.ts'), out: 'page' },
    { in: join(from, 'page.css'), out: 'page' },
  ],
  outdir: to,
  bundle: true,
  minify: true,
  format: 'esm',
  // Phones and panel computers that are some years old.
  target: ['chrome109', 'firefox115', 'safari16'],
  logLevel: 'warning',
});
for (const file of ['index.html', 'icon.svg']) cpSync(join(from, file), join(to, file));
