import t, { type Test } from 'tap';
import { readHistory } from '../../src/history/history.ts';
import { openOutbox } from '../../src/outbox/client.ts';
import type { LocalOutbox } from '../../src/outbox/local.ts';
import type { NewBatch } from '../../src/outbox/outbox.ts';
import { ROOMY, recordingLog } from '../outbox/support.ts';

const T0 = 1_763_640_000_000;
const clock = { time: T0, now: () => clock.time };

/** A second of a machine: `rpm` ten times, `parts` once a minute. */
function second(machine: string, s: number): NewBatch {
  const t0 = T0 + s * 1000;
  const rpm = {
    unit: 'rev/min',
    t: Array.from({ length: 10 }, (_, i) => i * 100),
    v: Array.from({ length: 10 }, (_, i) => s * 10 + i),
  };
  const parts = s % 60 === 0 ? { parts: { t: [0], v: [s / 60] } } : {};
  const body = JSON.stringify({ rpm, mode: { t: [0], v: ['AUTO'] }, ...parts });
  return { machine, kind: 'telemetry', lane: 'live', t0, count: 12, clock: 'synced', body };
}

/** @param together seconds that share a commit */
async function filled(t: Test, seconds: number, machines: readonly string[], together = 1): Promise<LocalOutbox> {
  clock.time = T0;
  const outbox = await openOutbox({ dataDir: t.testdir(), budget: ROOMY, log: recordingLog().log, clock });
  for (let s = 0; s < seconds; s += together) {
    clock.time = T0 + (s + together) * 1000 - 500;
    const batches = Array.from({ length: together }, (_, i) => machines.map((machine) => second(machine, s + i)));
    await outbox.append({ batches: batches.flat() });
  }
  t.teardown(() => outbox.close());
  return outbox;
}

t.test('a short range is told in full, thinned to buckets with their extremes', async (t) => {
  const outbox = await filled(t, 60, ['m1', 'm2']);
  const request = { machine: 'm1', from: T0, to: T0 + 60_000, points: 6 };
  const { source, signals } = await readHistory(outbox, { ...request, signals: ['rpm', 'mode', 'nothing'] });
  t.equal(source, 'raw');
  t.match(signals['rpm'], { unit: 'rev/min', min: [0, 100, 200, 300, 400, 500], max: [99, 199, 299, 399, 499, 599] });
  t.same(signals['rpm']?.mean[0], 49.5);
  t.same(signals['rpm']?.t[0], T0 + 9900);
  t.match(signals['mode'], { last: Array(6).fill('AUTO'), mean: Array(6).fill(null) });
  t.same(signals['nothing']?.t, []);
});

t.test('what lies outside of the range is left out', async (t) => {
  const outbox = await filled(t, 20, ['m1']);
  const request = { machine: 'm1', signals: ['rpm'], from: T0 + 5000, to: T0 + 9999, points: 1 };
  t.match((await readHistory(outbox, request)).signals['rpm'], { min: [50], max: [99] });
});

t.test('a long range is sampled, evenly and with bounded work; a rare signal is looked for a little', async (t) => {
  const outbox = await filled(t, 7000, ['m1'], 10);
  let batches = 0;
  const counting = {
    ...outbox,
    idNear: (time: number) => outbox.idNear(time),
    telemetry: async (...range: Parameters<LocalOutbox['telemetry']>) => {
      const page = await outbox.telemetry(...range);
      batches += page.length;
      return page;
    },
  };
  const request = { machine: 'm1', signals: ['rpm'], from: T0, to: T0 + 7_000_000, points: 100 };
  const { source, signals } = await readHistory(counting, request);
  const { t: times = [], mean = [] } = signals['rpm'] ?? {};
  t.equal(source, 'sampled');
  t.ok(batches <= 6000 + 800, `${batches} batches`);
  t.ok(times.length >= 95 && times.length <= 101, `${times.length} points`);
  t.ok(
    times.every((time, i) => Math.abs((mean[i] ?? 0) - (time - T0) / 100) <= 700),
    'each value is of its time',
  );
});
