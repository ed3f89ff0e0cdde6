import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { encode, type Point } from '../../../../simulator/modbus/encode.ts';
import { type SampledRun, search } from '../../../../src/drivers/modbus/tools/search.ts';
import { seededRandom } from '../../../support/random.ts';

interface Case {
  readonly name: string;
  readonly point: Pick<Point, 'type' | 'order' | 'scale'>;
  readonly value: number;
  readonly expect: number;
  /** Where it is not that of the point. */
  readonly scale?: number;
}

const CASES: readonly Case[] = JSON.parse(readFileSync(join(import.meta.dirname, 'search-cases.json'), 'utf8'));
const SEED = 20261;
const REGISTERS = 120;
const AT = 41;
const FIRST = 300;

/** Registers as devices have them: a third zero, small numbers, and noise that differs from sample to sample. */
function surroundings(random: () => number): [number[], number[]] {
  const before = Array.from({ length: REGISTERS }, (_, at) =>
    at % 3 === 0 ? 0 : Math.floor(random() * (at % 3 === 1 ? 90 : 65_536)),
  );
  return [before, before.map((value, at) => (at % 6 === 5 ? Math.floor(random() * 65_536) : value))];
}

function runOf(before: readonly number[], after: readonly number[]): SampledRun {
  const bytes = (words: readonly number[]) => Buffer.from(words.flatMap((word) => [word >> 8, word & 0xff]));
  return { table: 'holding', address: FIRST, before: bytes(before), after: bytes(after) };
}

function runWith(point: Case['point'], value: number, seed = SEED): SampledRun {
  const [before, after] = surroundings(seededRandom(seed));
  const { raw } = encode({ table: 'holding', address: 0, ...point }, value);
  before.splice(AT, raw.length, ...raw);
  after.splice(AT, raw.length, ...raw);
  return runOf(before, after);
}

for (const { name, point, value, expect, scale = point.scale ?? 1 } of CASES) {
  t.test(`finds ${name}`, async (t) => {
    t.comment(`seed ${SEED}`);
    const [best] = search(expect, [runWith(point, value)]);
    t.match(best, { table: 'holding', address: FIRST + AT, type: point.type, order: point.order ?? 'ABCD', scale });
  });
}

t.test('what shows the value exactly comes before what is near it', async (t) => {
  const run = runOf([15_235, 15_236, 15_190], [15_235, 15_236, 15_190]);
  const found = search(1523.5, [run]);
  t.match(found[0], { address: FIRST, scale: 0.1, value: 1523.5 });
  t.ok(
    found.some(({ address }) => address === FIRST + 2),
    'what is near is told, too: the machine may have moved on',
  );
});

t.test('a value that moved on a little is found by either sample', async (t) => {
  t.match(search(8123, [runOf([8123], [8130])])[0], { address: FIRST, value: 8130 });
  t.match(search(8123, [runOf([8111], [8123])])[0], { address: FIRST, value: 8123 });
});

t.test('what changed beyond measure between the samples is dropped', async (t) => {
  t.same(search(8123, [runOf([8123], [41])]), []);
});

t.test('a counter whose high word is zero is read as one register first, as both read the same', async (t) => {
  const found = search(4711, [runOf([0, 4711], [0, 4711])]);
  t.match(found[0], { address: FIRST + 1, type: 'uint16' });
  t.ok(found.some(({ address, type }) => address === FIRST && type === 'uint32'));
});

t.test('nothing is found among zeros, and text is no number', async (t) => {
  t.same(search(1523.5, [runOf([0, 0, 0, 0], [0, 0, 0, 0])]), []);
  t.same(search(1523.5, []), []);
  t.same(search(0, [runOf([0, 0, 0, 0], [0, 0, 0, 0])]), [], 'nor is 0 itself, which would be everywhere');
});

t.test('input and holding registers are both looked through', async (t) => {
  const run = runOf([8123], [8123]);
  const found = search(8123, [run, { ...run, table: 'input', address: 7 }]);
  t.same(new Set(found.map(({ table }) => table)), new Set(['holding', 'input']));
});
