import t from 'tap';
import type { Observation, Value } from '../../src/observation.ts';
import { MAX_BODY_BYTES, MAX_OBSERVATIONS, TelemetryBatcher } from '../../src/pipeline/batcher.ts';

const noUnit = () => undefined;

function observation(signal: string, t: number, v: Value, more: Partial<Observation> = {}): Observation {
  return { signal, t, ns: 0, v, q: 'good', ...more };
}

t.test('makes the columns of contract v1, times relative to the earliest', async (t) => {
  const batcher = new TelemetryBatcher();
  batcher.add(observation('rpm', 1_763_640_000_100, 1201));
  batcher.add(observation('execution', 1_763_640_000_040, 'ACTIVE'));
  batcher.add(observation('rpm', 1_763_640_000_200, 1199.5));
  const sealed = batcher.seal((signal) => (signal === 'rpm' ? 'rev/min' : undefined));
  t.equal(sealed?.t0, 1_763_640_000_040);
  t.equal(sealed?.count, 3);
  t.same(JSON.parse(sealed?.body ?? ''), {
    rpm: { unit: 'rev/min', t: [60, 160], v: [1201, 1199.5] },
    execution: { t: [0], v: ['ACTIVE'] },
  });
  t.equal(batcher.seal(noUnit), undefined, 'and starts anew');
});

t.test('keeps nanoseconds as decimals of a millisecond', async (t) => {
  const batcher = new TelemetryBatcher();
  batcher.add(observation('x', 1_763_640_000_000, 1));
  batcher.add(observation('x', 1_763_640_000_012, 2, { ns: 851_600 }));
  batcher.add(observation('x', 1_763_640_003_600, 3, { ns: 1 }));
  t.match(batcher.seal(noUnit)?.body, '"t":[0,12.8516,3600.000001]');
});

t.test('leaves qualities out while all are good and fills them in once one is not', async (t) => {
  const batcher = new TelemetryBatcher();
  batcher.add(observation('load', 1000, 31));
  batcher.add(observation('load', 1001, null, { q: 'bad' }));
  batcher.add(observation('load', 1002, 32));
  batcher.add(observation('other', 1000, 1));
  t.same(JSON.parse(batcher.seal(noUnit)?.body ?? ''), {
    load: { t: [0, 1, 2], v: [31, null, 32], q: ['good', 'bad', 'good'] },
    other: { t: [0], v: [1] },
  });
});

t.test('never lets a number through that JSON does not have', async (t) => {
  const batcher = new TelemetryBatcher();
  for (const v of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) batcher.add(observation('x', 1, v));
  t.same(JSON.parse(batcher.seal(noUnit)?.body ?? ''), {
    x: { t: [0, 0, 0], v: [null, null, null], q: ['bad', 'bad', 'bad'] },
  });
});

t.test('takes a hostile signal name as a name', async (t) => {
  const batcher = new TelemetryBatcher();
  batcher.add(observation('__proto__', 1, 7));
  t.equal(batcher.seal(noUnit)?.body, '{"__proto__":{"t":[0],"v":[7]}}');
});

t.test('is full by count', async (t) => {
  const batcher = new TelemetryBatcher();
  for (let i = 0; i < MAX_OBSERVATIONS - 1; i += 1) batcher.add(observation('x', i, i));
  t.equal(batcher.full, false);
  batcher.add(observation('x', 1, 1));
  t.equal(batcher.full, true);
});

t.test('is full by size', async (t) => {
  const batcher = new TelemetryBatcher();
  batcher.add(observation('program', 1, 'x'.repeat(MAX_BODY_BYTES)));
  t.equal(batcher.full, true);
});
