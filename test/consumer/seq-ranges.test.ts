import t from 'tap';
import { type Range, SeqRanges } from '../../src/consumer/seq-ranges.ts';
import { seededRandom } from '../support/random.ts';
import { SEED } from './support.ts';

const RUNS = 200;
const HIGHEST = 60;

/** What a set of numbers lacks, in the plainest form. */
function missingOf(seqs: ReadonlySet<number>, from: number): number[] {
  return Array.from({ length: Math.max(...seqs) - from }, (_, i) => from + i).filter((seq) => !seqs.has(seq));
}

const expand = (ranges: readonly Range[]) =>
  ranges.flatMap(([first, last]) => Array.from({ length: last - first + 1 }, (_, i) => first + i));

t.test(`agrees with a plain set, whatever the order (seed ${SEED})`, async (t) => {
  const random = seededRandom(SEED);
  for (let run = 0; run < RUNS; run++) {
    const ranges = new SeqRanges();
    const model = new Set<number>();
    for (let step = 0; step < 80; step++) {
      const seq = 1 + Math.floor(random() * HIGHEST);
      if (ranges.add(seq) === model.has(seq)) t.fail(`run ${run}: add ${seq} disagrees`);
      model.add(seq);
    }
    const first = Math.min(...model);
    t.strictSame(
      [ranges.size, ranges.first, ranges.last, expand(ranges.holes()), expand(ranges.holes(1))],
      [model.size, first, Math.max(...model), missingOf(model, first), missingOf(model, 1)],
      `run ${run}`,
    );
  }
});

t.test('an empty set has no holes', async (t) => {
  t.strictSame([new SeqRanges().holes(), new SeqRanges().holes(1), new SeqRanges().first], [[], [], undefined]);
});

t.test('a million numbers in order take no time and one run', async (t) => {
  const ranges = new SeqRanges();
  const start = performance.now();
  for (let seq = 1; seq <= 1_000_000; seq++) ranges.add(seq);
  t.strictSame([ranges.size, ranges.holes()], [1_000_000, []]);
  t.ok(performance.now() - start < 1000);
});
