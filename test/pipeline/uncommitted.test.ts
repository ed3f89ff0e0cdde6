import t from 'tap';
import { Uncommitted, weightOf } from '../../src/pipeline/uncommitted.ts';

const KIB = 1024;

/** Takes as much as it gives, in pieces of 64 KiB. Returns what it took. */
function fill(uncommitted: Uncommitted, from = 0): number {
  let own = from;
  for (; !uncommitted.isFull(own); own += 64 * KIB) uncommitted.add(64 * KIB);
  return own;
}

t.test('one machine alone may have all of it', async (t) => {
  t.equal(fill(new Uncommitted()), 8192 * KIB);
});

t.test('while one has all of it, each other still gets a share of its own', async (t) => {
  const uncommitted = new Uncommitted();
  const greedy = fill(uncommitted);
  t.equal(fill(uncommitted), 128 * KIB);
  t.equal(fill(uncommitted), 128 * KIB, 'and the third one');
  t.ok(uncommitted.isFull(greedy), 'the first one waits');
  uncommitted.add(-512 * KIB);
  t.notOk(uncommitted.isFull(greedy - 512 * KIB), 'until something of it is committed');
});

t.test('two hundred machines have no more than 8 MiB and 128 KiB each', async (t) => {
  const uncommitted = new Uncommitted();
  const own = Array.from({ length: 200 }, () => 0);
  let sum = 0;
  for (let isAny = true; isAny; ) {
    isAny = false;
    for (const [i, had] of own.entries()) {
      if (uncommitted.isFull(had)) continue;
      isAny = true;
      uncommitted.add(64 * KIB);
      own[i] = had + 64 * KIB;
      sum += 64 * KIB;
    }
  }
  t.ok(sum <= (8192 + 200 * 128) * KIB, `${sum / KIB} KiB`);
  t.ok(Math.min(...own) >= 128 * KIB, 'and each has its share');
});

t.test('an append weighs its bodies, the state of engines, and something in any case', async (t) => {
  const batch = { machine: 'm', kind: 'telemetry', lane: 'live', t0: 0, count: 1, clock: 'synced' } as const;
  t.equal(weightOf({ batches: [] }), KIB);
  t.equal(weightOf({ batches: [{ ...batch, body: 'x'.repeat(500) }] }), KIB + 500);
  t.equal(weightOf({ batches: [], state: { machine: 'm', state: null } }), 65 * KIB);
});
