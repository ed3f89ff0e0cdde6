import t from 'tap';
import { DAY, type Fault, HOUR, MINUTE, Noise, Shift, type Signal } from './plant.ts';
import { ProgramShift } from './program.ts';

const SEEDS = process.env['LONG'] === '1' ? 20 : 3;

interface Case {
  readonly name: string;
  readonly fault: (seed: number) => Fault;
  /** The signal that must contribute most. */
  readonly culprit: Signal;
  /** Within this many seconds of running. */
  readonly found: number;
  /** The signal’s own score does not find it in that time. */
  readonly isOnlyTogether: boolean;
}

/** What a signal shows from now on is what it shows now. */
const stuck = (signal: Signal) => (): Fault => {
  let held: number | undefined;
  return (values) => {
    held ??= values[signal];
    values[signal] = held;
  };
};

const CASES: readonly Case[] = [
  {
    name: 'a bearing fault that adds 3 σ of idle noise to the vibration, and a kelvin a minute',
    fault: () => (values, seconds) => {
      values.vibration += 0.3;
      values.temperature += seconds / 60;
    },
    ...{ culprit: 'vibration', found: 30, isOnlyTogether: false },
  },
  {
    name: 'a bearing fault that grows by 3 σ in 10 min',
    fault: () => (values, seconds) => {
      values.vibration += (0.3 * seconds) / 600;
    },
    ...{ culprit: 'vibration', found: 600, isOnlyTogether: false },
  },
  {
    name: 'a shift of 1 σ of idle noise',
    fault: () => (values) => {
      values.vibration += 0.1;
    },
    ...{ culprit: 'vibration', found: 240, isOnlyTogether: true },
  },
  { name: 'a load cell that is stuck', fault: stuck('load'), culprit: 'load', found: 300, isOnlyTogether: true },
  {
    name: 'a vibration sensor that is stuck',
    fault: stuck('vibration'),
    ...{ culprit: 'vibration', found: 300, isOnlyTogether: true },
  },
  {
    name: 'power that no longer follows the cut, within its own limits',
    fault: (seed) => {
      const noise = new Noise(seed + 5000);
      let cut = 0;
      return (values) => {
        cut += -cut / 20 + Math.sqrt(2 / 20 - 1 / 400) * noise.next();
        values.power = 4900 + 600 * cut + 120 * noise.next();
      };
    },
    ...{ culprit: 'power', found: 300, isOnlyTogether: true },
  },
];

for (const { name, fault, culprit, found, isOnlyTogether } of CASES) {
  t.test(`${name}: ${found} s are enough, and ${culprit} is named`, async (t) => {
    const delays: string[] = [];
    for (let seed = 1; seed <= SEEDS; seed++) {
      // The fault begins 3 min after the machine was started, at the end of the second day.
      const shift = new Shift(seed).pass(2 * DAY - ((2 * DAY) % (25 * MINUTE)) + 3 * MINUTE);
      const begun = shift.second;
      const broken = fault(seed);
      let [delay, alone, top] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY, ''];
      while (shift.second - begun < 900) {
        shift.step(broken, begun);
        const since = shift.second - begun;
        if ((shift.engine.score() ?? 0) >= 3 && delay > since) {
          delay = since;
          top = shift.engine.contributors()[0]?.signal ?? '';
        }
        if ((shift.engine.score(culprit) ?? 0) >= 3) alone = Math.min(alone, since);
      }
      delays.push(`${delay} s (${alone} s by ${culprit} alone)`);
      t.ok(delay <= found, `seed ${seed}: after ${delay} s`);
      t.equal(top, culprit, `seed ${seed}`);
      if (isOnlyTogether) t.ok(alone > found, `seed ${seed}: only the machine’s score finds it`);
    }
    t.comment(delays.join(', '));
  });
}

t.test('vibration of twice its size is found within the program of the simulated CNC machine', async (t) => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const shift = new ProgramShift(seed);
    while (shift.second < (2 * DAY) / 1000) shift.step();
    const begun = shift.second;
    while ((shift.engine.score() ?? 0) < 3 && shift.second - begun < HOUR / 1000) shift.step(2);
    t.comment(`seed ${seed}: ${shift.second - begun} s`);
    t.ok(shift.second - begun < 1200, `seed ${seed}`);
    t.equal(shift.engine.contributors()[0]?.signal, 'vibration', `seed ${seed}`);
  }
});

t.test('shares of the contributors are 1 together, the most first', async (t) => {
  const shift = new Shift(9).pass(6 * HOUR);
  const shares = shift.engine.contributors().map(({ share }) => share);
  t.equal(shares.length, 6);
  t.ok(Math.abs(shares.reduce((sum, share) => sum + share, 0) - 1) < 1e-9);
  t.same(
    shares,
    shares.toSorted((a, b) => b - a),
  );
});
