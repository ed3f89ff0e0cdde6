import t from 'tap';
import type { Observation, Value } from '../../src/observation.ts';
import { MAX_BODY_BYTES, MAX_OBSERVATIONS, TelemetryBatcher } from '../../src/pipeline/batcher.ts';
import { seededRandom } from '../support/random.ts';

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

const NAMES = [
  'rpm',
  'load',
  '__proto__',
  'constructor',
  '1',
  '2',
  '',
  'a"b\\c',
  'größe',
  '\ud800',
  '日本',
  'n\u0000l',
  'x'.repeat(90),
];
const VALUES: readonly Value[] = [
  ...[0, -0, 7, -7, 0.1, 0.3, 1 / 3, 12.345, -0.000001, 1e-7, 5e-324, 999_999_999.999999, 1e9, 4_294_967_295, 2 ** 53],
  ...[1.7976931348623157e308, -1e21, 123456789.1234567, 1_763_640_000_000.25, Number.NaN, Number.NEGATIVE_INFINITY],
  ...[
    true,
    false,
    null,
    '',
    'ACTIVE',
    'a "quoted" text\n',
    'Spindeldrehzahl größer',
    '\udc00 alone',
    '日本'.repeat(50),
  ],
  ...[[1, 'two', [null]], { a: 1, nested: { b: [-0, 'x'] } }, { signal: 'load', share: 0.25 }, []],
];
const QUALITIES = ['good', 'good', 'good', 'uncertain', 'bad'] as const;

/** The body as `JSON.stringify` makes it of one object for each signal, in the order in which they came. */
function naiveBody(observations: readonly Observation[], unitOf: (signal: string) => string | undefined): string {
  const t0 = Math.min(...observations.map(({ t }) => t));
  const lost = (v: Value) => typeof v === 'number' && !Number.isFinite(v);
  const signals = [...Map.groupBy(observations, ({ signal }) => signal)].map(([signal, own]) => {
    const q = own.map((one) => (lost(one.v) ? 'bad' : one.q));
    const column = {
      unit: unitOf(signal),
      t: own.map(({ t, ns }) => (ns === 0 ? t - t0 : Math.round((t - t0) * 1e6 + ns) / 1e6)),
      v: own.map(({ v }) => (lost(v) ? null : v)),
      q: q.every((one) => one === 'good') ? undefined : q,
    };
    return `${JSON.stringify(signal)}:${JSON.stringify(column)}`;
  });
  return `{${signals.join(',')}}`;
}

t.test(
  'gives the bytes that JSON.stringify gives, batch after batch, whatever names, units and values are',
  async (t) => {
    for (let seed = 1; seed <= 40; seed++) {
      const random = seededRandom(seed);
      const pick = <T>(of: readonly T[]): T => of[Math.floor(random() * of.length)] as T;
      const decimals = () => Math.round((random() - 0.5) * 10 ** (random() * 12)) / 10 ** Math.floor(random() * 7);
      const batcher = new TelemetryBatcher();
      const units = new Map<string, string>();
      for (let batch = 0; batch < 20; batch++) {
        if (random() < 0.3) units.set(pick(NAMES), pick(['mm/min', '°C', '"', 'm\u00b3']));
        const observations = Array.from({ length: 1 + Math.floor(random() * 60) }, () =>
          observation(
            pick(NAMES),
            1_763_640_000_000 + Math.floor(random() * 5000),
            random() < 0.5 ? decimals() : pick(VALUES),
            {
              ns: random() < 0.7 ? 0 : Math.floor(random() * 1e6),
              q: pick(QUALITIES),
            },
          ),
        );
        for (const one of observations) batcher.add(one);
        const unitOf = (signal: string) => units.get(signal);
        const body = batcher.seal(unitOf)?.body;
        const expected = naiveBody(observations, unitOf);
        if (body !== expected) t.equal(body, expected, `seed ${seed}, batch ${batch}`);
      }
    }
    t.pass('40 seeds');
  },
);

t.test('signals whose names are numbers stand in the order in which they came', async (t) => {
  const batcher = new TelemetryBatcher();
  for (const signal of ['b', '2', '1']) batcher.add(observation(signal, 1, 0));
  t.equal(batcher.seal(noUnit)?.body, '{"b":{"t":[0],"v":[0]},"2":{"t":[0],"v":[0]},"1":{"t":[0],"v":[0]}}');
});

t.test('what a driver gives that is no JSON value is null', async (t) => {
  const batcher = new TelemetryBatcher();
  batcher.add(observation('x', 1, undefined as unknown as Value));
  batcher.add(observation('x', Number.NaN, (() => 1) as unknown as Value));
  t.equal(batcher.seal(noUnit)?.body, '{"x":{"t":[0,null],"v":[null,null]}}');
});

t.test('hands over the last value of each signal of the batch, and of that batch alone', async (t) => {
  const batcher = new TelemetryBatcher();
  batcher.add(observation('old', 1, 1));
  batcher.seal(noUnit);
  batcher.add(observation('rpm', 1, 1200));
  batcher.add(observation('state', 2, 'running'));
  batcher.add(observation('rpm', 3, Number.NaN));
  const last: unknown[] = [];
  batcher.latest((...one) => last.push(one));
  t.same(last, [
    ['rpm', 3, null, 'bad'],
    ['state', 2, 'running', 'good'],
  ]);
});

t.test('a text of a megabyte goes through, and the next batch after it', async (t) => {
  const batcher = new TelemetryBatcher();
  const program = 'ü'.repeat(1e6);
  batcher.add(observation('program', 1, program));
  t.equal(batcher.seal(noUnit)?.body, `{"program":{"t":[0],"v":["${program}"]}}`);
  batcher.add(observation('rpm', 1, 5));
  t.equal(batcher.seal(noUnit)?.body, '{"rpm":{"t":[0],"v":[5]}}');
});

t.test('names without end do not pile up from batch to batch', async (t) => {
  const batcher = new TelemetryBatcher();
  for (let i = 0; i < 45_000; i++) {
    batcher.add(observation(`s${i}`, 1, i));
    if (batcher.full) batcher.seal(noUnit);
  }
  batcher.seal(noUnit);
  t.ok(batcher.columns <= 20_000, `${batcher.columns} are kept`);
  batcher.add(observation('s1', 1, 5));
  t.equal(batcher.seal(noUnit)?.body, '{"s1":{"t":[0],"v":[5]}}');
});
