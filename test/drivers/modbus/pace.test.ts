import t from 'tap';
import { Schedule } from '../../../src/drivers/modbus/schedule.ts';
import { collect } from '../../support/yielded.ts';
import { deviceFor, driverFor } from './support.ts';

t.test('deadlines do not drift, and those that passed are skipped and counted', async (test) => {
  const schedule = new Schedule(1000, 100);
  test.same(schedule.next(1000), { at: 1000, missed: 0 });
  test.same(schedule.next(1030), { at: 1100, missed: 0 });
  test.same(schedule.next(1250), { at: 1200, missed: 0 }, 'late, and not yet missed');
  test.same(schedule.next(1649), { at: 1600, missed: 3 });
  test.same(schedule.next(1650), { at: 1700, missed: 0 });
});

t.test('a device at 10 Hz keeps its schedule while other work goes on', async (test) => {
  const { device, url } = await deviceFor(test);
  // Bursts of 8 ms, as sealing and compressing a batch takes them.
  const busy = setInterval(() => {
    for (const end = performance.now() + 8; performance.now() < end; );
  }, 73);
  test.teardown(() => clearInterval(busy));
  const own = { url: `${url}/1`, signals: { a: { address: 1 } }, poll: '100ms' };
  await collect(driverFor(own), { until: (y) => y.signal('a').length > 30 });
  const late = device.asked.map(({ at }, n) => at - n * 100).slice(1);
  const phase = median(late);
  const jitter = median(late.map((one) => Math.abs(one - phase)));
  const drift = median(late.slice(15)) - median(late.slice(0, 15));
  test.comment(`median jitter ${jitter.toFixed(2)} ms, drift in 1.5 s ${drift.toFixed(2)} ms`);
  test.ok(jitter < 5, `median jitter ${jitter} ms`);
  test.ok(Math.abs(drift) < 5, `drift ${drift} ms`);
});

function median(figures: readonly number[]): number {
  const sorted = figures.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
