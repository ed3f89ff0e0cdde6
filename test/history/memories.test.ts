import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';
import { Memories } from '../../src/history/memories.ts';
import { openOutbox } from '../../src/outbox/client.ts';
import type { NewBatch } from '../../src/outbox/outbox.ts';
import { ROOMY, recordingLog } from '../outbox/support.ts';

const T0 = 1_763_640_000_000;
const clock = { time: T0, now: () => clock.time };
const { log } = recordingLog();

/** Telemetry as a pipeline stores it. */
function batch(t: number, signals: Readonly<Record<string, unknown>>): NewBatch {
  const columns = Object.entries(signals).map(([name, v]) => [name, { t: [0], v: [v] }]);
  const body = JSON.stringify(Object.fromEntries(columns));
  return { machine: 'mill', kind: 'telemetry', lane: 'live', t0: t, count: columns.length, clock: 'synced', body };
}

t.test('what was known is known again, with what was stored since it was written', async (t) => {
  const dataDir = t.testdir();
  const open = () => openOutbox({ dataDir, budget: ROOMY, log, clock });
  const heldUntil = () => clock.time;
  let outbox = await open();
  const before = new Memories({ dataDir, outbox, clock, steady: clock, heldUntil, log });
  await before.open(['mill']);
  await outbox.append({ batches: [batch(T0, { state: 'idle', program: 'O1' })] });
  before.of('mill').latest.take([
    { name: 'state', t: T0, v: 'idle', q: 'good' },
    { name: 'program', unit: undefined, t: T0, v: 'O1', q: 'good' },
  ]);
  before.observe('mill', { signal: 'state', t: T0, ns: 0, v: 'idle', q: 'good' });
  clock.time = T0 + 1000;
  await before.save();
  clock.time = T0 + 2000;
  await outbox.append({ batches: [batch(T0 + 2000, { state: 'running' })] });
  await outbox.close();

  clock.time = T0 + 60_000;
  outbox = await open();
  t.teardown(() => outbox.close());
  const after = new Memories({ dataDir, outbox, clock, steady: clock, heldUntil, log });
  await after.open(['mill', 'saw']);
  t.match(after.of('mill').latest.get('state'), { v: 'running', t: T0 + 2000 });
  t.match(after.of('mill').latest.get('program'), { v: 'O1', t: T0 });
  t.same(after.timeline('mill', T0, T0 + 60_000), [
    { from: T0, to: T0 + 2000, state: 'idle' },
    { from: T0 + 2000, to: T0 + 60_000, state: 'running' },
  ]);
  t.same(after.timeline('saw', T0, T0 + 60_000), []);
  t.same(after.timeline('nobody', T0, T0 + 60_000), []);
});

t.test('a file that is damaged, or that cannot be written, costs nothing else', async (t) => {
  const dataDir = t.testdir();
  const outbox = await openOutbox({ dataDir, budget: ROOMY, log, clock });
  t.teardown(() => outbox.close());
  for (const text of [
    '{"after": 1, "machines": {"mill": {"latest": [null, {}], "timeline": 7}}}',
    '{"machi',
    'null',
    '[]',
  ]) {
    writeFileSync(join(dataDir, 'memory.json'), text);
    const memories = new Memories({ dataDir, outbox, clock, steady: clock, heldUntil: () => undefined, log });
    await memories.open(['mill']);
    t.same(memories.of('mill').latest.all(), [], text);
    await memories.close();
  }
  const nowhere = new Memories({
    dataDir: join(dataDir, 'gone'),
    outbox,
    clock,
    steady: clock,
    heldUntil: () => undefined,
    log,
  });
  await nowhere.open(['mill']);
  await nowhere.close();
  t.notOk(existsSync(join(dataDir, 'gone')));
});
