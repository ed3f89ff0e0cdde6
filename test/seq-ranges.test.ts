import t from 'tap';
import { type Run, SeqRanges } from '../src/seq-ranges.ts';
import { SEED } from './consumer/support.ts';
import { seededRandom } from './support/random.ts';

const RUNS = 200;
const HIGHEST = 60;

/** What a set of numbers lacks, in the plainest form. */
function missingOf(seqs: ReadonlySet<number>, from: number): number[] {
  return Array.from({ length: Math.max(...seqs) - from }, (_, i) => from + i).filter((seq) => !seqs.has(seq));
}

const expand = (ranges: readonly Run[]) =>
  ranges.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i));

t.test(`agrees with a plain set, whatever the order (seed ${SEED})`, async (t) => {
  const random = seededRandom(SEED);
  for (let run = 0; run < RUNS; run++) {
    const ranges = new SeqRanges();
    const model = new Set<number>();
    for (let step = 0; step < 80; step++) {
      const seq = 1 + Math.floor(random() * HIGHEST);
      // Each number is at ten times itself: so are the neighbours of a hole.
      const last = random() < 0.2 ? Math.min(HIGHEST, seq + Math.floor(random() * 8)) : seq;
      const seqs = Array.from({ length: last - seq + 1 }, (_, i) => seq + i);
      const added = ranges.addRun({ first: seq, last, from: seq * 10, to: last * 10 });
      if (added !== seqs.filter((each) => !model.has(each)).length) t.fail(`run ${run}: add ${seq}–${last} disagrees`);
      for (const each of seqs) model.add(each);
    }
    const first = Math.min(...model);
    t.strictSame(
      [ranges.size, ranges.first, ranges.last, expand(ranges.holes()), expand(ranges.holes(1))],
      [model.size, first, Math.max(...model), missingOf(model, first), missingOf(model, 1)],
      `run ${run}`,
    );
    const isBetween = ({ first, last, from, to }: Run) => from === (first - 1) * 10 && to === (last + 1) * 10;
    t.ok(ranges.holes().every(isBetween), `run ${run}: a hole knows when its neighbours were`);
  }
});

t.test('an empty set has no holes', async (t) => {
  t.strictSame([new SeqRanges().holes(), new SeqRanges().holes(1), new SeqRanges().first], [[], [], undefined]);
});

t.test('a number is added once; before the first number a hole has one neighbour', async (t) => {
  const ranges = new SeqRanges();
  t.strictSame([ranges.add(3, 30), ranges.add(3, 31), ranges.add(5, 50)], [true, false, true]);
  t.strictSame(ranges.holes(1), [
    { first: 1, last: 2, from: 30, to: 30 },
    { first: 4, last: 4, from: 30, to: 50 },
  ]);
});

t.test('a million numbers in order take no time and one run', async (t) => {
  const ranges = new SeqRanges();
  const start = performance.now();
  for (let seq = 1; seq <= 1_000_000; seq++) ranges.add(seq);
  t.strictSame([ranges.size, ranges.holes()], [1_000_000, []]);
  t.ok(performance.now() - start < 1000);
});
