import t from 'tap';
import { Alarms, DAY, Shift, SIGNALS } from './plant.ts';
import { ProgramShift } from './program.ts';

const SEEDS = process.env['LONG'] === '1' ? 10 : 2;
const DAYS = process.env['LONG'] === '1' ? 30 : 8;

/** The least count of which a mean that is no higher would be exceeded once in a thousand (normal approximation of Poisson). */
const most = (mean: number) => mean + 3.1 * Math.sqrt(mean);

for (const [name, Machine, signals] of [
  ['a machine with correlated noise', Shift, SIGNALS],
  ['the simulated CNC machine with its programs', ProgramShift, ProgramShift.SIGNALS],
] as const) {
  t.test(`${name} in normal operation scores 3 no oftener than once a day`, async (t) => {
    const alarms = new Map<string | undefined, Alarms>([undefined, ...signals].map((of) => [of, new Alarms()]));
    for (let seed = 1; seed <= SEEDS; seed++) {
      const shift = new Machine(seed);
      for (const each of alarms.values()) each.begin();
      while (shift.second < (DAYS * DAY) / 1000) {
        shift.step();
        for (const [signal, each] of alarms) each.take(shift.engine.score(signal));
      }
    }
    for (const [signal, { scored, reached, count }] of alarms) {
      const days = scored / 86_400;
      t.comment(`${signal ?? 'machine'}: ${count} in ${days.toFixed(1)} days, ${reached} of ${scored} samples`);
      t.ok(days > 0.85 * SEEDS * DAYS, `${signal ?? 'machine'} is scored nearly always`);
      t.ok(count <= most(days), `${signal ?? 'machine'}: seeds 1 to ${SEEDS}`);
    }
  });
}
