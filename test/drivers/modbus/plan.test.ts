import t from 'tap';
import { type Block, bisect, type PlanLimits, plan, type Span } from '../../../src/drivers/modbus/plan.ts';
import { TABLES } from '../../../src/drivers/modbus/settings.ts';
import { seededRandom } from '../../support/random.ts';

const LIMITS: PlanLimits = { maxRegisters: 125, maxBits: 2000, bridge: 8 };
const holding = (address: number, size = 1): Span => ({ table: 'holding', address, size });
const shape = (blocks: readonly Block<Span>[]) => blocks.map(({ address, size }) => [address, size]);

t.test('reads small gaps along, splits at large ones, at the limit and between tables', async (test) => {
  test.same(shape(plan([holding(9), holding(0)], LIMITS)), [[0, 10]], 'eight unused between');
  test.same(
    shape(plan([holding(0), holding(10)], LIMITS)),
    [
      [0, 1],
      [10, 1],
    ],
    'nine unused between',
  );
  test.same(shape(plan([holding(0, 100), holding(100, 25), holding(125)], LIMITS)), [
    [0, 125],
    [125, 1],
  ]);
  test.same(
    shape(plan([holding(0, 124), holding(124, 2)], LIMITS)),
    [
      [0, 124],
      [124, 2],
    ],
    'no value is split',
  );
  test.equal(plan([holding(5), { table: 'input', address: 5, size: 1 }], LIMITS).length, 2);
  test.same(shape(plan([holding(5, 4), holding(6), holding(5)], LIMITS)), [[5, 4]], 'overlapping ones are read once');
});

t.test('for any signals and limits: each is in one block, whole, within the limits and the bridge', async (test) => {
  const seed = Date.now() % 1e9;
  test.comment(`seed ${seed}`);
  const random = seededRandom(seed);
  const upTo = (n: number) => Math.floor(random() * n);
  for (let round = 0; round < 500; round++) {
    const limits = { maxRegisters: 4 + upTo(122), maxBits: 1 + upTo(2000), bridge: upTo(20) };
    const signals = Array.from({ length: 1 + upTo(60) }, (): Span => {
      const table = TABLES[upTo(4)] ?? 'holding';
      return { table, address: upTo(300), size: table === 'coil' || table === 'discrete' ? 1 : 1 + upTo(4) };
    });
    const blocks = plan(signals, limits);
    const planned = blocks.flatMap((block) => block.signals);
    if (planned.length !== signals.length || signals.some((one) => !planned.includes(one)))
      return test.fail('one is missing');
    for (const block of blocks) {
      const problem = problemOf(block, limits);
      if (problem !== undefined) return test.fail(`${problem}: ${JSON.stringify(block)}`);
    }
  }
  return test.pass('500 rounds');
});

function problemOf({ table, address, size, signals }: Block<Span>, limits: PlanLimits): string | undefined {
  const isBits = table === 'coil' || table === 'discrete';
  if (size > (isBits ? limits.maxBits : limits.maxRegisters)) return 'beyond the limit';
  const used = new Set<number>();
  for (const signal of signals) {
    if (signal.table !== table) return 'of another table';
    for (let i = 0; i < signal.size; i++) used.add(signal.address + i - address);
  }
  if ([...used].some((at) => at < 0 || at >= size)) return 'not whole';
  let gap = 0;
  for (let at = 0; at < size; at++) {
    gap = used.has(at) ? 0 : gap + 1;
    if (gap > limits.bridge * (isBits ? 16 : 1)) return 'beyond the bridge';
  }
  return used.has(0) && used.has(size - 1) ? undefined : 'longer than what it holds';
}

t.test('bisecting finds exactly what is refused, in some log2 steps each', async (test) => {
  const seed = Date.now() % 1e9;
  test.comment(`seed ${seed}`);
  const random = seededRandom(seed);
  for (let round = 0; round < 200; round++) {
    const signals = Array.from({ length: 100 }, (_, i) => holding(i));
    const holes = new Set([Math.floor(random() * 100), Math.floor(random() * 100)]);
    const refused: number[] = [];
    const given: number[] = [];
    let requests = 0;
    const due = plan(signals, LIMITS);
    for (let block = due.pop(); block !== undefined; block = due.pop()) {
      requests += 1;
      const { address, size } = block;
      const isRefused = [...holes].some((hole) => hole >= address && hole < address + size);
      if (!isRefused) given.push(...block.signals.map((one) => one.address));
      else due.push(...(bisect(block) ?? []));
      if (isRefused && bisect(block) === undefined) refused.push(address);
    }
    if (new Set(refused).size !== holes.size || given.length !== 100 - holes.size) return test.fail('a wrong one');
    if (requests > 2 * 2 * 8) return test.fail(`${requests} requests`);
  }
  return test.pass('200 rounds');
});

t.test('bisecting splits where nobody asked for anything first', async (test) => {
  const [block] = plan([holding(0), holding(1), holding(2), holding(9), holding(10)], LIMITS);
  const halves = block && bisect(block);
  test.same(halves && shape(halves), [
    [0, 3],
    [9, 2],
  ]);
  const [same] = plan([holding(7), holding(7)], LIMITS);
  test.equal(same && bisect(same), undefined, 'two signals of one register are one');
});
