import t from 'tap';
import type { Span } from '../../../../src/drivers/modbus/plan.ts';
import type { Table } from '../../../../src/drivers/modbus/settings.ts';
import { type Readability, survey } from '../../../../src/drivers/modbus/tools/survey.ts';
import { seededRandom } from '../../../support/random.ts';

const ENOUGH = { requests: 20_000, ms: 20_000 };
const quiet = () => undefined;

type Runs = Partial<Readonly<Record<Table, readonly (readonly [first: number, last: number])[]>>>;

/** A device that reads only what lies wholly within a run, and so much at once. */
function device(runs: Runs, most = 125, asked: Span[] = []) {
  return async (span: Span): Promise<Readability> => {
    asked.push(span);
    const { table, address, size } = span;
    const limit = table === 'coil' || table === 'discrete' ? 2000 : most;
    if (size > limit) return 'refused';
    const inside = runs[table]?.some(([first, last]) => address >= first && address + size - 1 <= last);
    return inside ? 'readable' : 'refused';
  };
}

function told(runs: readonly Span[]): [string, number, number][] {
  return runs.map(({ table, address, size }) => [table, address, address + size - 1]);
}

t.test('finds runs, single addresses and both ends of all tables', async (t) => {
  const found = await survey(
    device({
      holding: [
        [0, 19],
        [25, 25],
        [100, 460],
        [40_000, 40_063],
        [65_500, 65_535],
      ],
      input: [[7, 7]],
      coil: [[0, 4999]],
      discrete: [[995, 1203]],
    }),
    ENOUGH,
    quiet,
  );
  t.same(told(found.runs), [
    ['holding', 0, 19],
    ['holding', 25, 25],
    ['holding', 100, 460],
    ['holding', 40_000, 40_063],
    ['input', 7, 7],
    ['coil', 0, 4999],
    ['discrete', 995, 1203],
  ]);
  t.equal(found.isComplete, true);
  t.equal(found.maxRegisters, undefined, 'a hole is not taken for a limit of the device');
});

t.test('a device that mirrors all its memory costs no more than its blocks', async (t) => {
  const all = [[0, 65_535]] as const;
  const found = await survey(device({ holding: all, input: all, coil: all, discrete: all }), ENOUGH, quiet);
  t.same(
    told(found.runs).map(([, first, last]) => [first, last]),
    Array(4).fill([0, 65_535]),
  );
  t.ok(found.requests < 1200, `${found.requests} requests`);
});

t.test('learns how much a device gives at once', async (t) => {
  const found = await survey(device({ holding: [[0, 299]] }, 32), ENOUGH, quiet);
  t.same(told(found.runs), [['holding', 0, 299]]);
  t.equal(found.maxRegisters, 32);
});

t.test('asks no more than it may, and says that it did not look everywhere', async (t) => {
  const asked: Span[] = [];
  const found = await survey(device({ holding: [[0, 9]] }, 125, asked), { requests: 50, ms: 20_000 }, quiet);
  t.equal(asked.length, 50);
  t.match(found, { requests: 50, isComplete: false });
  t.same(told(found.runs), [['holding', 0, 9]]);
});

t.test('leaves a table that the device does not know, or is silent about, after a few questions', async (t) => {
  const counts = new Map<Table, number>();
  const found = await survey(
    async ({ table }) => {
      counts.set(table, (counts.get(table) ?? 0) + 1);
      return table === 'coil' ? 'unknown function' : table === 'discrete' ? 'silent' : 'refused';
    },
    ENOUGH,
    quiet,
  );
  t.equal(counts.get('coil'), 1);
  t.equal(counts.get('discrete'), 3);
  t.same(found.absent, ['coil', 'discrete']);
});

t.test(
  'random maps: what it tells is readable and bounded by holes, and every run that touches 0 to 99 is found',
  async (t) => {
    const seed = Date.now() % 1e6;
    t.comment(`seed ${seed}`);
    const random = seededRandom(seed);
    for (let round = 0; round < 20; round++) {
      const runs: [number, number][] = [];
      let at = Math.floor(random() * 30);
      while (at < 3000) {
        const last = at + Math.floor(random() * 200);
        runs.push([at, last]);
        at = last + 2 + Math.floor(random() * 60);
      }
      const most = 1 + Math.floor(random() * 125);
      const found = await survey(device({ holding: runs }, most), ENOUGH, quiet);
      const ones = told(found.runs).map(([, first, last]) => `${first}-${last}`);
      const real = runs.map(([first, last]) => `${first}-${last}`);
      t.ok(
        ones.every((one) => real.includes(one)),
        'each is a whole run of the device',
      );
      const early = runs.filter(([first]) => first < 100).map(([first, last]) => `${first}-${last}`);
      t.ok(early.every((one) => ones.includes(one)));
    }
  },
);
