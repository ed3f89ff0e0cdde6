import t from 'tap';
import { DAY, HOUR, MINUTE, Shift } from './plant.ts';

const RUNNING = 20 * MINUTE;

/** Ends at the beginning of a run. */
const learnt = (seed: number) => new Shift(seed).pass(2 * DAY - ((2 * DAY) % (25 * MINUTE)));

t.test('a fault is not learnt as normal within hours, and what has lasted for `drift` of running is', async (t) => {
  const shift = learnt(1);
  const begun = shift.second;
  const worn = (values: { vibration: number }) => {
    values.vibration += 1.5;
  };
  let [lastUnusual, runningUntil] = [0, 0];
  for (let running = 0; shift.second - begun < DAY / 1000; ) {
    const { isRunning } = shift;
    shift.step(worn, begun);
    if (!isRunning) continue;
    running++;
    const score = shift.engine.score('vibration');
    if (score !== undefined && score >= 3) [lastUnusual, runningUntil] = [shift.second - begun, running];
  }
  // 15 s of each run settle.
  t.ok(
    runningUntil > (7.5 * HOUR) / 1000 && runningUntil < (8.5 * HOUR) / 1000,
    `unusual for ${runningUntil} s of running`,
  );
  t.comment(`the new normal after ${(lastUnusual / 3600).toFixed(1)} h, 8 h of them running`);
  // In the middle of a run again.
  shift.pass(25 * MINUTE, worn);
  t.ok((shift.engine.score('vibration') ?? 9) < 3);
  t.ok((shift.engine.score() ?? 9) < 3, 'nor does the machine tell it any longer');
  // As it was before is now what is unusual.
  t.ok(shift.delay(() => undefined, RUNNING, 'vibration') !== undefined);
});

t.test('slow drift is followed without an alarm', async (t) => {
  const shift = learnt(2);
  const begun = shift.second;
  let worst = 0;
  while (shift.second - begun < (4 * DAY) / 1000) {
    shift.step((values, seconds) => {
      values.temperature += (40 * seconds) / (4 * 86_400);
    }, begun);
    worst = Math.max(worst, shift.engine.score('temperature') ?? 0);
  }
  t.ok(worst < 3, `${worst}`);
});

t.test('a machine that was known for a short time only is learnt anew after as long', async (t) => {
  // Known for about an hour of running when all changes.
  const shift = new Shift(3).pass(100 * MINUTE);
  const begun = shift.second;
  let last = 0;
  while (shift.second - begun < (6 * HOUR) / 1000) {
    shift.step((values) => {
      values.power += 20_000;
    }, begun);
    if ((shift.engine.score('power') ?? 0) >= 3) last = shift.second - begun;
  }
  t.ok(last > (30 * MINUTE) / 1000 && last < (2.5 * HOUR) / 1000, `${last} s`);
});

t.test('a fault that lasts is one alarm and does not widen the limit away', async (t) => {
  const shift = learnt(4);
  const scores: number[] = [];
  for (let i = 0; i < 10; i++) {
    shift.pass(15 * MINUTE, (values) => {
      values.vibration += 0.3;
    });
    scores.push(shift.engine.score() ?? Number.NaN);
    shift.pass(10 * MINUTE, (values) => {
      values.vibration += 0.3;
    });
  }
  t.ok(
    scores.every((score) => score >= 3),
    scores.map((score) => score.toFixed(1)).join(' '),
  );
});
