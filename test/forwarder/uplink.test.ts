import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import t from 'tap';
import { startProxy } from '../../simulator/proxy.ts';
import { Secret } from '../../src/config/secrets.ts';
import { statusSchema } from '../../src/wire/contract.ts';
import { freePort, startAedes, webSocketListener } from '../support/brokers.ts';
import { batches, startForwarder, uplinkConfig } from '../support/forwarding.ts';
import { MemoryOutbox } from '../support/memory-outbox.ts';
import { acknowledge, type RawBroker, startRawBroker } from '../support/raw-broker.ts';

const STATUS = 'plc/acme/gw-01/status';
const statuses = (broker: RawBroker) =>
  broker.published
    .filter(({ topic }) => topic === STATUS)
    .map((packet) => ({ retain: packet.retain, ...statusSchema.parse(JSON.parse(packet.payload.toString())) }));
const allDelivered = (rows: readonly { delivered: boolean }[]) => rows.every(({ delivered }) => delivered);

t.test('is born before the first batch, leaves a will, and says goodbye at the stop', async (t) => {
  await using broker = await startRawBroker();
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: batches('m', 2) });
  const clock = { now: () => 1_763_640_000_000 };
  const { stop } = startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`), { clock });
  await outbox.until(allDelivered);
  await stop();
  t.equal(broker.published[0]?.topic, STATUS);
  const common = { v: 1, tenant: 'acme', gateway: 'gw-01', retain: true, version: '1.2.3', site: 'hall 3' };
  t.match(statuses(broker), [
    { ...common, status: 'online', reason: 'birth', t: clock.now() },
    { ...common, status: 'offline', reason: 'stopped', t: clock.now() },
  ]);
  t.match(broker.disconnects, [{ cmd: 'disconnect', reasonCode: 0 }]);
  const [connect] = broker.connects;
  t.match(connect, { clientId: 'acme-gw-01', clean: true, keepalive: 15, protocolVersion: 5 });
  t.match(connect?.will, { topic: STATUS, retain: true, qos: 1 });
  const will = statusSchema.parse(JSON.parse(String(connect?.will?.payload)));
  t.match(will, { status: 'offline', reason: 'lost' });
  t.notOk('t' in will, 'a will has no time: it was written at the connect');
});

t.test('falls back to 3.1.1 where the broker refuses 5, tells it once, and remembers it for an hour', async (t) => {
  let now = 0;
  await using broker = await startRawBroker({
    connack: ({ protocolVersion }) => (protocolVersion === 5 ? { reasonCode: 132 } : {}),
  });
  const outbox = new MemoryOutbox(() => now);
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const { forwarder, line, count, lines } = startForwarder(t, outbox, uplinkConfig(url), { clock: { now: () => now } });
  await line(/^info.* connected with MQTT 3\.1\.1/);
  t.equal(forwarder.status().protocol, '3.1.1');
  broker.behaviour = { ...broker.behaviour, publish: (_packet, client) => client.close() };
  await outbox.append({ batches: batches('m', 1) });
  await broker.until((b) => b.connects.length >= 4);
  t.same(
    broker.connects.slice(0, 4).map(({ protocolVersion }) => protocolVersion),
    [5, 4, 4, 4],
  );
  t.equal(count(/takes only MQTT 3\.1\.1/), 1, lines.join('\n'));
  now += 3_600_000;
  const before = broker.connects.length;
  await broker.until((b) => b.connects.length > before + 2);
  t.ok(
    broker.connects.slice(before).some(({ protocolVersion }) => protocolVersion === 5),
    'asks for 5 again',
  );
});

t.test('falls back to 3.1.1 where the broker closes on 5, and asks for 5 on the next connect', async (t) => {
  await using broker = await startRawBroker({
    connack: ({ protocolVersion }) => (protocolVersion === 5 ? 'close' : {}),
  });
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: batches('m', 3) });
  startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`));
  await outbox.until(allDelivered);
  t.same(
    broker.connects.map(({ protocolVersion }) => protocolVersion),
    [5, 4],
  );
  t.notOk(broker.published[1]?.properties, '3.1.1 has no properties');
});

t.test('delivers to aedes, which knows only 3.1.1', async (t) => {
  await using broker = await startAedes();
  const received: string[] = [];
  broker.aedes.on('publish', ({ topic }) => topic.startsWith('plc/') && received.push(topic));
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: batches('m', 20) });
  const { forwarder, stop } = startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`));
  await outbox.until(allDelivered);
  t.equal(forwarder.status().protocol, '3.1.1');
  await stop();
  t.same(received, [STATUS, ...Array(20).fill('plc/acme/gw-01/m/telemetry'), STATUS]);
});

t.test('delivers over ws', async (t) => {
  await using broker = await startAedes({}, webSocketListener(createHttpServer()));
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: batches('m', 3) });
  startForwarder(t, outbox, uplinkConfig(`ws://127.0.0.1:${broker.port}/mqtt`));
  await outbox.until(allDelivered);
  t.equal(outbox.settles.flat().length, 3);
});

t.test('with a fixed version there is no fallback', async (t) => {
  await using broker = await startRawBroker({ connack: () => ({ reasonCode: 132, returnCode: 1 }) });
  const outbox = new MemoryOutbox();
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const { line } = startForwarder(t, outbox, uplinkConfig(url, { version: '5' }));
  await line(/^error: .*Unsupported Protocol Version \(MQTT 5 code 132\): set uplink\.version to auto/);
  t.ok(broker.connects.every(({ protocolVersion }) => protocolVersion === 5));
});

t.test('sends a token in the place of the password, under the client id where there is no user', async (t) => {
  await using broker = await startRawBroker();
  const outbox = new MemoryOutbox();
  const token = new Secret('${env:TOKEN}', 'eyJ…');
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const { line, lines } = startForwarder(t, outbox, uplinkConfig(url, { auth: { token }, clientId: 'me' }));
  await line(/^info.* connected/);
  t.match(broker.connects[0], { clientId: 'me', username: 'me', password: Buffer.from('eyJ…') });
  t.notMatch(lines.join(), /eyJ/);
});

t.test('a refusal that only a person can mend is told once with what to do, and backs off far', async (t) => {
  await using broker = await startRawBroker({ connack: () => ({ reasonCode: 134 }) });
  const outbox = new MemoryOutbox();
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const backoff = { min: 1, max: 200 };
  const { forwarder, line, count } = startForwarder(t, outbox, uplinkConfig(url, { backoff }));
  const text = await line(/134/);
  t.match(text, /^error: mqtt:.*Bad User Name or Password .*: check uplink\.auth.*\. Next attempt in 0\.[12] s\.$/);
  const { state, error, nextAttemptAt, since } = forwarder.status();
  t.equal(state, 'waiting');
  t.match(error, /check uplink\.auth/);
  t.ok((nextAttemptAt ?? 0) - since >= 100, 'waits at least half of the maximum');
  await broker.until((b) => b.connects.length >= 3);
  t.equal(count(/^error.*134/), 1);
});

t.test('a broker that accepts and then drops is not hammered', async (t) => {
  await using broker = await startRawBroker({
    publish: (packet, client) => (packet.topic === STATUS ? acknowledge(packet, client) : client.close()),
  });
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: batches('m', 500) });
  const uplink = uplinkConfig(`mqtt://127.0.0.1:${broker.port}`, { backoff: { min: 1, max: 1000 } });
  const from = performance.now();
  // Without jitter the delays are 1, 2, 4 … ms: 511 ms before the tenth attempt, if a mere CONNECT resets nothing.
  const { lines } = startForwarder(t, outbox, uplink, { random: () => 1 });
  await broker.until((b) => b.connects.length >= 10);
  t.ok(performance.now() - from > 500);
  t.ok(lines.filter((line) => /^info.*connected with/.test(line)).length <= 3, lines.join('\n'));
});

t.test('a taken over session is told with the cause, and backs off far', async (t) => {
  await using broker = await startRawBroker({
    publish: (packet, client) => {
      acknowledge(packet, client);
      if (packet.topic !== STATUS) client.send({ cmd: 'disconnect', reasonCode: 142 });
    },
  });
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: batches('m', 1) });
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const backoff = { min: 1, max: 10_000 };
  const { forwarder, line } = startForwarder(t, outbox, uplinkConfig(url, { backoff }));
  await line(/^error: .*Session taken over \(reason code 142\): another client connects with the same id/);
  const { nextAttemptAt, since } = forwarder.status();
  t.ok((nextAttemptAt ?? 0) - since >= 5000);
});

t.test('tells what is wrong when there is no broker, no host and no answer', async (t) => {
  const outbox = new MemoryOutbox();
  const silent = createServer().listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.teardown(() => silent.close());
  const silentPort = (silent.address() as AddressInfo).port;
  for (const [url, expected] of [
    [`mqtt://127.0.0.1:${await freePort()}`, /nothing listens there \(ECONNREFUSED\): check uplink\.url/],
    ['mqtt://no-such-host.invalid', /the host name (is not known|cannot be resolved) \(E\w+\): check/],
    [`mqtt://127.0.0.1:${silentPort}`, /the broker does not answer: check uplink\.url/],
    [`ws://127.0.0.1:${silentPort}/mqtt`, /the broker does not answer/],
  ] as const) {
    const { line, stop } = startForwarder(t, outbox, uplinkConfig(url, { connectTimeout: 300 }));
    t.match(await line(/^warn/), expected);
    await stop();
  }
});

t.test('leaves the status message out where the broker closes on it', async (t) => {
  await using broker = await startRawBroker({
    publish: (packet, client) => (packet.topic === STATUS ? client.close() : acknowledge(packet, client)),
  });
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: batches('m', 5) });
  const { line } = startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`));
  await outbox.until(allDelivered);
  t.match(await line(/status message/), /the broker closes the link on the status message: it is left out/);
});

t.test('says that it is online after all, where it was the line that broke at the status message', async (t) => {
  let closes = 0;
  await using broker = await startRawBroker({
    publish: (packet, client) =>
      packet.topic === STATUS && closes++ < 4 ? client.close() : acknowledge(packet, client),
  });
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const { line } = startForwarder(t, new MemoryOutbox(), uplinkConfig(url), { lateBirthMs: 20 });
  await line(/^error: .*it is left out/);
  // Three births, and a late one on which it closes once more.
  await broker.until((b) => b.published.length === 5);
  t.match(statuses(broker).at(-1), { status: 'online', reason: 'birth' });
  t.equal(broker.connects.length, 5);
});

t.test('a late status message takes its place in the Receive Maximum', async (t) => {
  let closes = 0;
  const open = { now: 0, peak: 0 };
  await using broker = await startRawBroker({
    connack: () => ({ properties: { receiveMaximum: 1 } }),
    publish: (packet, client) => {
      if (packet.topic === STATUS && closes++ < 3) return client.close();
      open.now += 1;
      open.peak = Math.max(open.peak, open.now);
      setTimeout(() => {
        open.now -= 1;
        acknowledge(packet, client);
      }, 1);
    },
  });
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: batches('m', 100) });
  const url = `mqtt://127.0.0.1:${broker.port}`;
  startForwarder(t, outbox, uplinkConfig(url), { lateBirthMs: 20 });
  await broker.until((b) => statuses(b).length === 4);
  await outbox.until(allDelivered);
  t.equal(open.peak, 1);
});

t.test(
  'a broker that has spoken MQTT 5 is not taken for one of 3.1.1 when the line breaks before its greeting',
  async (t) => {
    let connects = 0;
    await using broker = await startRawBroker({ connack: () => (++connects % 4 === 1 ? {} : 'close') });
    const outbox = new MemoryOutbox();
    startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`));
    await broker.until((b) => b.published.length === 1);
    broker.behaviour.publish = (_packet, client) => client.close();
    await outbox.append({ batches: batches('m', 1) });
    await broker.until((b) => b.connects.length >= 9);
    t.ok(
      broker.connects.every(({ protocolVersion }) => protocolVersion === 5),
      'it is always asked for 5',
    );
  },
);

t.test('does without retained messages where the broker has none', async (t) => {
  await using broker = await startRawBroker({
    connack: ({ will }) => (will?.retain === true ? { reasonCode: 154 } : { properties: { retainAvailable: false } }),
  });
  const outbox = new MemoryOutbox();
  const { line } = startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`));
  await line(/^info.* connected with MQTT 5/);
  t.match(statuses(broker), [{ status: 'online', retain: false }]);
});

t.test('notices a half-open link by its keepalive', async (t) => {
  await using broker = await startRawBroker();
  await using proxy = await startProxy(broker.port);
  const outbox = new MemoryOutbox();
  const { line } = startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${proxy.port}`, { keepalive: 500 }));
  await line(/^info.* connected/);
  proxy.mode = 'blackHole';
  t.match(await line(/^warn/), /the broker has gone silent: no answer to a ping/);
  proxy.mode = 'flow';
  await outbox.append({ batches: batches('m', 1) });
  await outbox.until(allDelivered);
  t.equal(proxy.accepted, broker.connects.length);
});

t.test('notices a half-open link by a missing acknowledgement, sooner than by keepalive', async (t) => {
  await using broker = await startRawBroker();
  await using proxy = await startProxy(broker.port);
  const outbox = new MemoryOutbox();
  const { line } = startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${proxy.port}`, { ackTimeout: 200 }));
  await line(/^info.* connected/);
  proxy.mode = 'blackHole';
  await outbox.append({ batches: batches('m', 3) });
  await line(/not acknowledged anything/);
  proxy.mode = 'flow';
  await outbox.until(allDelivered);
  t.equal(outbox.rows.filter(({ refusals }) => refusals > 0).length, 0);
});

t.test('keeps the pipe full over a slow line', async (t) => {
  await using broker = await startRawBroker();
  await using proxy = await startProxy(broker.port);
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: batches('m', 256) });
  const { line } = startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${proxy.port}`, { window: 64 }));
  await line(/^info.* connected/);
  proxy.latency = 25;
  const from = performance.now();
  await outbox.until(allDelivered);
  // Four windows of 64 at 50 ms a round trip; one at a time would take 12.8 s.
  t.ok(performance.now() - from < 2000, `${Math.round(performance.now() - from)} ms`);
});

t.test('stops within two seconds whatever the broker does', async (t) => {
  const hangs = {
    'never acknowledges batches': {
      publish: (packet, client) => packet.topic === STATUS && acknowledge(packet, client),
    },
    'acknowledges nothing': { publish: () => undefined },
    'does not answer CONNECT': { connack: () => 'silence' },
    refuses: { connack: () => ({ reasonCode: 135 }) },
  } satisfies Record<string, Parameters<typeof startRawBroker>[0]>;
  for (const [what, behaviour] of Object.entries(hangs)) {
    await using broker = await startRawBroker(behaviour);
    const outbox = new MemoryOutbox();
    await outbox.append({ batches: batches('m', 10) });
    const { stop } = startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`));
    await broker.until((b) => b.connects.length > 0);
    if (what.startsWith('never')) await broker.until((b) => b.published.length > 1);
    const ms = await stop();
    t.ok(ms < 1500, `a broker that ${what}: ${Math.round(ms)} ms`);
    await broker.until((b) => b.open === 0);
  }
});

t.test('at a stop, waits for the acknowledgements of what is in flight and settles them', async (t) => {
  await using broker = await startRawBroker({
    publish: (packet, client) => {
      if (packet.topic === STATUS) acknowledge(packet, client);
      else setTimeout(() => acknowledge(packet, client), 100);
    },
  });
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: batches('m', 200) });
  const { stop } = startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`, { window: 16 }));
  await broker.until((b) => b.published.length >= 17);
  await stop();
  const sent = broker.published.filter(({ topic }) => topic !== STATUS).length;
  t.equal(sent, 16, 'nothing more is sent');
  t.equal(outbox.rows.filter(({ delivered }) => delivered).length, 16);
  t.match(statuses(broker).at(-1), { status: 'offline', reason: 'stopped' });
});

t.test('a broker that takes its time for the status message is no stall of ours', async (t) => {
  await using broker = await startRawBroker({ publish: () => undefined });
  const config = uplinkConfig(`mqtt://127.0.0.1:${broker.port}`, { connectTimeout: 100, ackTimeout: 600 });
  const { forwarder, line } = startForwarder(t, new MemoryOutbox(), config);
  let most = 0;
  const looks = setInterval(() => {
    most = Math.max(most, forwarder.stalledFor ?? 0);
  }, 10);
  t.teardown(() => clearInterval(looks));
  await line(/has not acknowledged the status message/);
  t.equal(most, 0);
});
