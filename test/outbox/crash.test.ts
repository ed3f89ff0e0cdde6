import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { Archive } from '../../src/outbox/archive.ts';
import { verify } from '../../src/outbox/verify.ts';
import { claimAll, open, valuesOf } from './support.ts';

const FIXTURE = fileURLToPath(new URL('./fixtures/append-forever.ts', import.meta.url));
const KILLS = 4;
const MAX_LIFE_MS = 300;

/** Runs the fixture until `ms` after its first acknowledgement, kills it and returns what it was promised. */
async function killedAfter(ms: number, child: ChildProcess): Promise<number[]> {
  const acknowledged: number[] = [];
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const first = once(lines, 'line');
  lines.on('line', (line) => acknowledged.push(Number(line)));
  await first;
  await sleep(ms);
  child.kill('SIGKILL');
  await Promise.all([once(child, 'exit'), once(lines, 'close')]);
  return acknowledged;
}

t.test(
  'every acknowledged append survives SIGKILL, whole, with its cursor, and nothing is stored by halves',
  async (t) => {
    const dataDir = t.testdir();
    const acknowledged: number[] = [];
    for (let round = 0; round < KILLS; round += 1) {
      const life = Math.round(Math.random() * MAX_LIFE_MS);
      t.comment(`kill ${round + 1} after ${life} ms`);
      // Each life has its own numbers, multiples of three apart, so that the writers' cursors stay theirs.
      const child = spawn(process.execPath, [FIXTURE, dataDir, String(round * 300_000)], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: {},
      });
      acknowledged.push(...(await killedAfter(life, child)));
    }
    const { outbox } = await open(t, dataDir);
    const found = new Map<number, string>();
    const seqs: Record<string, number[]> = { m1: [], m2: [] };
    for (const stored of await claimAll(outbox)) {
      const [n, part] = valuesOf(stored) as [number, string];
      found.set(n, (found.get(n) ?? '') + part);
      seqs[stored.machine]?.push(stored.seq);
    }
    t.ok(acknowledged.length > KILLS, `${acknowledged.length} acknowledged, ${found.size} stored`);
    t.same(
      acknowledged.filter((n) => !found.has(n)),
      [],
      'nothing that was acknowledged is missing',
    );
    t.same(
      [...found].filter(([, parts]) => parts !== 'abc'),
      [],
      'entries are whole',
    );
    for (const [machine, numbers] of Object.entries(seqs)) {
      t.same(
        numbers,
        Array.from({ length: numbers.length }, (_, i) => i + 1),
        `${machine} is numbered without holes`,
      );
    }
    for (const i of [0, 1, 2]) {
      const stored = [...found.keys()].filter((n) => n % 3 === i);
      t.same(await outbox.cursor(`lane-${i}`), { n: Math.max(...stored) }, 'the cursor is that of the last entry');
    }
    await outbox.close();
    using archive = Archive.open(dataDir);
    t.same([...verify(archive, { quick: false })], []);
  },
);
