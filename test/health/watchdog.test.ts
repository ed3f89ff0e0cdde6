import t from 'tap';
import { pauseAfter, type Stage, Watchdog } from '../../src/health/watchdog.ts';

const MINUTE = 60_000;
const LIMIT = 10_000;

function stage(more: Partial<Stage> = {}): Stage {
  return { stage: 'uplink', stalledFor: LIMIT, limit: LIMIT, message: 'it hangs', isVital: true, ...more };
}

t.test('what progresses, or has nothing to do, is left alone', async (t) => {
  const watchdog = new Watchdog([], 0, 0);
  const { stages, remedies } = watchdog.look([stage({ stalledFor: LIMIT - 1 }), stage({ stalledFor: null })], 0);
  t.match(stages, [{ state: 'progress' }, { state: 'idle' }]);
  t.same(remedies, []);
});

t.test('a part that stalls is restarted, has time to come back, and then counts as well', async (t) => {
  const watchdog = new Watchdog([], 0, 0);
  let restarts = 0;
  const part = stage({ restart: () => restarts++ });
  t.match(watchdog.look([part], 0), {
    stages: [{ state: 'recovering', restarts: 1 }],
    remedies: [{ remedy: 'restarted' }],
  });
  t.match(watchdog.look([part], LIMIT - 1), { stages: [{ state: 'recovering' }], remedies: [] });
  t.match(watchdog.look([{ ...part, stalledFor: 0 }], LIMIT), { stages: [{ state: 'recovering' }] });
  t.match(watchdog.look([{ ...part, stalledFor: 0 }], 2 * LIMIT), { stages: [{ state: 'progress', restarts: 1 }] });
  t.equal(restarts, 1);
});

t.test('a part that three restarts do not bring back has the process restarted', async (t) => {
  const watchdog = new Watchdog([], 0, 0);
  const done = Array.from({ length: 5 }, (_, i) => watchdog.look([stage({ restart: () => undefined })], i * LIMIT));
  t.same(
    done.map(({ remedies }) => remedies.map(({ remedy }) => remedy)),
    [['restarted'], ['restarted'], ['restarted'], ['end-process'], ['end-process']],
  );
  t.match(done[3]?.stages, [{ state: 'stalled', restarts: 3 }]);
});

t.test('one machine among others is restarted for ever, and never costs the process', async (t) => {
  const watchdog = new Watchdog([], 0, 0);
  const driver = stage({ stage: 'driver', machine: 'm1', isVital: false, restart: () => undefined });
  for (let i = 0; i < 10; i++) {
    t.match(watchdog.look([driver], i * LIMIT).remedies, [{ remedy: 'restarted' }]);
  }
});

t.test('machines are counted apart', async (t) => {
  const watchdog = new Watchdog([], 0, 0);
  const of = (machine: string) => stage({ stage: 'driver', machine, isVital: false, restart: () => undefined });
  watchdog.look([of('m1')], 0);
  t.match(watchdog.look([of('m1'), of('m2')], LIMIT).stages, [{ restarts: 2 }, { restarts: 1 }]);
});

t.test('the process is not restarted again before a pause, which is told once', async (t) => {
  const watchdog = new Watchdog([1000 * MINUTE], 1000 * MINUTE + 10_000, 0);
  const hung = stage({ stage: 'outbox' });
  t.match(watchdog.look([hung], 0).remedies, [{ remedy: 'held-back' }]);
  t.same(watchdog.look([hung], 49_999).remedies, []);
  t.match(watchdog.look([hung], 50_000).remedies, [{ remedy: 'end-process' }]);
});

t.test('the pause doubles with each restart in a row, up to an hour, and a good time ends the row', async (t) => {
  const times = (count: number, apart: number) => Array.from({ length: count }, (_, i) => i * apart);
  const pauses = [0, 1, 2, 3, 7, 30].map((count) => pauseAfter(times(count, MINUTE), count * MINUTE) / MINUTE);
  t.same(pauses, [0, 1, 2, 4, 60, 60]);
  t.equal(pauseAfter([0, MINUTE], 300 * MINUTE), 0);
  t.equal(pauseAfter([0, MINUTE, 300 * MINUTE], 301 * MINUTE) / MINUTE, 1);
});

t.test(
  'a record of the future, from a clock that was wrong, holds nothing back for longer than its pause',
  async (t) => {
    const watchdog = new Watchdog([1e15], 0, 0);
    t.match(watchdog.look([stage({ stage: 'outbox' })], MINUTE).remedies, [{ remedy: 'end-process' }]);
  },
);
