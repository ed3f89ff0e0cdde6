import t from 'tap';
import { Links } from '../../../src/drivers/modbus/links.ts';
import { collect, type Yielded } from '../../support/yielded.ts';
import { busFor, noSocat, serialUrl } from './bus.ts';
import { counting } from './device.ts';
import { driverFor } from './support.ts';

const signals = { a: { address: 3 }, b: { address: 4, type: 'uint32' as const } };

t.test('reads over a serial line', { skip: noSocat }, async (test) => {
  const { path } = await busFor(test);
  const yielded = await collect(driverFor({ url: serialUrl(path, 9), signals }), {
    until: (y) => y.signal('b').length > 3,
  });
  test.same(yielded.values('a').slice(0, 2), [3, 3]);
  test.equal(yielded.values('b')[0], 4 * 65_536 + 5);
});

t.test(
  'one dead unit of ten: the others keep 90 % of their poll rate from its death on',
  { skip: noSocat },
  async (test) => {
    const { device, path } = await busFor(test);
    // What a device takes to think, so that the bus is in use.
    device.delay = () => 2;
    const links = new Links();
    const [poll, duration] = [100, 4000];
    let diedAt = 0;
    device.answer = (asked) => (diedAt > 0 && asked.unit === 4 ? 'silence' : counting(asked));
    const units = Array.from({ length: 10 }, (_, i) => i + 1);
    const run = (unit: number): Promise<Yielded> => {
      const driver = driverFor({ url: serialUrl(path, unit), signals, poll: `${poll}ms`, timeout: '100ms' }, links);
      return collect(driver, {
        until: () => diedAt > 0 && performance.now() - diedAt > duration,
        each: (_, yielded) => {
          if (unit === 1 && diedAt === 0 && yielded.signal('a').length === 5) diedAt = performance.now();
        },
        within: duration + 600,
      });
    };
    const all = await Promise.all(units.map((unit) => run(unit).catch(() => undefined)));
    for (const unit of units.filter((one) => one !== 4)) {
      const polls = device.asked.filter(
        (asked) => asked.unit === unit && asked.at >= diedAt && asked.at < diedAt + duration,
      );
      const share = polls.length / (duration / poll);
      test.ok(share >= 0.9, `unit ${unit} was polled at ${(share * 100).toFixed(0)} % of its rate`);
      test.ok(
        all[unit - 1]?.values('a').every((v) => v === 3),
        `and nothing but its own values came`,
      );
    }
    const asked = device.asked.filter(({ unit, at }) => unit === 4 && at >= diedAt);
    test.ok(asked.length <= 6, `the dead one was asked ${asked.length} times`);
  },
);

t.test('a late answer is never taken for that of the next request', { skip: noSocat }, async (test) => {
  const { device, path } = await busFor(test);
  let count = 0;
  device.delay = () => {
    count += 1;
    return count % 5 === 0 ? 150 : 0;
  };
  // Two blocks of the same length, so that nothing but the time tells their answers apart.
  const apart = { a: { address: 3 }, far: { address: 500 } };
  const driver = driverFor({ url: serialUrl(path, 1), signals: apart, timeout: '100ms', breaker: { failures: 50 } });
  const yielded = await collect(driver, { until: (y) => y.signal('far').length > 12 });
  test.ok(yielded.values('a').every((v) => v === 3));
  test.ok(yielded.values('far').every((v) => v === 500));
});

t.test('noise, an echo of the request and a damaged frame do not get through', { skip: noSocat }, async (test) => {
  const { device, path } = await busFor(test);
  let count = 0;
  device.answer = (asked) => {
    count += 1;
    if (count === 2) return { raw: Buffer.from([9, 3, 2, 0, 7, 1, 2]) };
    return counting(asked);
  };
  const begun = performance.now();
  const driver = driverFor({ url: serialUrl(path, 9), signals: { a: { address: 3 } }, timeout: '1s' });
  const yielded = await collect(driver, { until: (y) => y.signal('a').length > 4 });
  test.ok(yielded.values('a').every((v) => v === 3));
  test.ok(performance.now() - begun < 1900, 'a damaged answer is asked for again before the timeout has passed');
});

t.test(
  'an adapter that is pulled out and plugged in again: told once, and read on',
  { skip: noSocat },
  async (test) => {
    const { path, plug, unplug } = await busFor(test);
    const driver = driverFor({ url: serialUrl(path, 9), signals });
    let isPulled = false;
    const yielded = await collect(driver, {
      until: (y) => y.of('gap').length > 0,
      each: async (_, y) => {
        if (y.values('available').at(-1) === false) await plug();
        if (isPulled || y.signal('a').length < 5) return;
        isPulled = true;
        await unplug();
      },
    });
    test.same(yielded.values('available'), [true, false, true]);
    test.match(yielded.of('driver')[1]?.message, /unit 9 at .*ttyS0: .*(no such device|closed)/);
    test.match(yielded.of('gap'), [{ cause: 'link-down', exact: true }]);
  },
);
