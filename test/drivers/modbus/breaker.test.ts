import t from 'tap';
import { Breaker } from '../../../src/drivers/modbus/breaker.ts';
import { Losses } from '../../../src/drivers/modbus/losses.ts';

const SETTINGS = { failures: 3, min: 1000, max: 60_000 };

t.test('opens after failures in a row, probes at growing intervals, closes with the first answer', async (test) => {
  const breaker = new Breaker(SETTINGS, () => 0.5);
  breaker.failed(0, 10);
  breaker.failed(0, 10);
  breaker.succeeded(5);
  for (let i = 0; i < 2; i++) breaker.failed(0, 10);
  test.equal(breaker.admit(0), 'poll', 'an answer in between begins anew');
  breaker.failed(0, 10);
  test.equal(breaker.state, 'open');
  test.equal(breaker.admit(999), 'wait');
  test.equal(breaker.admit(1000), 'probe');
  test.equal(breaker.state, 'half-open');
  test.equal(breaker.admit(1000), 'wait', 'one probe at a time');
  breaker.failed(1000, 10);
  test.equal(breaker.admit(2999), 'wait');
  test.equal(breaker.admit(3000), 'probe');
  breaker.cancelled();
  test.equal(breaker.admit(3000), 'probe', 'a probe that was not sent is sent again');
  breaker.succeeded(5);
  test.equal(breaker.admit(3000), 'poll');
});

t.test('a dead unit costs its link at most 2 % of the time, and probes are short but for each fourth', async (test) => {
  const breaker = new Breaker({ ...SETTINGS, max: 1_000_000 }, () => 0.5);
  for (let i = 0; i < 3; i++) breaker.failed(0, 1000);
  test.equal(breaker.admit(49_999), 'wait');
  test.equal(breaker.admit(50_000), 'probe');
  const patience: number[] = [];
  for (let now = 50_000, i = 0; i < 8; i++, now += 2_000_000) {
    patience.push(breaker.probeTimeout(1000));
    breaker.failed(now, 1000);
    breaker.admit(now + 2_000_000);
  }
  test.same(patience, [250, 250, 250, 1000, 250, 250, 250, 1000]);
});

t.test('losses of a cause are told together once a minute; a return is told at once', async (test) => {
  const losses = new Losses();
  test.same(losses.settle(0, false), []);
  losses.note({ cause: 'poll-skipped', from: 900, count: 10 });
  losses.note({ cause: 'poll-skipped', from: 950, count: 5 });
  const gap = { type: 'gap', t: 1000, cause: 'poll-skipped', from: 900, to: 1000, count: 15, exact: true };
  test.same(losses.settle(1000, false), [gap]);
  losses.note({ cause: 'poll-skipped', from: 1000, count: 10 });
  test.same(losses.settle(60_999, true), [], 'not yet');
  losses.note({ cause: 'link-down', from: null, count: null });
  losses.note({ cause: 'link-down', from: 1000, count: 10 });
  test.match(losses.settle(60_999, true), [{ cause: 'link-down', from: null, count: null, exact: false }]);
  test.match(losses.settle(61_000, false), [{ cause: 'poll-skipped', count: 10 }]);
  losses.note({ cause: 'poll-skipped', from: 61_000, count: 10 });
  test.match(losses.settle(-3_600_000, false), [{ cause: 'poll-skipped', count: 10 }], 'the clock was set back');
});
