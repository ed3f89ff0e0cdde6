import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { configJsonSchema } from '../src/config/json-schema.ts';
import { configReference } from '../src/config/reference-docs.ts';
import { drivers } from '../src/drivers/registry.ts';
import { codeOf } from '../src/errors.ts';
import { asyncApi } from '../src/wire/asyncapi.ts';
import { WIRE_SCHEMA_NAMES, wireJsonSchema } from '../src/wire/json-schema.ts';

/**
 * Writes every file that is made from the source: `node scripts/generate.ts`. With `--check` it writes nothing, names
 * the files that are not up to date and exits 1.
 */

interface Generated {
  /** From the root of the project. */
  readonly path: string;
  readonly content: string;
}

const json = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

const files: readonly Generated[] = [
  { path: 'config/edge-gateway.schema.json', content: json(configJsonSchema(drivers)) },
  { path: 'docs/config.md', content: configReference(drivers) },
  ...WIRE_SCHEMA_NAMES.map((name) => ({
    path: `docs/contract/${name}.schema.json`,
    content: json(wireJsonSchema(name)),
  })),
  { path: 'docs/contract/asyncapi.json', content: json(asyncApi()) },
];

const root = join(import.meta.dirname, '..');
const stale = files.filter(({ path, content }) => current(path) !== content);
if (process.argv.includes('--check')) {
  for (const { path } of stale) console.error(`${path} is not up to date: run npm run generate`);
  process.exitCode = stale.length > 0 ? 1 : 0;
} else {
  for (const { path, content } of stale) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
    console.error(`wrote ${path}`);
  }
}

function current(path: string): string | undefined {
  try {
    return readFileSync(join(root, path), 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}
