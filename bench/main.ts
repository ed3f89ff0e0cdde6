import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { HEAP_GROWTH } from '../src/cli/run.ts';
import type { Section } from './measure/figures.ts';
import { OthersLoad } from './measure/load.ts';
import { assertOnDisk, describeMachine } from './measure/machine.ts';
import { type Measured, pageOf } from './measure/page.ts';
import { PARTS } from './parts.ts';

/**
 * Every figure beside its limit, measured in the same run with real parts, and written to docs/benchmarks.md: `npm run bench --
 * [--only ingest,drain] [--short] [--repeats 5] [--folder tmp] [--json]`. Exit code 1 where a part failed, 64 for wrong usage.
 */
const ROOT = join(import.meta.dirname, '..');
const PAGE = join(ROOT, 'docs/benchmarks.md');
const REPEATS = { short: 3, long: 5 };
/** What the gateway's own start script and `run` set; the limits are measured with the same. */
const LIKE_THE_GATEWAY = {
  execArgv: ['--max-semi-space-size=1', `--heap-growing-percent=${HEAP_GROWTH}`],
  env: { ...process.env, MALLOC_ARENA_MAX: '1' },
};

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(64);
}

function read() {
  try {
    const { values } = parseArgs({
      options: {
        only: { type: 'string', default: Object.keys(PARTS).join(',') },
        short: { type: 'boolean', default: false },
        repeats: { type: 'string' },
        folder: { type: 'string', default: join(ROOT, 'tmp') },
        json: { type: 'boolean', default: false },
      },
    });
    return values;
  } catch (error) {
    return fail((error as Error).message);
  }
}

const values = read();
const scale = values.short ? 'short' : 'long';
const repeats = Number(values.repeats ?? REPEATS[scale]);
if (!Number.isInteger(repeats) || repeats < 1) fail(`--repeats takes a whole number from 1 on, not ${values.repeats}`);
const names = values.only.split(',');
const unknown = names.filter((name) => !(name in PARTS));
if (unknown.length > 0) fail(`there is no part ${unknown.join(', ')}: there are ${Object.keys(PARTS).join(', ')}`);
if (!existsSync(join(ROOT, 'dist/src/main.js'))) fail('there is no dist/: npm run build');

mkdirSync(values.folder, { recursive: true });
assertOnDisk(values.folder);
const folder = mkdtempSync(join(values.folder, 'bench-'));

/** Resolves to what a part has found; undefined where it failed, which it has told on standard error. */
async function measure(name: string): Promise<Measured | undefined> {
  process.stderr.write(`${name} …`);
  const begun = performance.now();
  const others = new OthersLoad();
  const child = fork(join(import.meta.dirname, 'part.ts'), [name, scale, String(repeats), folder], LIKE_THE_GATEWAY);
  let section: Section | undefined;
  child.on('message', (message) => {
    section = message as Section;
  });
  await once(child, 'exit');
  process.stderr.write(` ${((performance.now() - begun) / 1000).toFixed(0)} s\n`);
  if (section === undefined) return undefined;
  return {
    name,
    section,
    date: new Date().toISOString().slice(0, 16).replace('T', ' '),
    scale,
    repeats,
    others: others.share,
  };
}

try {
  const machine = describeMachine(folder);
  const measured: Measured[] = [];
  for (const name of names) {
    const one = await measure(name);
    if (one === undefined) {
      process.exitCode = 1;
      continue;
    }
    measured.push(one);
    // Part by part: a long run that is broken off has not been for nothing.
    const old = existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : '';
    writeFileSync(PAGE, pageOf(old, Object.keys(PARTS), machine, [one]));
  }
  if (values.json) process.stdout.write(`${JSON.stringify({ machine, measured }, null, 2)}\n`);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
