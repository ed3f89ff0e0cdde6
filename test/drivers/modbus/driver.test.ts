import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { ModbusDriver } from '../../../src/drivers/modbus/driver.ts';
import { Links } from '../../../src/drivers/modbus/links.ts';
import { collect, type Yielded } from '../../support/yielded.ts';
import { counting, Device } from './device.ts';
import { deviceFor, driverFor } from './support.ts';

t.test('polls what the config names, with one timestamp a block, and tells what the machine is', async (test) => {
  const { device, url } = await deviceFor(test);
  const driver = driverFor({
    url: `${url}/7`,
    signals: {
      rpm: { address: 100, unit: 'rev/min' },
      parts: { address: 103, type: 'uint32' },
      door: { table: 'coil', address: 1 },
      temp: { table: 'input', address: 20, scale: 0.1 },
    },
    state: "rpm > 0 ? 'running' : 'idle'",
  });
  const before = Date.now();
  const yielded = await collect(driver, { until: ({ readings }) => readings.length >= 10 });
  test.same(yielded.values('rpm').slice(0, 2), [100, 100]);
  test.equal(yielded.values('parts')[0], 103 * 65536 + 104);
  test.equal(yielded.values('temp')[0], 2);
  test.same(yielded.values('available'), [true], 'once');
  test.same(yielded.values('state'), ['running'], 'once');
  test.equal(yielded.signal('rpm')[0]?.t, yielded.signal('parts')[0]?.t, 'one block, one time');
  test.ok((yielded.signal('rpm')[0]?.t ?? 0) >= before);
  const times = yielded.observations.map(({ t }) => t);
  test.same(
    times,
    times.toSorted((a, b) => a - b),
    'in the order of time',
  );
  const [model] = yielded.of('machine');
  test.match(model?.signals['rpm'], { unit: 'rev/min', source: 'holding register 100', type: 'uint16' });
  test.same(
    yielded.of('driver').map(({ state }) => state),
    ['polling'],
  );
  test.ok(device.asked.every(({ unit }) => unit === 7));
  test.equal(device.connected, 1);
});

t.test(
  'bisects a block that the device refuses, names what cannot be read once, and reads the rest on',
  async (test) => {
    const { device, url } = await deviceFor(test);
    device.answer = (asked) => {
      const last = asked.address + asked.quantity - 1;
      return asked.address <= 13 && last >= 13 ? { exception: 2 } : counting(asked);
    };
    const signals = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`r${i}`, { address: i }]));
    const yielded = await collect(driverFor({ url: `${url}/1`, signals }), {
      until: (y) => y.signal('r19').length >= 3,
    });
    test.same(yielded.values('r12').slice(0, 3), [12, 12, 12]);
    test.same(yielded.values('r14').slice(0, 3), [14, 14, 14]);
    test.same(
      yielded.signal('r13').map(({ v, q }) => [v, q]),
      [[null, 'bad']],
      'null once',
    );
    test.match(yielded.notices('signals-refused'), [/r13 \(holding register 13, exception 02/]);
    test.equal(yielded.notices('signals-refused').length, 1);
    const refused = device.asked.filter((asked) => 'exception' in (device.answer(asked) as object)).length;
    test.ok(refused <= 6, `${refused} refusals`);
    test.same(yielded.of('gap'), []);
  },
);

t.test('a device that goes and comes back: told once, and the gap counts what was missed', async (test) => {
  const { device, url } = await deviceFor(test);
  const driver = driverFor({
    url: `${url}/1`,
    signals: { a: { address: 1 }, b: { address: 2 } },
    breaker: { failures: 2, min: '100ms', max: '200ms' },
    timeout: '30ms',
  });
  let since = 0;
  const yielded = await collect(driver, {
    until: (y) => y.of('gap').length > 0,
    each: (_, y) => {
      if (y.signal('a').length === 5) {
        since = Date.now();
        device.answer = () => 'silence';
      }
      if (y.values('available').at(-1) === false) void sleep(300).then(() => (device.answer = counting));
    },
  });
  test.same(yielded.values('available'), [true, false, true]);
  test.equal(yielded.values('a').filter((v) => v === null).length, 1, 'null once');
  test.same(
    yielded.of('driver').map(({ state }) => state),
    ['polling', 'failed', 'polling'],
  );
  const [gap] = yielded.of('gap');
  test.match(gap, { cause: 'link-down', exact: true });
  const good = yielded.signal('a').filter(({ v }) => v !== null);
  const expected = ((Date.now() - (gap?.from ?? 0)) / 20 - 1) * 2;
  test.ok(Math.abs((gap?.count ?? 0) - expected) <= 6, `counted ${gap?.count}, and the time holds ${expected}`);
  test.equal(gap?.from, good[4]?.t);
  test.equal(gap?.to, good[5]?.t);
  test.ok(since > 0);
});

t.test('a block that is silent again and again is told as a gap, though another is read', async (test) => {
  const { device, url } = await deviceFor(test);
  const signals = { a: { address: 3 }, far: { address: 500 } };
  const driver = driverFor({ url: `${url}/1`, signals, timeout: '20ms', poll: '100ms', retries: 0 });
  const yielded = await collect(driver, {
    until: (y) => y.of('gap').length > 0,
    each: (_, y) => {
      if (y.signal('far').length === 3) device.answer = (asked) => (asked.address === 3 ? 'silence' : counting(asked));
    },
  });
  test.same(yielded.values('available'), [true]);
  test.match(yielded.of('gap'), [{ cause: 'link-down', from: yielded.signal('far')[2]?.t, count: 1, exact: true }]);
});

t.test('an unclean stop is told as a gap from the last poll on', async (test) => {
  const { url } = await deviceFor(test);
  const own = { url: `${url}/1`, signals: { a: { address: 1 } } };
  const first = await collect(driverFor(own), { until: (y) => y.signal('a').length === 2 });
  const from = first.cursor;
  await sleep(120);
  const second = await collect(driverFor(own), { from, until: (y) => y.signal('a').length === 2 });
  test.match(second.of('gap'), [{ cause: 'link-down', from: from?.['polled'], count: null, exact: false }]);
  const third = await collect(driverFor(own), { from: second.cursor, until: (y) => y.signal('a').length === 2 });
  test.same(third.of('gap'), [], 'a quick restart missed nothing');
});

t.test('an abort ends it at once and leaves no connection', async (test) => {
  const { device, url } = await deviceFor(test);
  device.answer = () => 'silence';
  const stop = new AbortController();
  const driver = driverFor({ url: `${url}/1`, signals: { a: { address: 1 } }, timeout: '5s' });
  setTimeout(() => stop.abort(new Error('stop')), 60);
  const begun = performance.now();
  await test.rejects(async () => {
    for await (const _ of driver.observe(undefined, stop.signal));
  }, /stop/);
  test.ok(performance.now() - begun < 500);
  while (device.connections > 0) await sleep(5);
});

/** A link that another machine, unit 1, keeps open; unit 2 is silent. */
async function sharedLink(test: Test): Promise<{ device: Device; url: string; links: Links }> {
  const { device, url } = await deviceFor(test);
  device.answer = (asked) => (asked.unit === 2 ? 'silence' : counting(asked));
  const links = new Links();
  const stop = new AbortController();
  const other = collectUntil(driverFor({ url: `${url}/1`, signals: { a: { address: 1 } } }, links), stop.signal);
  test.teardown(async () => {
    stop.abort(new Error('over'));
    await other;
  });
  return { device, url: `${url}/2`, links };
}

async function collectUntil(driver: ModbusDriver, signal: AbortSignal): Promise<void> {
  try {
    for await (const _ of driver.observe(undefined, signal));
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

t.test('an abort ends it at once while others use the link', async (test) => {
  const { device, url, links } = await sharedLink(test);
  const stop = new AbortController();
  const over = collectUntil(driverFor({ url, signals: { a: { address: 1 } }, timeout: '5s' }, links), stop.signal);
  while (!device.asked.some(({ unit }) => unit === 2)) await sleep(5);
  const begun = performance.now();
  stop.abort(new Error('stop'));
  await over;
  test.ok(performance.now() - begun < 500);
});

t.test('a unit that has its link for itself is probed at the pace of its breaker', async (test) => {
  const { device, url } = await deviceFor(test);
  device.answer = () => 'silence';
  const breaker = { failures: 1, min: '100ms', max: '1m' };
  const own = { url: `${url}/1`, signals: { a: { address: 1 } }, timeout: '400ms', retries: 0, breaker };
  const yielded = await collect(driverFor(own), {
    until: (y) => y.values('available').includes(true),
    each: (_, y) => {
      if (y.values('available').includes(false)) device.answer = counting;
    },
    within: 3000,
  });
  test.same(yielded.values('available'), [false, true]);
});

t.test('a machine that is stopped during a probe leaves a breaker that still closes', async (test) => {
  const { device, url, links } = await sharedLink(test);
  const breaker = { failures: 1, min: '100ms', max: '100ms' };
  const own = { url, signals: { a: { address: 1 } }, timeout: '300ms', retries: 0, breaker };
  const [stop, end] = [new AbortController(), new AbortController()];
  const beside = collectUntil(driverFor({ ...own, poll: '1h' }, links), end.signal);
  test.teardown(async () => {
    end.abort(new Error('over'));
    await beside;
  });
  const over = collectUntil(driverFor(own, links), stop.signal);
  while (device.asked.filter(({ unit }) => unit === 2).length < 3) await sleep(5);
  stop.abort(new Error('stop'));
  await over;
  device.answer = counting;
  const yielded = await collect(driverFor(own, links), { until: (y) => y.values('a').includes(1), within: 3000 });
  test.same(yielded.values('available').at(-1), true);
});

t.test('breaker settings that changed hold from the next start on, though others use the link', async (test) => {
  const { device, url, links } = await sharedLink(test);
  const own = { url, signals: { a: { address: 1 } }, timeout: '30ms', retries: 0 };
  await collect(driverFor(own, links), { until: () => device.asked.some(({ unit }) => unit === 2) });
  device.asked.length = 0;
  const breaker = { failures: 1, min: '10s' };
  await collect(driverFor({ ...own, breaker }, links), { until: (y) => y.of('driver').length > 0 });
  test.equal(device.asked.filter(({ unit }) => unit === 2).length, 1);
});

t.test('many intervals with many requests in flight each do not overfill the link', async (test) => {
  const { url } = await deviceFor(test);
  const signals = Object.fromEntries(
    Array.from({ length: 80 }, (_, i) => [`r${i}`, { address: i * 200, every: `${100 + 10 * (i % 5)}ms` }]),
  );
  const driver = driverFor({ url: `${url}/1`, signals, requestsInFlight: 16, timeout: '1s' });
  const yielded = await collect(driver, { until: (y) => y.signal('r79').length > 2 });
  test.same(yielded.values('available'), [true]);
  test.same(yielded.of('gap'), []);
});

t.test('two machines on the same unit share its breaker, and signals keep their own intervals', async (test) => {
  const { device, url } = await deviceFor(test);
  const links = new Links();
  const slow = { a: { address: 1 }, b: { address: 2, every: '200ms' } };
  const yielded = await collect(driverFor({ url: `${url}/1`, signals: slow }, links), {
    until: (y) => y.signal('b').length === 2,
  });
  test.ok(yielded.signal('a').length >= 8 && yielded.signal('a').length <= 12, `${yielded.signal('a').length} times a`);
  device.answer = () => 'silence';
  device.asked.length = 0;
  const own = { url: `${url}/1`, signals: { a: { address: 1 } }, timeout: '20ms', breaker: { failures: 4 } };
  const isLost = { until: (y: Yielded) => y.of('driver').length > 0 };
  await Promise.all([collect(driverFor(own, links), isLost), collect(driverFor(own, links), isLost)]);
  test.ok(device.asked.length <= 5, `${device.asked.length} requests until both knew`);
});

t.test('vitals tell the plan, the round trip, what is missed and what is refused', async (test) => {
  const { device, url } = await deviceFor(test);
  device.answer = (asked) => (asked.address > 50 ? { exception: 2 } : counting(asked));
  const driver = driverFor({
    url: `${url}/1`,
    signals: { a: { address: 1 }, b: { address: 4 }, lost: { address: 99 } },
  });
  test.same(driver.vitals(), []);
  let vitals = driver.vitals();
  await collect(driver, {
    until: (y) => y.signal('a').length > 5,
    each: () => {
      vitals = driver.vitals();
    },
  });
  const text = (name: string) => vitals.find((one) => one.name === name);
  test.match(text('plan'), { level: 'good', text: '1 request for 4 registers or bits' });
  test.match(text('unit'), { level: 'good' });
  test.match(text('round trip')?.text, /^\d+\.\d ms, 95 % below/);
  test.match(text('poll cycle')?.text, /polls take \d+ % of their interval/);
  test.match(text('refused signals'), { level: 'bad', text: 'lost', hint: /check address/ });
});

t.test('RTU frames over TCP are read', async (test) => {
  const device = new Device();
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    device.serveRtu(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.teardown(() => server.close());
  const { port } = server.address() as AddressInfo;
  const own = {
    url: `modbus+rtutcp://127.0.0.1:${port}/5`,
    signals: { a: { address: 7 }, c: { table: 'coil' as const, address: 0 } },
  };
  const yielded = await collect(driverFor(own), { until: (y) => y.signal('a').length > 3 });
  test.same(yielded.values('a').slice(0, 2), [7, 7]);
  test.equal(yielded.values('c')[0], false);
});
