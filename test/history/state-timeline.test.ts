import t from 'tap';
import { StateTimeline, TIMELINE_MS } from '../../src/history/state-timeline.ts';

const ALL = [0, Number.MAX_SAFE_INTEGER, undefined] as const;

t.test('stretches of one state follow each other without a hole', async (t) => {
  const timeline = new StateTimeline();
  for (const [at, state] of [
    [10, 'idle'],
    [20, 'idle'],
    [30, 'running'],
    [50, null],
    [60, 'idle'],
  ] as const)
    timeline.observe(at, state);
  t.same(timeline.between(...ALL), [
    { from: 10, to: 30, state: 'idle' },
    { from: 30, to: 50, state: 'running' },
    { from: 50, to: 60, state: null },
  ]);
  t.same(timeline.between(25, 40, undefined), [
    { from: 25, to: 30, state: 'idle' },
    { from: 30, to: 40, state: 'running' },
  ]);
});

t.test('a state holds on while the machine is read, and does not while nobody knows', async (t) => {
  const timeline = new StateTimeline();
  timeline.observe(10, 'idle');
  timeline.observe(20, 'running');
  t.same(timeline.between(15, 1000, 100), [
    { from: 15, to: 20, state: 'idle' },
    { from: 20, to: 100, state: 'running' },
  ]);
  t.same(timeline.between(15, 1000, undefined), [{ from: 15, to: 20, state: 'idle' }]);
  timeline.observe(90, 'running');
  t.match(
    timeline.between(80, 1000, undefined),
    [{ from: 80, to: 90, state: 'running' }],
    'what was asked changes nothing',
  );
});

t.test('what comes late is passed over', async (t) => {
  const timeline = new StateTimeline();
  for (const [at, state] of [
    [10, 'idle'],
    [30, 'running'],
    [20, 'stopped'],
  ] as const)
    timeline.observe(at, state);
  t.same(timeline.between(0, 100, 40), [
    { from: 10, to: 30, state: 'idle' },
    { from: 30, to: 40, state: 'running' },
  ]);
});

t.test('after a restart a state goes on, unless something was lost meanwhile', async (t) => {
  const before = new StateTimeline();
  before.observe(10, 'idle');
  before.observe(20, 'running');
  const kept = before.snapshot(25);
  const after = new StateTimeline();
  after.restore(kept);
  after.observe(80, 'idle');
  t.same(after.between(0, 100, 90), [
    { from: 10, to: 20, state: 'idle' },
    { from: 20, to: 80, state: 'running' },
    { from: 80, to: 90, state: 'idle' },
  ]);
  const lossy = new StateTimeline();
  lossy.restore(kept);
  lossy.interrupt(24);
  lossy.observe(80, 'running');
  t.same(lossy.between(15, 100, 90), [
    { from: 15, to: 20, state: 'idle' },
    { from: 20, to: 24, state: 'running' },
    { from: 80, to: 90, state: 'running' },
  ]);
});

t.test('a snapshot that is none is passed over', async (t) => {
  const timeline = new StateTimeline();
  timeline.restore([
    { from: 'x', to: 2, state: 'idle' },
    { from: 1, to: 2, state: 7 },
    { from: 1, to: 2, state: 'idle' },
  ]);
  timeline.restore({ from: 1 });
  t.same(timeline.between(...ALL), [{ from: 1, to: 2, state: 'idle' }]);
});

t.test('it keeps a day, and five thousand stretches', async (t) => {
  const timeline = new StateTimeline();
  timeline.observe(0, 'idle');
  timeline.observe(1000, 'running');
  timeline.observe(TIMELINE_MS + 2000, 'idle');
  timeline.observe(TIMELINE_MS + 3000, 'running');
  t.match(timeline.between(...ALL), [{ from: 1000, state: 'running' }, { state: 'idle' }]);
  for (let i = 0; i < 12_000; i++) timeline.observe(TIMELINE_MS + 4000 + i, i % 2 === 0 ? 'idle' : 'running');
  t.ok(timeline.between(...ALL).length <= 5000);
});

t.test('what was told of the future, by a clock that was wrong, ends where the present is told', async (t) => {
  const clock = { now: () => 1000 };
  const timeline = new StateTimeline(clock);
  timeline.observe(10, 'idle');
  timeline.observe(20, 'running');
  timeline.observe(2 * TIMELINE_MS, 'idle');
  timeline.observe(2 * TIMELINE_MS + 10, 'running');
  timeline.observe(100, 'running');
  timeline.observe(90, 'idle');
  timeline.observe(110, 'idle');
  t.same(timeline.between(...ALL), [
    { from: 10, to: 20, state: 'idle' },
    { from: 20, to: 110, state: 'running' },
  ]);
});
