import type { IPublishPacket } from 'mqtt-packet';
import t from 'tap';
import { Fault } from '../../src/errors.ts';
import { statusSchema } from '../../src/wire/contract.ts';
import { batches, startForwarder, uplinkConfig } from '../support/forwarding.ts';
import { MemoryOutbox } from '../support/memory-outbox.ts';
import { acknowledge, type RawBroker, startRawBroker } from '../support/raw-broker.ts';

const EVERY_MS = 10;
const heartbeat = { every: () => EVERY_MS, figures: async () => ({ uptime: 5, alerts: 2 }) };
const isHeartbeat = ({ topic, payload }: IPublishPacket) =>
  topic.endsWith('/status') && JSON.parse(payload.toString()).reason === 'heartbeat';
const beats = (broker: RawBroker) => broker.published.filter(isHeartbeat);
const urlOf = ({ port }: RawBroker) => `mqtt://127.0.0.1:${port}`;
const allDelivered = (rows: readonly { delivered: boolean }[]) => rows.every(({ delivered }) => delivered);

t.test('the retained status is sent again with figures, and says since when it is connected', async (t) => {
  await using broker = await startRawBroker();
  let now = 1_763_640_000_000;
  const clock = { now: () => now++ };
  const { stop } = startForwarder(t, new MemoryOutbox(), uplinkConfig(urlOf(broker)), { clock, heartbeat });
  await broker.until((b) => beats(b).length === 2);
  await stop();
  const [birth, beat, , goodbye] = broker.published;
  const since = JSON.parse(`${birth?.payload}`).t;
  t.equal(beat?.retain, true);
  t.match(statusSchema.parse(JSON.parse(`${beat?.payload}`)), {
    ...{ status: 'online', reason: 'heartbeat', version: '1.2.3', site: 'hall 3' },
    ...{ since, uptime: 5, alerts: 2 },
  });
  t.match(JSON.parse(`${goodbye?.payload}`), { status: 'offline', reason: 'stopped' });
});

t.test('without figures it beats all the same, and says why', async (t) => {
  await using broker = await startRawBroker();
  const figures = () => Promise.reject(new Fault('disk', 'cannot read'));
  const { line } = startForwarder(t, new MemoryOutbox(), uplinkConfig(urlOf(broker)), {
    heartbeat: { every: () => EVERY_MS, figures },
  });
  await broker.until((b) => beats(b).length === 2);
  t.match(await line(/cannot read/), /^error/);
});

t.test('it takes its place in the Receive Maximum, between batches that fill it', async (t) => {
  for (const receiveMaximum of [1, 3]) {
    let open = 0;
    let peak = 0;
    await using broker = await startRawBroker({
      connack: () => ({ properties: { receiveMaximum } }),
      publish: (packet, client) => {
        open += 1;
        peak = Math.max(peak, open);
        setTimeout(() => {
          open -= 1;
          acknowledge(packet, client);
        }, 1);
      },
    });
    const outbox = new MemoryOutbox();
    await outbox.append({ batches: batches('m', 100) });
    startForwarder(t, outbox, uplinkConfig(urlOf(broker)), { heartbeat });
    await outbox.until(allDelivered);
    t.equal(peak, receiveMaximum);
    t.ok(beats(broker).length > 0, 'beats while the window is full');
  }
});

t.test('a refusal is told once, and nothing more of it comes on this link', async (t) => {
  await using broker = await startRawBroker({
    publish: (packet, client) => acknowledge(packet, client, isHeartbeat(packet) ? 151 : 0),
  });
  const outbox = new MemoryOutbox();
  const { line, count } = startForwarder(t, outbox, uplinkConfig(urlOf(broker)), { heartbeat });
  await line(/refuses the status message: Quota exceeded/);
  await outbox.append({ batches: batches('m', 100) });
  await outbox.until(allDelivered);
  t.equal(beats(broker).length, 1);
  t.equal(count(/refuses the status message/), 1);
});

t.test('one that is larger than the broker takes is not sent', async (t) => {
  await using broker = await startRawBroker({ connack: () => ({ properties: { maximumPacketSize: 400 } }) });
  const outbox = new MemoryOutbox();
  const version = 'x'.repeat(400);
  const { line } = startForwarder(t, outbox, uplinkConfig(urlOf(broker)), {
    heartbeat: { every: () => EVERY_MS, figures: async () => ({ quota: { [version]: { used: 1, limit: 2 } } }) },
  });
  await line(/refuses the status message: Packet too large.*raise the broker’s limit on packets/);
  await outbox.append({ batches: batches('m', 5) });
  await outbox.until(allDelivered);
  t.same(beats(broker), []);
});

t.test('where the broker closes on it three times, it is left out, and no batch is blamed', async (t) => {
  await using broker = await startRawBroker({
    publish: (packet, client) => (isHeartbeat(packet) ? client.close() : acknowledge(packet, client)),
  });
  const outbox = new MemoryOutbox();
  const { line } = startForwarder(t, outbox, uplinkConfig(urlOf(broker)), { heartbeat });
  await line(/^error: .*closes the link on heartbeats: none for 1 h/);
  await outbox.append({ batches: batches('m', 20) });
  await outbox.until(allDelivered);
  t.equal(beats(broker).length, 3);
  t.equal(outbox.rows.filter(({ refusals }) => refusals > 0).length, 0);
});

t.test('one that is never acknowledged does not hold the only place for ever', async (t) => {
  let isSilent = true;
  await using broker = await startRawBroker({
    connack: () => ({ properties: { receiveMaximum: 1 } }),
    publish: (packet, client) => !(isSilent && isHeartbeat(packet)) && acknowledge(packet, client),
  });
  const outbox = new MemoryOutbox();
  const uplink = uplinkConfig(urlOf(broker), { ackTimeout: 100 });
  const { line } = startForwarder(t, outbox, uplink, { heartbeat });
  await line(/has not acknowledged the status message for 0\.1 s/);
  isSilent = false;
  await outbox.append({ batches: batches('m', 20) });
  await outbox.until(allDelivered);
  t.ok(broker.connects.length > 1);
});
