import t from 'tap';
import { beginOf } from '../../src/outbox/extent.ts';
import { shed } from '../../src/outbox/shed.ts';
import { replacement } from '../../src/outbox/split.ts';

const HOUR = 3_600_000;
const STORED = 1_763_640_000_000;
const OLD = STORED - 400 * 24 * HOUR;

/** A batch whose signals have entries at these times. */
function batchAt(signals: Record<string, readonly number[]>) {
  const t0 = Math.min(...Object.values(signals).flat());
  const columns = Object.entries(signals).map(([name, times]) => [
    name,
    { t: times.map((time) => time - t0), v: times },
  ]);
  const body = JSON.stringify(Object.fromEntries(columns));
  return { seq: 1, t0, count: 1, synced: true, bytes: body.length, storedAt: STORED, body };
}

const begin = (signals: Record<string, readonly number[]>) => beginOf({ kind: 'telemetry', ...batchAt(signals) });

t.test('what is stored as it is made begins with its first entry', async (t) => {
  t.equal(begin({ rpm: [STORED - 900, STORED - 10], mode: [STORED - 1000] }), STORED - 1000);
  t.equal(begin({ rpm: [STORED - HOUR] }), STORED - HOUR);
});

t.test('values that were reached long before do not draw it out; data that was read late does', async (t) => {
  t.equal(begin({ mode: [OLD], program: [OLD + 5] }), STORED - HOUR);
  t.equal(begin({ mode: [OLD], rpm: [OLD + 5, STORED - 700, STORED - 600] }), STORED - 700);
  const late = STORED - 5 * HOUR;
  t.equal(begin({ mode: [OLD], rpm: [late + 0.5, late + 100.5, late + 200] }), late);
});

t.test('of a body that cannot be read it goes back an hour, of rollups to their windows', async (t) => {
  const unreadable = { ...batchAt({ mode: [OLD] }), body: undefined };
  t.equal(beginOf({ kind: 'telemetry', ...unreadable }), STORED - HOUR);
  t.equal(beginOf({ kind: 'telemetry', ...unreadable, body: 'no JSON' }), STORED - HOUR);
  const window = STORED - 30 * HOUR;
  t.equal(beginOf({ kind: 'rollup', ...batchAt({ rpm: [window] }) }), window);
  t.equal(beginOf({ kind: 'rollup', ...batchAt({ mode: [OLD], rpm: [window, window + 60_000] }) }), window);
});

t.test('the gap of a snapshot that is given up or divided does not reach back to its oldest value', async (t) => {
  const batch = batchAt({ mode: [OLD], program: [STORED - 5] });
  const run = { machine: 'm1', kind: 'telemetry', batches: [batch] } as const;
  const gapOf = (body: string | undefined) => JSON.parse(body ?? '')[0];
  for (const policy of ['thin', 'dropOldest'] as const) {
    const gap = gapOf(shed(run, { policy, keep: [], stream: 'b7k2', now: STORED }).batches.at(-1)?.body);
    t.match(gap, { cause: 'budget', from: STORED - 6, to: STORED, detail: { oldest: OLD } });
  }
  const gap = gapOf(replacement(run, [], 'b7k2', STORED).at(-1)?.body);
  t.match(gap, { cause: 'split', from: STORED - 6, to: STORED });
});
