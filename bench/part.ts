import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import type { Scale } from './measure/figures.ts';
import { PARTS } from './parts.ts';

/** One part in a process of its own, so that none finds the heap and the compiled code of another: `part.ts NAME SCALE REPEATS FOLDER`. */
const [name = '', scale, repeats, parent = ''] = process.argv.slice(2);
const load = PARTS[name];
if (load === undefined) throw new Error(`there is no part ${name}`);
const folder = mkdtempSync(join(parent, `${name}-`));
try {
  const part = await load();
  const section = await part({ scale: scale as Scale, repeats: Number(repeats), folder });
  await new Promise((resolve) => process.send?.(section, resolve));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit();
