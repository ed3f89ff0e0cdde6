import t from 'tap';
import { Bench, rule } from './support.ts';

t.test(
  'an alert fires once its condition has held for long enough, and is over when it no longer does',
  async (test) => {
    const bench = new Bench([rule('rpm > 5000', { for: 30_000 })]);
    bench.feed('rpm', [1, 5100], [20, 5200], [40, 5300], [50, 0]);
    test.same(bench.told(), ['pending@1', 'firing@31', 'resolved@50']);
    bench.feed('rpm', [60, 5100], [70, 0]).until(600);
    test.same(bench.told(), ['pending@60', 'cancelled@70'], 'too short a time is no alert');
    bench.feed('rpm', [700, 5100]).until(730);
    test.same(bench.told(), ['pending@700', 'firing@730'], 'quiet time counts too');
  },
);

t.test('duration in a condition is how long the rest of it has held', async (test) => {
  const bench = new Bench([rule("state == 'stopped' AND duration > 600")]);
  bench.feed('state', [0, 'stopped'], [500, 'running'], [501, 'stopped'], [800, 'stopped']).until(1200);
  test.same(bench.told(), ['firing@1101.001']);
  bench.feed('state', [1300, 'idle']);
  test.same(bench.told(), ['resolved@1300']);
});

t.test('hysteresis: the alert lasts until clear is true', async (test) => {
  const bench = new Bench([rule('rpm > 5000', { clear: 'rpm < 4000' })]);
  bench.feed('rpm', [1, 5100], [2, 4500], [3, 5100], [4, 3900], [5, 4500]);
  test.same(bench.told(), ['firing@1', 'resolved@4']);
});

t.test('what is unknown neither fires nor clears, and its time does not count', async (test) => {
  const bench = new Bench([rule('rpm > 5000', { for: 30_000 })]);
  bench.feed('rpm', [0, 5100], [10, null, 'bad']).until(1000);
  bench.feed('rpm', [1000, 5100]).until(1019);
  test.same(bench.told(), ['pending@0']);
  bench.until(1020).feed('rpm', [1030, null, 'bad']).until(5000);
  test.same(bench.told(), ['firing@1020'], 'and it stays on');
  bench.feed('rpm', [5001, 100]);
  test.same(bench.told(), ['resolved@5001']);
});

t.test('age and quality are known where the value is not', async (test) => {
  const bench = new Bench([
    rule('age(rpm) > 30s', { name: 'age' }),
    rule("quality(rpm) == 'bad'", { name: 'quality' }),
  ]);
  bench.feed('other', [0, 1]).feed('rpm', [5, 100], [10, null, 'bad'], [20, 100]).until(60);
  test.same(bench.told(), ['firing@0', 'resolved@5', 'firing@10', 'resolved@20', 'firing@50.001']);
  bench.feed('rpm', [70, 1]);
  test.same(bench.told(), ['resolved@70']);
});

t.test('a latched alert waits to be acknowledged', async (test) => {
  const bench = new Bench([rule('rpm > 5000', { latch: true })]);
  bench.feed('rpm', [1, 5100], [2, 0]).until(100);
  test.same(bench.told(), ['firing@1', 'latched@2']);
  test.equal(bench.engine.acknowledge('r', 120_000, 'anna'), true);
  test.match(bench.engine.take(), [
    { state: 'acknowledged', t: 120_000, by: 'anna', since: 1000, id: 'r:m:1000' },
    { state: 'resolved', t: 120_000, by: 'anna', id: 'r:m:1000' },
  ]);
  test.equal(bench.engine.acknowledge('r', 130_000, 'anna'), false, 'there is nothing left to see');
  bench.feed('rpm', [200, 5100]);
  bench.engine.acknowledge('r', 201_000, 'anna');
  bench.feed('rpm', [202, 0]);
  test.same(bench.told(), ['firing@200', 'acknowledged@201', 'resolved@202'], 'one that was seen is over by itself');
});

t.test('an alert is told again until somebody has seen it', async (test) => {
  const bench = new Bench([rule('rpm > 5000', { repeat: 60_000 })]);
  bench.feed('rpm', [0, 5100], [100, 5200]).until(130);
  test.same(bench.told(), ['firing@0', 'firing@60 repeat 1', 'firing@120 repeat 2']);
  bench.engine.acknowledge('r', 140_000, 'anna');
  bench.until(1000);
  test.same(bench.told(), ['acknowledged@140']);
});

t.test('alerts that come and go are one that flaps', async (test) => {
  const bench = new Bench([rule('door', { flapping: { changes: 4, within: 60_000 } })]);
  bench.feed('door', ...Array.from({ length: 20 }, (_, i) => [i * 5, i % 2 === 0] as const));
  test.same(bench.told(), ['firing@0', 'resolved@5', 'firing@10', 'firing@15 flapping']);
  bench.until(154);
  test.same(bench.told(), []);
  bench.until(155);
  test.same(bench.told(), ['resolved@155']);
  bench.feed('door', [200, true]);
  test.same(bench.told(), ['firing@200'], 'then it is as before');
});

t.test('the end of flapping tells an alert that is still on', async (test) => {
  const bench = new Bench([rule('door', { flapping: { changes: 3, within: 60_000 }, for: 2000 })]);
  bench.feed('door', [0, true], [5, false], [10, true], [15, false], [16, true], [17, false], [20, true]).until(100);
  const told = bench.engine.take();
  test.same(
    told
      .filter(({ state }) => state === 'firing' || state === 'resolved')
      .map(({ state, t: at, id, flapping }) => [state, at, id, flapping ?? false]),
    [
      ['firing', 2000, 'r:m:0', false],
      ['resolved', 5000, 'r:m:0', false],
      ['firing', 12_000, 'r:m:10000', true],
      ['firing', 82_000, 'r:m:10000', false],
    ],
  );
});

t.test('in quiet hours an alert is recorded, and told when they end', async (test) => {
  const midnight = Date.UTC(2026, 0, 10) / 1000;
  const hours = [{ days: [0, 1, 2, 3, 4, 5, 6], from: 22 * 60, to: 6 * 60, timeZone: 'UTC' }];
  const bench = new Bench([rule('rpm > 5000', { quietHours: hours })]);
  bench.feed('rpm', [midnight + 3600, 5100]).until(midnight + 9 * 3600);
  test.same(bench.told(), [`firing@${midnight + 3600} quiet`, `firing@${midnight + 6 * 3600} repeat 1`]);
  bench.feed('rpm', [midnight + 23 * 3600, 0]);
  test.same(bench.told(), [`resolved@${midnight + 23 * 3600} quiet`]);
});

t.test('a shadow rule says of each step that it is one', async (test) => {
  const bench = new Bench([rule('rpm > 5000', { shadow: true, summary: 'fast', severity: 'critical' })]);
  bench.feed('rpm', [1, 5100]);
  const alert = { rule: 'r', machine: 'm', id: 'r:m:1000', state: 'firing', t: 1000, since: 1000 };
  test.same(bench.engine.take(), [
    { ...alert, severity: 'critical', values: { rpm: 5100 }, summary: 'fast', shadow: true },
  ]);
});

t.test('two alerts that begin in the same millisecond have ids of their own', async (test) => {
  const bench = new Bench([rule('rpm > 5000')]);
  bench.feed('rpm', [1, 5100], [1, 0], [1, 5200]);
  test.same(
    bench.engine.take().map(({ id }) => id),
    ['r:m:1000', 'r:m:1000', 'r:m:1000.1'],
  );
});
