import { connect, type IClientOptions } from 'mqtt';
import { type IPublishPacket, parser } from 'mqtt-packet';
import t from 'tap';
import { type FaultyProxy, startProxy } from '../../simulator/proxy.ts';
import { systemClock } from '../../src/clock.ts';
import { Secret } from '../../src/config/secrets.ts';
import { openOutbox } from '../../src/outbox/client.ts';
import type { Outbox } from '../../src/outbox/outbox.ts';
import { batchSchema, statusSchema } from '../../src/wire/contract.ts';
import { noMosquitto, startMosquitto } from '../support/brokers.ts';
import { batches, startForwarder, testLog, uplinkConfig } from '../support/forwarding.ts';
import { MemoryOutbox } from '../support/memory-outbox.ts';

const skip = noMosquitto;

async function realOutbox(test: { testdir(): string; teardown(end: () => Promise<unknown>): void }): Promise<Outbox> {
  const budget = { maxBytes: 2 ** 30, maxAge: 3_600_000 };
  const outbox = await openOutbox({ dataDir: test.testdir(), budget, log: testLog().log, clock: systemClock });
  test.teardown(() => outbox.close());
  return outbox;
}

/** Resolves when nothing waits for acknowledgement. */
async function drained(outbox: Outbox): Promise<void> {
  while ((await outbox.stats()).backlog.live.batches > 0) await new Promise((resolve) => setTimeout(resolve, 20));
}

/** What goes through a proxy, connection by connection. */
function recordPublishes(proxy: FaultyProxy): IPublishPacket[] {
  const packets: IPublishPacket[] = [];
  const parsers = new Map<number, ReturnType<typeof parser>>();
  proxy.watch = (connection, chunk) => {
    const known = parsers.get(connection) ?? parser({ protocolVersion: 5 });
    if (!parsers.has(connection)) known.on('packet', (packet) => packet.cmd === 'publish' && packets.push(packet));
    parsers.set(connection, known);
    known.parse(chunk);
  };
  return packets;
}

/** A subscriber that is not the gateway’s code. */
async function subscribe(port: number, options: IClientOptions = {}) {
  const client = connect(`mqtt://127.0.0.1:${port}`, { protocolVersion: 5, ...options });
  const packets: IPublishPacket[] = [];
  let changed = Promise.withResolvers<void>();
  client.on('message', (_topic, _payload, packet) => {
    packets.push(packet);
    changed.resolve();
    changed = Promise.withResolvers();
  });
  await client.subscribeAsync('plc/#', { qos: 1 });
  return {
    packets,
    async until(condition: (packets: readonly IPublishPacket[]) => boolean) {
      while (!condition(packets)) await changed.promise;
    },
    [Symbol.asyncDispose]: () => client.endAsync(true),
  };
}

t.test('a consumer gets every batch once, in order, as the contract says', { skip }, async (t) => {
  await using broker = await startMosquitto();
  await using subscriber = await subscribe(broker.port);
  const outbox = await realOutbox(t);
  await outbox.append({ batches: batches('vmc-3', 500) });
  const { stop, forwarder } = startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`));
  await subscriber.until((packets) => packets.length === 501);
  await stop();
  t.equal((await outbox.stats()).backlog.live.batches, 0);
  t.equal(forwarder.status().acknowledged, 500);
  await subscriber.until((packets) => packets.length === 502);
  const [birth, ...rest] = subscriber.packets;
  const death = rest.pop();
  t.match(statusSchema.parse(JSON.parse(String(birth?.payload))), { status: 'online', reason: 'birth' });
  t.match(statusSchema.parse(JSON.parse(String(death?.payload))), { status: 'offline', reason: 'stopped' });
  const received = rest.map(({ payload }) => batchSchema.parse(JSON.parse(payload.toString())));
  t.same(
    received.map(({ seq }) => seq),
    Array.from({ length: 500 }, (_, n) => n + 1),
  );
  t.match(received[499], { stream: outbox.stream, machine: 'vmc-3', signals: { n: { v: [499] } } });
  t.match(rest[0], { qos: 1, properties: { contentType: 'application/json', userProperties: { v: '1' } } });
});

t.test('a broker killed and started again gets everything, the same key with the same bytes', { skip }, async (t) => {
  await using broker = await startMosquitto();
  await using proxy = await startProxy(broker.port);
  const published = recordPublishes(proxy);
  proxy.latency = 5;
  const outbox = await realOutbox(t);
  await outbox.append({ batches: batches('a', 1000) });
  await outbox.append({ batches: batches('b', 1000) });
  const { forwarder, line } = startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${proxy.port}`));
  const enough = Promise.withResolvers<void>();
  const watch = proxy.watch;
  proxy.watch = (connection, chunk) => {
    watch?.(connection, chunk);
    if (published.length > 300) enough.resolve();
  };
  await enough.promise;
  await broker.stop('SIGKILL');
  await line(/^warn/);
  t.ok(forwarder.status().acknowledged < 2000);
  await outbox.append({ batches: batches('a', 10) });
  await broker.start();
  await drained(outbox);
  const contents = new Map<string, Set<string>>();
  let copies = 0;
  for (const { topic, payload } of published.filter((packet) => !packet.topic.endsWith('/status'))) {
    const { seq } = JSON.parse(payload.toString());
    const key = `${topic} ${seq}`;
    const known = contents.get(key);
    if (known === undefined) contents.set(key, new Set([payload.toString()]));
    else copies += known.add(payload.toString()) && 1;
  }
  t.equal(contents.size, 2010, 'every key was sent');
  t.ok(
    [...contents.values()].every((texts) => texts.size === 1),
    'a key has one content',
  );
  t.ok(copies > 0 && copies <= 128, `${copies} were sent again: what was in flight or not settled yet`);
});

t.test('a batch that an ACL forbids is set aside with reason 135, and the others flow', { skip }, async (t) => {
  const acl = ['topic readwrite plc/acme/gw-01/status', 'topic readwrite plc/acme/gw-01/good/#'].join('\n');
  await using broker = await startMosquitto(['allow_anonymous true', 'acl_file acl'], { acl });
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: [...batches('bad', 2), ...batches('good', 20), ...batches('bad', 2)] });
  const { line } = startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`));
  await outbox.until((rows) => rows.every((row) => row.delivered || row.refusals === 1));
  t.same(
    outbox.rows.filter(({ delivered }) => !delivered).map(({ machine }) => machine),
    ['bad', 'bad', 'bad', 'bad'],
  );
  t.match(
    await line(/^error/),
    /gw-01\/bad\/telemetry: seq 1 is set aside .*Not authorized \(reason code 135\): allow/,
  );
});

t.test('a password that the broker refuses is told in words', { skip }, async (t) => {
  await using broker = await startMosquitto(['allow_anonymous false', 'password_file passwd'], { passwd: '' });
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const password = new Secret('${env:P}', 'wrong');
  for (const version of ['5', '3.1.1'] as const) {
    const config = uplinkConfig(url, { version, auth: { username: 'u', password } });
    const { line } = startForwarder(t, new MemoryOutbox(), config);
    const text = await line(/^error/);
    t.match(text, /the broker refuses the connection: Not authorized \(MQTT .* code (135|5)\): check uplink\.auth/);
    t.notMatch(text, /wrong/);
  }
});

t.test('obeys Receive Maximum and Maximum Packet Size of Mosquitto', { skip }, async (t) => {
  const config = ['allow_anonymous true', 'max_inflight_messages 3', 'max_packet_size 2000'];
  await using broker = await startMosquitto(config);
  const outbox = new MemoryOutbox();
  const [large] = batches('large', 1);
  if (large === undefined) throw new Error('one batch');
  await outbox.append({ batches: [{ ...large, body: JSON.stringify('x'.repeat(3000)) }, ...batches('m', 50)] });
  startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`));
  await outbox.until((rows) => rows.every((row) => row.delivered || row.refusals === 1));
  t.match(outbox.rows[0]?.reason, /the packet has 3\d\d\d bytes, the broker takes 2000/);
  t.notMatch(broker.log, /exceeded|protocol error/i);
});

t.test('finds the oversized batch on which Mosquitto closes a link of 3.1.1', { skip }, async (t) => {
  await using broker = await startMosquitto(['allow_anonymous true', 'max_packet_size 2000']);
  const outbox = new MemoryOutbox();
  const [large] = batches('large', 1);
  if (large === undefined) throw new Error('one batch');
  const rest = batches('m', 30);
  await outbox.append({ batches: [...rest, { ...large, body: JSON.stringify('x'.repeat(3000)) }, ...rest] });
  startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`, { version: '3.1.1' }));
  await outbox.until((rows) => rows.every((row) => row.delivered || row.refusals > 0));
  t.same(
    outbox.rows.filter(({ delivered }) => !delivered).map(({ machine }) => machine),
    ['large'],
  );
});

t.test('a link that breaks lets the will say offline, and the next one says online', { skip }, async (t) => {
  await using broker = await startMosquitto();
  await using proxy = await startProxy(broker.port);
  await using subscriber = await subscribe(broker.port);
  const { line } = startForwarder(t, new MemoryOutbox(), uplinkConfig(`mqtt://127.0.0.1:${proxy.port}`));
  await line(/^info.* connected/);
  proxy.cut();
  await subscriber.until((packets) => packets.length >= 3);
  t.match(
    subscriber.packets.map(({ payload }) => JSON.parse(payload.toString())),
    [{ reason: 'birth' }, { status: 'offline', reason: 'lost' }, { status: 'online', reason: 'birth' }],
  );
});

t.test('two gateways with one id are told so, and give each other time', { skip }, async (t) => {
  await using broker = await startMosquitto();
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const twins = [1, 2].map(() => startForwarder(t, new MemoryOutbox(), uplinkConfig(url)));
  const text = await Promise.race(twins.map(({ line }) => line(/^error/)));
  t.match(text, /closes the link again and again: if another client connects with the id acme-gw-01/);
});

t.test(
  'a client that takes the id over is told once and not fought, no batch is blamed, and all arrives after it left',
  {
    skip,
  },
  async (t) => {
    await using broker = await startMosquitto();
    await using proxy = await startProxy(broker.port);
    // With this there is always something in flight when the broker closes.
    proxy.latency = 30;
    const outbox = new MemoryOutbox();
    const feed = setInterval(() => void outbox.append({ batches: batches('m', 3) }), 20);
    t.teardown(() => clearInterval(feed));
    const backoff = { min: 50, max: 1000 };
    const { line, lines, count } = startForwarder(
      t,
      outbox,
      uplinkConfig(`mqtt://127.0.0.1:${proxy.port}`, { backoff }),
    );
    await line(/^info.* connected/);
    const twin = connect(`mqtt://127.0.0.1:${broker.port}`, { clientId: 'acme-gw-01', reconnectPeriod: 100 });
    await line(/^error: .*again and again: if another client connects with the id acme-gw-01/);
    const toldAt = performance.now();
    const before = proxy.accepted;
    while (proxy.accepted < before + 3) await new Promise((resolve) => twin.once('connect', resolve));
    // Between half the longest backoff and the whole one, each time.
    t.ok(performance.now() - toldAt > 3 * 0.4 * backoff.max, 'they are not fought over');
    await twin.endAsync(true);
    clearInterval(feed);
    await outbox.until((rows) => rows.every(({ delivered }) => delivered));
    t.equal(count(/^error/), 1, lines.join('\n'));
    t.ok(count(/^warn/) <= 1);
    t.equal(outbox.rows.filter(({ refusals }) => refusals > 0).length, 0, 'no batch is blamed');
  },
);
