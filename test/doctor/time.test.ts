import t from 'tap';
import { machineClocksSection, realTimeClock, timeSection, year } from '../../src/doctor/time.ts';
import { named, told } from './support.ts';

const NOW = 1_763_640_000_000;

t.test('this computer’s clock is looked at, whatever it has', async (t) => {
  const findings = await told(timeSection());
  t.match(named(findings, 'synchronised'), { level: /^(good|warn)$/, text: /^(yes|no)/ });
  t.match(named(findings, 'date'), { level: 'good' });
  t.type(named(findings, 'real-time clock')?.text, 'string');
});

t.test('a date before this program, or far ahead, cannot be right', async (t) => {
  t.match(year(0), { level: 'bad', text: '1970-01-01T00:00:00Z cannot be right', hint: /timedatectl/ });
  t.match(year(Date.UTC(2101, 0)), { level: 'bad' });
  t.match(year(NOW), { level: 'good' });
});

t.test('a real-time clock is there and right, wrong, or not there', async (t) => {
  const sys = (ms: number) => t.testdir({ class: { rtc: { rtc0: { since_epoch: `${Math.round(ms / 1000)}\n` } } } });
  t.match(realTimeClock(NOW, sys(NOW + 2000)), { level: 'good' });
  t.match(realTimeClock(NOW, sys(NOW - 7_200_000)), { level: 'warn', text: 'it is 2.0 h behind', hint: /battery/ });
  t.match(realTimeClock(NOW, t.testdir({})), { level: 'warn', text: /^there is none/, hint: /fit one/ });
});

t.test('machines that all disagree point to this clock, one alone to itself', async (t) => {
  const of = (skews: Record<string, number>) => told(machineClocksSection(() => new Map(Object.entries(skews))));
  t.same(await of({}), []);
  t.match(await of({ a: 20, b: -300 }), [{ level: 'good', text: /within 300 ms/ }]);
  t.same(await of({ a: 20, b: 60_000 }), [], 'b’s own finding tells it');
  t.match(await of({ a: 61_000, b: 60_000 }), [
    { level: 'warn', text: /no machine agrees .*: a, b/, hint: /timedatectl/ },
  ]);
});
