import type { IPublishPacket } from 'mqtt-packet';
import t from 'tap';
import { batches, startForwarder, uplinkConfig } from '../support/forwarding.ts';
import { MemoryOutbox } from '../support/memory-outbox.ts';
import { acknowledge, type RawBroker, startRawBroker } from '../support/raw-broker.ts';

/** What was published beside status messages. */
const sent = (broker: RawBroker) => broker.published.filter(({ topic }) => !topic.endsWith('/status'));
const seqOf = (packet: IPublishPacket): number => JSON.parse(packet.payload.toString()).seq;
const isStatus = ({ topic }: IPublishPacket) => topic.endsWith('/status');
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);
const allDelivered = (rows: readonly { delivered: boolean }[]) => rows.every(({ delivered }) => delivered);

t.test('publishes in order with QoS 1 and the properties of the contract, and settles in groups', async (t) => {
  await using broker = await startRawBroker();
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: batches('vmc-3', 300) });
  const { forwarder } = startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`));
  await outbox.until(allDelivered);
  t.same(sent(broker).map(seqOf), range(1, 300));
  t.match(sent(broker)[0], {
    topic: 'plc/acme/gw-01/vmc-3/telemetry',
    qos: 1,
    retain: false,
    dup: false,
    properties: { contentType: 'application/json', userProperties: { v: '1' } },
  });
  t.match(forwarder.status(), { state: 'connected', protocol: '5', inFlight: 0, acknowledged: 300 });
  t.ok(outbox.settles.length < 50, `${outbox.settles.length} commits for 300 batches`);
});

t.test('settles nothing before its PUBACK', async (t) => {
  await using broker = await startRawBroker({
    publish: (packet, client) => {
      if (isStatus(packet)) acknowledge(packet, client);
    },
  });
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: batches('m', 5) });
  const { forwarder, stop } = startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`));
  await broker.until((b) => sent(b).length === 5);
  t.equal(forwarder.status().inFlight, 5);
  await stop();
  t.same(outbox.settles, []);
});

t.test('what comes while it is connected goes out at once', async (t) => {
  await using broker = await startRawBroker();
  const outbox = new MemoryOutbox();
  const { line } = startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`));
  await line(/^info.* connected/);
  await outbox.append({ batches: batches('a', 1) });
  await outbox.append({ batches: batches('b', 1, 'alert') });
  await outbox.until(allDelivered);
  t.equal(sent(broker).length, 2);
});

t.test('has no more in flight than the broker’s Receive Maximum and the window allow', async (t) => {
  for (const { receiveMaximum, window, most } of [
    { receiveMaximum: 3, window: 64, most: 3 },
    { receiveMaximum: undefined, window: 5, most: 5 },
  ]) {
    let open = 0;
    let peak = 0;
    await using broker = await startRawBroker({
      connack: () => ({ properties: receiveMaximum === undefined ? {} : { receiveMaximum } }),
      publish: (packet, client) => {
        open += 1;
        peak = Math.max(peak, open);
        setImmediate(() => {
          open -= 1;
          acknowledge(packet, client);
        });
      },
    });
    const outbox = new MemoryOutbox();
    await outbox.append({ batches: batches('m', 40) });
    const config = uplinkConfig(`mqtt://127.0.0.1:${broker.port}`, { window });
    startForwarder(t, outbox, config);
    await outbox.until(allDelivered);
    t.equal(peak, most);
    for (const { limit } of outbox.claims) t.ok(limit <= 3 * most + 2, `claims ahead by ${limit} at most`);
  }
});

t.test('alerts overtake a backlog', async (t) => {
  await using broker = await startRawBroker();
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: [...batches('m', 50), ...batches('a', 2, 'alert')] });
  startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`, { window: 2 }));
  await outbox.until(allDelivered);
  const firstAlert = sent(broker).findIndex(({ topic }) => topic.includes('/a/'));
  t.ok(firstAlert <= 4, `the first alert is number ${firstAlert}`);
});

t.test('sends everything that was not acknowledged again, with the same bytes', async (t) => {
  let seen = 0;
  await using broker = await startRawBroker({
    publish: (packet, client) => {
      if (isStatus(packet)) return acknowledge(packet, client);
      seen += 1;
      if (seen <= 4) return acknowledge(packet, client);
      if (seen === 10) client.close();
      return undefined;
    },
  });
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: batches('m', 10) });
  const { line } = startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`));
  await line(/the broker c\w+ the connection/);
  broker.behaviour = {};
  await outbox.until(allDelivered);
  t.same(sent(broker).map(seqOf), [...range(1, 10), ...range(5, 10)]);
  const [first, again] = [sent(broker)[4], sent(broker)[10]];
  t.same(again?.payload, first?.payload);
  t.same(broker.connects.length, 2);
});

t.test('a refused batch is set aside and told once, the lane goes on, and it is offered again later', async (t) => {
  let now = 1_000_000;
  await using broker = await startRawBroker({
    publish: (packet, client) => acknowledge(packet, client, packet.topic.includes('/forbidden/') ? 135 : 0),
  });
  const outbox = new MemoryOutbox(() => now);
  await outbox.append({ batches: [...batches('forbidden', 3), ...batches('good', 3)] });
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const { count, line } = startForwarder(t, outbox, uplinkConfig(url), { clock: { now: () => now } });
  await outbox.until((rows) => rows.every((row) => row.delivered || row.refusals === 1));
  const held = outbox.rows.filter(({ machine }) => machine === 'forbidden');
  t.match(held, [{ refusals: 1, heldUntil: 1_060_000, reason: /Not authorized \(reason code 135\)/ }, {}, {}]);
  t.ok(outbox.rows.filter(({ machine }) => machine === 'good').every(({ delivered }) => delivered));
  await line(/^error: plc\/acme\/gw-01\/forbidden\/telemetry: seq 1 is set aside for 1 min or more: .*ACL/);
  t.equal(count(/set aside/), 1, 'told once for the topic and reason');

  now += 60_000;
  await outbox.until(() => held.every(({ refusals }) => refusals === 2));
  t.equal(held[0]?.heldUntil, now + 120_000, 'the second time for two minutes');
  broker.behaviour = {};
  now += 120_000;
  await outbox.until(allDelivered);
  t.same(
    sent(broker)
      .filter(({ topic }) => topic.includes('/forbidden/'))
      .map(seqOf),
    [1, 2, 3, 1, 2, 3, 1, 2, 3],
    'in order each time',
  );
});

t.test('a batch larger than the broker’s Maximum Packet Size is set aside unsent', async (t) => {
  await using broker = await startRawBroker({ connack: () => ({ properties: { maximumPacketSize: 400 } }) });
  const outbox = new MemoryOutbox();
  const [small, large, last] = batches('m', 3);
  if (small === undefined || large === undefined || last === undefined) throw new Error('three batches');
  await outbox.append({ batches: [small, { ...large, body: JSON.stringify('x'.repeat(400)) }, last] });
  startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`));
  await outbox.until((rows) => rows[1]?.refusals === 1 && rows[2]?.delivered === true);
  t.same(sent(broker).map(seqOf), [1, 3]);
  t.match(outbox.rows[1]?.reason, /the packet has \d{3} bytes, the broker takes 400/);
});

t.test('a batch on which the broker closes the link is found and set aside, and the others arrive', async (t) => {
  for (const version of ['3.1.1', '5'] as const) {
    await using broker = await startRawBroker({
      publish: (packet, client) => (seqOf(packet) === 7 ? client.close() : acknowledge(packet, client)),
    });
    const outbox = new MemoryOutbox();
    await outbox.append({ batches: batches('m', 20) });
    const url = `mqtt://127.0.0.1:${broker.port}`;
    const { line, lines } = startForwarder(t, outbox, uplinkConfig(url, { version }));
    await outbox.until((rows) => rows.every((row) => row.delivered || row.refusals > 0));
    t.same(
      outbox.rows.filter(({ delivered }) => !delivered).map(({ seq }) => seq),
      [7],
      `MQTT ${version}`,
    );
    t.match(
      await line(/set aside/),
      /seq 7 is set aside for 1 min or more: the broker closed the link 3 times in a row/,
    );
    const told = lines.filter((text) => !text.startsWith('debug')).length;
    t.ok(told < 10, `${told} lines`);
  }
});

t.test('a plain network cut sets nothing aside', async (t) => {
  let cuts = 0;
  await using broker = await startRawBroker({
    publish: (packet, client) => {
      if (isStatus(packet) || cuts >= 5) return acknowledge(packet, client);
      cuts += 1;
      // The link dies with several batches under way, each time with others.
      return setImmediate(() => client.close());
    },
  });
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: batches('m', 30) });
  const url = `mqtt://127.0.0.1:${broker.port}`;
  startForwarder(t, outbox, uplinkConfig(url));
  await outbox.until(allDelivered);
  t.equal(outbox.rows.filter(({ refusals }) => refusals > 0).length, 0);
});

t.test('drops a link on which nothing is acknowledged', async (t) => {
  await using broker = await startRawBroker({
    publish: (packet, client) => {
      if (isStatus(packet)) acknowledge(packet, client);
    },
  });
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: batches('m', 3) });
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const { line } = startForwarder(t, outbox, uplinkConfig(url, { ackTimeout: 100 }));
  await line(/^warn: .*the broker has not acknowledged anything for 0\.1 s: look at the broker’s log/);
  await broker.until((b) => b.connects.length >= 6);
  t.equal(outbox.rows.filter(({ refusals }) => refusals > 0).length, 0, 'no batch is blamed for it');
  broker.behaviour = {};
  await outbox.until(allDelivered);
  t.pass('and goes on when the broker does');
});

t.test('keeps a slow link on which acknowledgements keep coming', async (t) => {
  const waiting: (() => void)[] = [];
  await using broker = await startRawBroker({
    publish: (packet, client) => {
      if (isStatus(packet)) acknowledge(packet, client);
      else waiting.push(() => acknowledge(packet, client));
    },
  });
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: batches('m', 32) });
  const url = `mqtt://127.0.0.1:${broker.port}`;
  startForwarder(t, outbox, uplinkConfig(url, { ackTimeout: 400, window: 32 }));
  await broker.until((b) => b.published.length >= 17);
  // As over a line that takes 50 ms a batch: the last one of a window waits for a second and a half.
  const line = setInterval(() => waiting.shift()?.(), 50);
  t.teardown(() => clearInterval(line));
  await outbox.until(allDelivered);
  t.equal(broker.connects.length, 1);
  t.equal(broker.published.filter((packet) => !isStatus(packet)).length, 32, 'nothing is sent twice');
});

t.test('a batch that the broker never acknowledges, while it does later ones, does not hold up its lane', async (t) => {
  await using broker = await startRawBroker({
    publish: (packet, client) => {
      if (isStatus(packet) || seqOf(packet) !== 2) acknowledge(packet, client);
    },
  });
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: batches('m', 3) });
  const url = `mqtt://127.0.0.1:${broker.port}`;
  // It is skipped only if something later is acknowledged on the same link: there is always something.
  const feed = setInterval(() => void outbox.append({ batches: batches('m', 1) }), 10);
  t.teardown(() => clearInterval(feed));
  startForwarder(t, outbox, uplinkConfig(url, { ackTimeout: 100 }));
  await outbox.until((rows) => rows[1]?.refusals === 1);
  t.match(outbox.rows[1]?.reason, /acknowledges later batches, but never this one/);
});

t.test('asks again when the outbox cannot be read for a while', async (t) => {
  await using broker = await startRawBroker();
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: batches('m', 3) });
  outbox.gone = new Error('disk I/O error');
  const { line, count } = startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`));
  await line(/^error: the outbox does not answer: disk I\/O error/);
  outbox.gone = undefined;
  await outbox.until(allDelivered);
  t.equal(count(/does not answer/), 1);
});
