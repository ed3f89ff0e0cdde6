import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { Links } from '../../../src/drivers/modbus/links.ts';
import { collect } from '../../support/yielded.ts';
import { counting, Device } from './device.ts';
import { deviceFor, driverFor } from './support.ts';

const signals = { a: { address: 3 }, far: { address: 500 } };
const isRight = (y: { values(name: string): unknown[] }): boolean =>
  y.values('a').every((v) => v === 3 || v === null) && y.values('far').every((v) => v === 500 || v === null);

/** A TCP port on which every connection is served by `serve`. */
async function portFor(
  test: Test,
  serve: (socket: Socket, n: number) => void,
): Promise<{ url: string; opened: () => number }> {
  let count = 0;
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    serve(socket, ++count);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.teardown(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { url: `modbus://127.0.0.1:${(server.address() as AddressInfo).port}/1`, opened: () => count };
}

t.test('late answers are dropped: no value is taken for another', async (test) => {
  const { device, url } = await deviceFor(test);
  let count = 0;
  device.delay = () => (++count % 4 === 0 ? 80 : 0);
  const own = { url: `${url}/1`, signals, timeout: '40ms', breaker: { failures: 50 } };
  const yielded = await collect(driverFor(own), { until: (y) => y.signal('far').length > 15 });
  test.ok(isRight(yielded));
  test.equal(device.connected, 1, 'and the connection stays');
});

t.test('the answer of another unit is none', async (test) => {
  const { url } = await portFor(test, (socket) => {
    socket.on('data', (request) => {
      const header = Buffer.from(request.subarray(0, 7));
      header.writeUInt16BE(5, 4);
      header[6] = 99;
      socket.write(Buffer.concat([header, Buffer.from([3, 2, 0, 1])]));
    });
  });
  const own = { url, signals: { a: { address: 3 } }, breaker: { failures: 2 } };
  const yielded = await collect(driverFor(own), { until: (y) => y.of('driver').length > 0 });
  test.same(yielded.values('available'), [false]);
  test.match(yielded.of('driver')[0]?.message, /unit 99 answered for unit 1/);
});

t.test('answers in pieces and two in one piece are read', async (test) => {
  const { device, url } = await deviceFor(test);
  const port = Number(new URL(url).port);
  const relay = await portFor(test, (socket) => {
    const far = connect(port, '127.0.0.1');
    socket.pipe(far);
    let held = Buffer.alloc(0);
    far.on('data', async (chunk) => {
      held = Buffer.concat([held, chunk]);
      if (held.length < 20) return;
      const bytes = held;
      held = Buffer.alloc(0);
      for (const byte of bytes.subarray(0, 8)) {
        socket.write(Buffer.from([byte]));
        await sleep(1);
      }
      socket.write(bytes.subarray(8));
    });
    socket.on('close', () => far.destroy());
  });
  const own = { url: relay.url, signals, requestsInFlight: 2, timeout: '1s' };
  const yielded = await collect(driverFor(own), { until: (y) => y.signal('far').length > 3 });
  test.ok(isRight(yielded));
  test.ok(device.asked.length >= 8);
});

t.test('bytes that are no Modbus/TCP end the connection, and reconnecting backs off', async (test) => {
  const { url, opened } = await portFor(test, (socket) =>
    socket.on('data', () => socket.write('HTTP/1.1 400 Bad Request\r\n')),
  );
  const own = { url, signals, poll: '10ms' };
  const stop = AbortSignal.timeout(700);
  const told: string[] = [];
  await test.rejects(async () => {
    for await (const { events = [] } of driverFor(own).observe(undefined, stop)) {
      for (const event of events) if (event.type === 'driver') told.push(event.message ?? event.state);
    }
  });
  test.match(told, [/no Modbus\/TCP/]);
  test.equal(told.length, 1, 'told once');
  test.ok(opened() <= 12, `${opened()} connections in 0.7 s`);
});

t.test('a port that nobody listens on: what to do is told once', async (test) => {
  const device = new Device();
  const port = await device.listen();
  await device.close();
  const own = { url: `modbus://127.0.0.1:${port}/1`, signals };
  const yielded = await collect(driverFor(own), { until: (y) => y.of('driver').length > 0 });
  test.match(yielded.of('driver')[0], { state: 'failed', message: /nothing listens there: check the port/ });
  test.same(yielded.values('available'), [false]);
  test.same(yielded.values('a'), [null]);
});

t.test('a host that does not take the connection: the timeout is told with its hint', async (test) => {
  const listen =
    'const s = net.createServer().listen({ port: 0, host: "127.0.0.1", backlog: 1 }, () => console.log(s.address().port))';
  const stopped = spawn(process.execPath, ['-e', listen]);
  test.teardown(() => stopped.kill('SIGKILL'));
  const [line] = (await once(stopped.stdout, 'data')) as [Buffer];
  stopped.kill('SIGSTOP');
  const fillers = Array.from({ length: 4 }, () => connect(Number(line), '127.0.0.1').on('error', () => undefined));
  test.teardown(() => {
    for (const socket of fillers) socket.destroy();
  });
  await sleep(200);
  const own = { url: `modbus://127.0.0.1:${Number(line)}/1`, signals };
  const yielded = await collect(driverFor(own), { until: (y) => y.of('driver').length > 0 });
  test.match(yielded.of('driver')[0]?.message, /the connection timed out: check that the device is on/);
});

t.test('RTU frames over TCP: a late answer that comes over the next connection is none', async (test) => {
  const device = new Device();
  device.delay = ({ address }) => (address === 3 ? 60 : device.asked.length % 4 === 0 ? 155 : 0);
  let newest: Socket | undefined;
  const { url } = await portFor(test, (socket) => {
    newest = socket;
    const wire = new Duplex({
      read: () => undefined,
      write: (bytes, _, done) => void newest?.write(bytes, () => done()),
    });
    socket.on('data', (bytes) => wire.push(bytes));
    device.serveRtu(wire);
  });
  const own = { url: url.replace(':', '+rtutcp:'), signals, closeAfterRead: true, poll: '200ms', retries: 0 };
  const yielded = await collect(driverFor({ ...own, breaker: { failures: 50 } }), {
    until: (y) => y.signal('far').length > 3,
  });
  test.ok(isRight(yielded));
});

t.test('a cut connection is opened again within the poll, and nothing is told', async (test) => {
  const { device, url } = await deviceFor(test);
  const yielded = await collect(driverFor({ url: `${url}/1`, signals }), {
    until: (y) => y.signal('far').length > 12,
    each: ({ observations }, y) => {
      if (y.signal('a').length === 5 && observations.some(({ signal }) => signal === 'a')) device.cut();
    },
  });
  test.same(yielded.values('available'), [true]);
  test.equal(device.connected, 2);
  test.same(yielded.of('gap'), []);
});

t.test('busy devices are asked again a little later; failing ones at the next poll, told once', async (test) => {
  const { device, url } = await deviceFor(test);
  let count = 0;
  device.answer = (asked) => (++count === 3 ? { exception: 6 } : counting(asked));
  const busy = await collect(driverFor({ url: `${url}/1`, signals: { a: { address: 3 } } }), {
    until: (y) => y.signal('a').length > 4,
  });
  test.ok(isRight(busy) && !busy.values('a').includes(null));
  count = 0;
  device.answer = (asked) => (++count > 3 && count < 8 ? { exception: 4 } : counting(asked));
  const failing = await collect(driverFor({ url: `${url}/1`, signals: { a: { address: 3 } } }), {
    until: () => count > 12,
  });
  test.equal(failing.notices('device-failure').length, 1);
  test.equal(failing.values('a').filter((v) => v === null).length, 1);
  test.same(failing.values('available'), [true], 'it is there all the time');
});

t.test('a function that the device does not know is told by the names of its signals', async (test) => {
  const { device, url } = await deviceFor(test);
  device.answer = (asked) => (asked.code === 4 ? { exception: 1 } : counting(asked));
  const own = {
    url: `${url}/1`,
    signals: {
      a: { address: 3 },
      b: { table: 'input' as const, address: 1 },
      c: { table: 'input' as const, address: 2 },
    },
  };
  const yielded = await collect(driverFor(own), { until: (y) => y.signal('a').length > 5 });
  test.match(yielded.notices('signals-refused'), [/b \(input register 1, exception 01.*c \(input register 2/]);
  test.equal(device.asked.filter(({ code }) => code === 4).length, 1, 'asked once');
});

t.test('a gateway that says its unit is gone (0B) keeps the link, and the other unit notices nothing', async (test) => {
  const { device, url } = await deviceFor(test);
  device.answer = (asked) => (asked.unit === 2 ? { exception: 11 } : counting(asked));
  const links = new Links();
  const [one, two] = await Promise.all([
    collect(driverFor({ url: `${url}/1`, signals }, links), { until: (y) => y.signal('far').length > 15 }),
    collect(driverFor({ url: `${url}/2`, signals }, links), { until: (y) => y.of('driver').length > 0 }),
  ]);
  test.ok(isRight(one));
  test.same(one.of('gap'), []);
  test.match(two.of('driver')[0]?.message, /exception 0B/);
  test.equal(device.connected, 1, 'one connection for both');
  test.ok(device.asked.filter(({ unit }) => unit === 2).length <= 4);
});

t.test('one machine that hangs, floods or sends garbage: another link keeps its schedule', async (test) => {
  const { device, url } = await deviceFor(test);
  const links = new Links();
  const flood = Buffer.alloc(16_384, 0xa5);
  const flooding = await portFor(test, (socket) => {
    const send = (): void => {
      while (socket.writable && socket.write(flood));
    };
    socket.on('drain', send);
    send();
  });
  const hanging = await portFor(test, () => undefined);
  const stop = AbortSignal.timeout(1500);
  const drain = async (own: { url: string }): Promise<void> => {
    try {
      for await (const _ of driverFor({ ...own, signals, poll: '50ms' }, links).observe(undefined, stop));
    } catch {
      // Ends with the abort.
    }
  };
  await Promise.all([drain(flooding), drain(hanging), drain({ url: `${url}/1` })]);
  const polls = device.asked.filter(({ address }) => address === 3);
  test.ok(polls.length >= 28, `${polls.length} of 30 polls`);
});

t.test('closeAfterRead: a connection for each poll, none between', async (test) => {
  const { device, url } = await deviceFor(test);
  const own = { url: `${url}/1`, signals, closeAfterRead: true, poll: '40ms' };
  const yielded = await collect(driverFor(own), { until: (y) => y.signal('far').length > 4 });
  test.ok(device.connected >= 4, `${device.connected} connections`);
  test.ok(isRight(yielded));
  test.same(yielded.values('available'), [true]);
});

t.test('while nobody pulls, polls go on for a while, then are skipped and told as a gap', async (test) => {
  const { device, url } = await deviceFor(test);
  const many = Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`r${i}`, { address: i }]));
  let isStalled = false;
  const yielded = await collect(driverFor({ url: `${url}/1`, signals: many, poll: '10ms' }), {
    until: (y) => y.of('gap').length > 0,
    each: async (_, y) => {
      if (isStalled || y.signal('r0').length < 5) return;
      isStalled = true;
      const before = device.asked.length;
      await sleep(1500);
      const ahead = (device.asked.length - before) / 4;
      test.ok(ahead >= 45 && ahead <= 60, `${ahead} polls of 400 signals were read ahead`);
    },
  });
  const [gap] = yielded.of('gap');
  test.match(gap, { cause: 'poll-skipped', exact: true });
  const polls = new Set(yielded.signal('r0').map(({ t }) => t)).size;
  const span = ((gap?.to ?? 0) - (yielded.signal('r0')[0]?.t ?? 0)) / 10;
  test.ok(Math.abs((gap?.count ?? 0) / 400 + polls - span) < 6, 'polls and skipped ones add up');
});
