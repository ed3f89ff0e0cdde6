import t from 'tap';
import type { Observation, Value } from '../../../src/observation.ts';
import { RuleEngine } from '../../../src/pipeline/rules/engine.ts';
import type { Rule, Transition } from '../../../src/pipeline/rules/rule.ts';
import { seededRandom } from '../../support/random.ts';
import { Bench, observation, rule } from './support.ts';

const SEEDS = process.env['LONG'] === '1' ? 300 : 15;

const RULES: readonly Rule[] = [
  rule('x > 60', { name: 'plain', for: 20_000, repeat: 90_000 }),
  rule('x > 60', { name: 'clear', clear: 'avg(x, 1m) < 50', latch: true }),
  rule("state == 'stopped' and duration > 40", { name: 'duration', for: 5000 }),
  rule('age(x) > 15s or quality(x) == "bad"', { name: 'age' }),
  rule('stddev(x, 2m) > 30 or max(x, 30s) - min(x, 30s) > 90', { name: 'moments' }),
  rule('percentile(x, 90, 1m) > 80', { name: 'percentile' }),
  rule('trend(x, 1m) > 0.2 or rate(x, 30s) < -1', { name: 'line' }),
  rule("changes(state, 5m) > 6 and time_in(state, 'running', 3m) > 60", { name: 'states' }),
  rule('ewma(x, 1m) > 55', { name: 'ewma' }),
  rule('x > 80', { name: 'flapping', flapping: { changes: 4, within: 60_000 } }),
  rule("held(state == 'idle' or x < 10) > 8s", { name: 'held' }),
];

/** Numbers and states with gaps, bursts, late and unavailable values. */
function series(seed: number): Observation[] {
  const random = seededRandom(seed);
  const states = ['running', 'idle', 'stopped'];
  let seconds = 1_763_640_000;
  return Array.from({ length: 600 }, () => {
    const dice = random();
    seconds += dice < 0.02 ? Math.floor(random() * 400) : Math.floor(random() * 4);
    const late = random() < 0.03 ? Math.floor(random() * 60) : 0;
    const isState = random() < 0.2;
    const v: Value = isState ? (states[Math.floor(random() * 3)] as string) : random() * 100;
    const isBad = random() < 0.04;
    return observation(isState ? 'state' : 'x', seconds - late, isBad ? null : v, isBad ? 'bad' : 'good');
  });
}

for (let seed = 1; seed <= SEEDS; seed++) {
  t.test(`a restart at any moment changes nothing that is told (seed ${seed})`, async (test) => {
    const observations = series(seed);
    const random = seededRandom(seed + 5000);
    const make = () => new RuleEngine({ machine: 'm', labels: {}, rules: RULES });
    const steady = make();
    let restarted = make();
    const [expected, actual]: [Transition[], Transition[]] = [[], []];
    for (const [i, one] of observations.entries()) {
      steady.observe(one);
      restarted.observe(one);
      if (random() < 0.1) {
        for (const engine of [steady, restarted]) {
          engine.advance(Math.max(...observations.slice(0, i + 1).map(({ t: at }) => at)) + 1000);
          engine.acknowledge('clear', 0, 'anna');
        }
      }
      expected.push(...steady.take());
      actual.push(...restarted.take());
      if (random() > 0.02) continue;
      const kept = JSON.parse(JSON.stringify(restarted.snapshot())) as Value;
      restarted = make();
      restarted.restore(kept);
      const from = steady.now - 2 * restarted.history;
      for (const past of observations.slice(0, i + 1)) if (past.t >= from) restarted.warm(past);
    }
    test.ok(expected.length > 50, `${expected.length} transitions`);
    test.same(actual, expected);
  });
}

t.test('an alert that is on at a restart is not told twice', async (test) => {
  const rules = [rule('rpm > 5000', { for: 30_000 })];
  const before = new Bench(rules);
  before.feed('rpm', [0, 5100]).until(40);
  test.same(before.told(), ['pending@0', 'firing@30']);
  const after = new Bench(rules);
  after.engine.restore(before.engine.snapshot());
  after.feed('rpm', [50, 5200]).until(100);
  test.same(after.told(), []);
  after.feed('rpm', [110, 0]);
  test.match(after.engine.take(), [{ state: 'resolved', id: 'r:m:0', since: 0 }]);
});

t.test('the alert of a rule that was removed or reads otherwise is told to be over', async (test) => {
  const before = new Bench([
    rule('rpm > 1', { name: 'gone' }),
    rule('rpm > 2', { name: 'changed' }),
    rule('rpm > 3', { name: 'kept' }),
  ]);
  before.feed('rpm', [0, 10]);
  const after = new Bench([
    rule('rpm > 20', { name: 'changed' }),
    rule('rpm > 3', { name: 'kept', severity: 'critical' }),
  ]);
  after.engine.restore(before.engine.snapshot());
  test.match(after.engine.take(), [
    { rule: 'changed', state: 'resolved', id: 'changed:m:0', reason: 'the rule was changed', t: 0 },
    { rule: 'gone', state: 'resolved', id: 'gone:m:0', reason: 'the rule was removed', t: 0 },
  ]);
});

t.test('a new rule sees what was known before it', async (test) => {
  const before = new Bench([rule("state == 'running'", { name: 'old' })]);
  before.feed('state', [0, 'stopped']);
  const after = new Bench([
    rule("state == 'running'", { name: 'old' }),
    rule("state == 'stopped' and duration > 60", { name: 'new' }),
  ]);
  after.engine.restore(before.engine.snapshot());
  after.until(1000);
  test.same(after.told(), ['firing@60.001']);
});
