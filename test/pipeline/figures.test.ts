import t from 'tap';
import { MachineFigures, Totals } from '../../src/pipeline/figures.ts';

t.test('what is counted of all machines goes on where one of them is started anew', async (t) => {
  const totals = new Totals();
  const reading = { observations: [{ signal: 'rpm', t: 990, ns: 0, v: 1, q: 'good' }] } as const;
  for (const _start of [1, 2]) new MachineFigures(0, totals).reading(reading, 1000);
  t.equal(totals.lags.sum, 20);
  t.equal(
    totals.lags.counts.reduce((sum, count) => sum + count, 0),
    2,
  );
});
