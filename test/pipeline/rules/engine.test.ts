import t from 'tap';
import { Bench, observation, rule } from './support.ts';

t.test('rules are picked by machine and label', async (test) => {
  const rules = [
    rule('rpm > 1', { name: 'all' }),
    rule('rpm > 1', { name: 'vmc', machines: ['vmc-*', 'lathe-?'] }),
    rule('rpm > 1', { name: 'line A', labels: { line: 'A*' } }),
    rule('rpm > 1', { name: 'other', machines: ['vmc'] }),
  ];
  const rulesOf = (machine: string, labels: Record<string, string>) =>
    new Bench(rules, { machine, labels }).engine.rules;
  test.same(rulesOf('vmc-3', {}), ['all', 'vmc']);
  test.same(rulesOf('lathe-1', { line: 'A2' }), ['all', 'vmc', 'line A']);
  test.same(rulesOf('lathe-12', { line: 'B' }), ['all']);
});

t.test('what the rule read is told by its words', async (test) => {
  const bench = new Bench([rule("avg(rpm, 1m) > 10 and state == 'running' and duration >= 5s")]);
  bench.feed('state', [0, 'running']).feed('rpm', [1, 100], [2, 200]).until(10);
  test.match(bench.engine.take(), [{ t: 6000, values: { 'avg(rpm, 1m)': 150, state: 'running', duration: 5 } }]);
});

t.test('a window that empties clears its alert without an observation', async (test) => {
  const bench = new Bench([rule('count(rpm, 1m) > 2'), rule('max(rpm, 1m) > 50', { name: 'max' })]);
  bench.feed('rpm', [0, 60], [10, 1], [20, 1], [30, 1]).until(200);
  test.same(bench.told(), ['firing@0', 'firing@20', 'resolved@61', 'resolved@71']);
});

t.test('each window function tells its figure', async (test) => {
  const cases: readonly (readonly [string, number])[] = [
    ['avg(x, 5m)', 25],
    ['min(x, 5m)', 10],
    ['max(x, 5m)', 40],
    ['stddev(x, 5m)', Math.sqrt(500 / 3)],
    ['count(x, 5m)', 4],
    ['changes(x, 5m)', 3],
    ['rate(x, 5m)', 1],
    ['trend(x, 5m)', 1],
    ['zscore(x, 5m)', 15 / Math.sqrt(500 / 3)],
    ['ewma(x, 10s)', 31.25],
    ['time_in(x, 30, 5m)', 10],
  ];
  const bench = new Bench(cases.map(([text], i) => rule(`${text} >= -1000 and x == 40`, { name: `r${i}` })));
  bench.feed('x', [0, 10], [10, 20], [20, 30], [30, 40]);
  const told = bench.engine.take();
  test.equal(told.length, cases.length);
  for (const [text, expected] of cases) {
    const value = told.flatMap(({ values }) => values[text] ?? [])[0] as number;
    test.ok(Math.abs(value - expected) < 1e-9, `${text} is ${value}, expected ${expected}`);
  }
});

t.test('late observations count in windows, and never turn time back', async (test) => {
  const bench = new Bench([rule('count(rpm, 1m) >= 3'), rule('rpm > 100', { name: 'value' })]);
  bench.feed('rpm', [50, 1], [60, 1], [55, 500]);
  test.same(bench.told(), ['firing@60'], 'the late value is not what the signal holds now');
  test.equal(bench.engine.now, 60_000);
  bench.until(10);
  test.equal(bench.engine.now, 60_000);
});

t.test('another machine’s signal is read, and does not move time', async (test) => {
  const bench = new Bench([rule("rpm > 0 and signal('press-2', 'state') == 'stopped'")]);
  test.same(bench.engine.foreign, [{ machine: 'press-2', signal: 'state' }]);
  bench.feed('rpm', [10, 5]);
  test.same(bench.told(), []);
  bench.engine.observeOther('press-2', observation('state', 99, 'stopped'));
  test.same(bench.told(), ['firing@10']);
  bench.engine.observeOther('press-3', observation('state', 99, 'running'));
  bench.engine.observeOther('press-2', observation('state', 100, 'running'));
  test.same(bench.told(), ['resolved@10']);
});

t.test('its own id in signal() is the machine itself', async (test) => {
  const bench = new Bench([rule("signal('m', 'rpm') > 5")]);
  test.same(bench.engine.foreign, []);
  bench.feed('rpm', [1, 6]);
  test.same(bench.told(), ['firing@1']);
});

t.test('anomaly scores are handed in', async (test) => {
  let score: number | undefined;
  const bench = new Bench([rule('anomaly(machine) > 0.9'), rule('anomaly(rpm) > 0.9', { name: 'rpm' })], {
    score: (signal) => (signal === undefined ? score : 0.95),
  });
  bench.feed('rpm', [0, 1]);
  test.same(bench.told(), ['firing@0']);
  score = 0.97;
  bench.until(1);
  test.same(bench.told(), ['firing@1']);
});

t.test('a rule that fails is disabled and told, and the others go on', async (test) => {
  const bench = new Bench([rule('anomaly(rpm) > 1', { name: 'bad' }), rule('rpm > 1', { name: 'good' })], {
    score: () => {
      throw new Error('no model');
    },
  });
  bench.feed('rpm', [1, 5], [2, 0], [3, 5]).until(100);
  const told = bench.engine.take();
  test.same(
    told.map((one) => `${one.rule} ${one.state}`),
    ['bad disabled', 'good firing', 'good resolved', 'good firing'],
  );
  test.match(told[0], { reason: 'no model', values: {}, id: 'bad:m:1000' });
});

t.test('a jump over years costs no more than a moment', async (test) => {
  const conditions = [
    "state == 'a' and duration > limit",
    'age(state) > limit',
    'avg(x, 1m) > 1',
    'anomaly(machine) > 2',
  ];
  const rules = [
    ...conditions.map((text, i) => rule(text, { name: `r${i}` })),
    rule('x > 1', { name: 'repeat', repeat: 1000 }),
  ];
  const bench = new Bench(rules, { score: () => 1 });
  bench.feed('limit', [0, 1e12]).feed('state', [0, 'a']).feed('x', [0, 5]).until(1.7e9);
  test.ok(bench.told().length < 10);
  test.equal(bench.engine.now, 1.7e12);
});

t.test('nothing is handed over twice, and no list is made of nothing', async (test) => {
  const bench = new Bench([rule('rpm > 1')]);
  bench.feed('rpm', [1, 5]);
  test.equal(bench.engine.take().length, 1);
  test.equal(bench.engine.take(), bench.engine.take());
});
