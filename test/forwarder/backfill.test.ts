import type { IPublishPacket } from 'mqtt-packet';
import t from 'tap';
import { batches, startForwarder, uplinkConfig } from '../support/forwarding.ts';
import { MemoryOutbox } from '../support/memory-outbox.ts';
import { acknowledge, type RawBroker, startRawBroker } from '../support/raw-broker.ts';

const NOW = 1_763_640_000_000;
const HOUR = 3_600_000;

const sent = (broker: RawBroker) => broker.published.filter(({ topic }) => !topic.endsWith('/status'));
const read = (packet: IPublishPacket) => JSON.parse(packet.payload.toString());
const machineOf = ({ topic }: IPublishPacket) => topic.split('/')[3];
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, n) => from + n);
const allDelivered = (rows: readonly { delivered: boolean }[]) => rows.every(({ delivered }) => delivered);

/** An outbox whose first batches have waited for an hour when the last are stored. */
async function afterAnOutage(old: number, live: number) {
  let now = NOW;
  const clock = { now: () => now };
  const outbox = new MemoryOutbox(clock.now);
  await outbox.append({ batches: batches('old', old) });
  now += HOUR;
  await outbox.append({ batches: batches('live', live) });
  return { outbox, clock, pass: (ms: number) => (now += ms) };
}

t.test('after an outage live data goes out first, and the backlog beside it, marked historical', async (t) => {
  await using broker = await startRawBroker();
  const { outbox, clock } = await afterAnOutage(200, 5);
  startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`), { clock });
  await outbox.until(allDelivered);
  const places = sent(broker).flatMap((packet, i) => (machineOf(packet) === 'live' ? [i] : []));
  t.ok((places.at(-1) ?? Number.NaN) < 20, `live batches are numbers ${places}`);
  for (const packet of sent(broker)) {
    const isOld = machineOf(packet) === 'old';
    t.equal(read(packet).historical, isOld ? true : undefined);
    t.equal(packet.properties?.userProperties?.['historical'], isOld ? 'true' : undefined);
  }
  const old = sent(broker).filter((packet) => machineOf(packet) === 'old');
  t.same(
    old.map((packet) => read(packet).seq),
    range(1, 200),
    'in order',
  );
});

t.test('newest first, where the config says so', async (t) => {
  await using broker = await startRawBroker();
  const { outbox, clock } = await afterAnOutage(200, 1);
  const backfill = { order: 'newest' } as const;
  startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`, { backfill }), { clock });
  await outbox.until(allDelivered);
  const old = sent(broker).filter((packet) => machineOf(packet) === 'old');
  t.same(
    old.map((packet) => read(packet).seq),
    range(1, 200).toReversed(),
  );
});

t.test('the backlog keeps to its rate, and live data does not wait for it', async (t) => {
  await using broker = await startRawBroker();
  const { outbox, clock } = await afterAnOutage(100, 0);
  // About two hundred bytes a batch.
  const backfill = { order: 'oldest', rate: 4000 } as const;
  const begun = performance.now();
  startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`, { backfill }), { clock });
  await outbox.until((rows) => rows.filter(({ delivered }) => delivered).length >= 20);
  await outbox.append({ batches: batches('live', 1) });
  await outbox.until((rows) => rows.at(-1)?.delivered === true);
  t.ok(
    outbox.rows.filter(({ delivered }) => delivered).length < 60,
    'the live batch came before the backlog was through',
  );
  await outbox.until(allDelivered);
  const bytes = sent(broker).reduce((sum, { payload }) => sum + payload.length, 0);
  const seconds = (performance.now() - begun) / 1000;
  t.ok(bytes / (seconds + 1) <= 4000, `${bytes} bytes in ${seconds} s, a second's worth of them at once`);
});

t.test('where sending lags behind, what has become old is backlog and the newest goes first', async (t) => {
  const held: (() => void)[] = [];
  let isHeld = true;
  await using broker = await startRawBroker({
    publish: (packet, client) => {
      if (isHeld && !packet.topic.endsWith('/status')) held.push(() => acknowledge(packet, client));
      else acknowledge(packet, client);
    },
  });
  const { outbox, clock, pass } = await afterAnOutage(0, 2);
  startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`, { window: 2, ackTimeout: 60_000 }), {
    clock,
  });
  await broker.until((b) => sent(b).length === 2);
  await outbox.append({ batches: batches('lagging', 10) });
  pass(HOUR);
  await outbox.append({ batches: batches('now', 1) });
  isHeld = false;
  for (const answer of held) answer();
  await outbox.until(allDelivered);
  const order = sent(broker).map(machineOf);
  t.ok(order.indexOf('now') < order.lastIndexOf('lagging') - 5, order.join());
  const marks = sent(broker).filter((packet) => read(packet).historical === true);
  t.ok(marks.length >= 5 && marks.every((packet) => machineOf(packet) === 'lagging'));
});

t.test('says what waits in each lane, connected or not', async (t) => {
  const { outbox, clock } = await afterAnOutage(100, 5);
  await outbox.append({ batches: batches('a', 2, 'alert') });
  const { forwarder, line } = startForwarder(t, outbox, uplinkConfig('mqtt://127.0.0.1:1'), { clock });
  await line(/warn/);
  t.match(await forwarder.lanes(await outbox.stats()), [
    { lane: 'alert', batches: 2 },
    { lane: 'live', batches: 5 },
    { lane: 'backfill', batches: 100, observations: 100, emptyIn: null },
  ]);
  await using broker = await startRawBroker();
  const slow = { order: 'oldest', rate: 4000 } as const;
  const running = startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`, { backfill: slow }), {
    clock,
  });
  await outbox.until((rows) => rows.filter(({ delivered }) => delivered).length >= 30);
  const [alert, live, backfill] = await running.forwarder.lanes(await outbox.stats());
  t.match(
    [alert, live],
    [
      { batches: 0, emptyIn: 0 },
      { batches: 0, emptyIn: 0 },
    ],
  );
  t.ok(backfill !== undefined && backfill.batches > 20 && backfill.batches <= 80, `${backfill?.batches}`);
  t.ok((backfill?.emptyIn ?? 0) > 500, `${backfill?.emptyIn} ms`);
});

t.test('a replay sends delivered batches once more with the same keys, and changes no mark', async (t) => {
  await using broker = await startRawBroker();
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: [...batches('m', 50), ...batches('other', 5)] });
  const { forwarder } = startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`));
  await outbox.until(allDelivered);
  const settled = outbox.settles.flat().length;
  const from = (outbox.rows[0]?.t0 ?? 0) + 10;
  const replay = forwarder.replay({ machine: 'm', from, to: from + 20 });
  t.same(await replay?.done, { batches: 20, observations: 20, refused: 0 });
  const again = sent(broker).slice(55);
  t.same(
    again.map((packet) => [machineOf(packet), read(packet).seq, read(packet).historical]),
    range(11, 30).map((seq) => ['m', seq, true]),
  );
  t.equal(outbox.settles.flat().length, settled);
  const nothing = forwarder.replay({ machine: 'nobody', from: 0, to: NOW * 2 });
  t.same(await nothing?.done, { batches: 0, observations: 0, refused: 0 });
});

t.test('a replay outlives the link, and too many at once are refused', async (t) => {
  let seen = 0;
  await using broker = await startRawBroker({
    publish: (packet, client) => {
      if (packet.topic.endsWith('/status')) return acknowledge(packet, client);
      seen += 1;
      return seen === 70 ? client.close() : acknowledge(packet, client);
    },
  });
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: batches('m', 50) });
  const { forwarder } = startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`));
  await outbox.until(allDelivered);
  const all = { from: 0, to: NOW * 2 };
  const replay = forwarder.replay(all);
  const rest = Array.from({ length: 20 }, () => forwarder.replay(all));
  t.ok(rest.filter((one) => one === undefined).length >= 4);
  const { batches: count } = (await replay?.done) ?? { batches: 0 };
  t.ok(count >= 50, `${count} were acknowledged`);
  const seqs = new Set(
    sent(broker)
      .slice(50)
      .map((packet) => read(packet).seq),
  );
  t.equal(seqs.size, 50);
});

t.test('refused batches are offered again when a person asks', async (t) => {
  await using broker = await startRawBroker({
    publish: (packet, client) => acknowledge(packet, client, packet.topic.includes('/forbidden/') ? 135 : 0),
  });
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: [...batches('forbidden', 3), ...batches('good', 1)] });
  const { forwarder } = startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`));
  await outbox.until((rows) => rows.every((row) => row.delivered || row.refusals === 1));
  broker.behaviour = {};
  t.equal(await forwarder.retryRefused('good'), 0);
  t.equal(await forwarder.retryRefused('forbidden'), 3);
  await outbox.until(allDelivered);
  t.equal(sent(broker).length, 7);
});
