import t from 'tap';
import { drain } from '../../bench/drain.ts';
import { ingest } from '../../bench/ingest.ts';
import type { Section } from '../../bench/measure/figures.ts';
import { mtconnect } from '../../bench/mtconnect.ts';
import { noMosquitto } from '../support/brokers.ts';

/**
 * What was twice as fast before fails here: processor time beside that of the bare libraries for the same work in the same run, the best of
 * some repeats of each, since another process makes a repeat slower, never faster.
 */
const REPEATS = 3;

/** Ratio of each figure that has a limit, by name. */
function best({ figures }: Section): Map<string, number> {
  return new Map(
    figures.flatMap(({ what, value, limit }) =>
      limit === undefined ? [] : [[what, value.max / limit.value.max] as const],
    ),
  );
}

t.test('ingest keeps its distance to bare zstd and inserts', async (t) => {
  const ratios = best(await ingest({ scale: 'guard', repeats: REPEATS, folder: t.testdir() }));
  t.comment(ratios);
  t.ok((ratios.get('without rules') ?? 0) > 0.12, 'without rules');
  t.ok((ratios.get('with 20 rules, features and rollups') ?? 0) > 0.035, 'with rules');
});

t.test('a drain keeps its distance to bare mqtt.js', { skip: noMosquitto }, async (t) => {
  const ratios = best(await drain({ scale: 'guard', repeats: REPEATS, folder: t.testdir() }));
  t.comment(ratios);
  t.ok((ratios.get('compression none') ?? 0) > 0.1, 'as it is');
});

t.test('MTConnect documents keep their distance to bare fast-xml-parser', async (t) => {
  const ratios = best(await mtconnect({ scale: 'guard', repeats: REPEATS, folder: t.testdir() }));
  t.comment(ratios);
  for (const [what, ratio] of ratios) t.ok(ratio > 1.3, what);
});
