import { readFileSync } from 'node:fs';
import t from 'tap';
import { startProxy } from '../../simulator/proxy.ts';
import { ARRIVAL_ORDER, type Received, type ReceiveOptions, receive } from '../../src/consumer/consumer.ts';
import { openLink } from '../../src/consumer/link.ts';
import type { Fault } from '../../src/errors.ts';
import { freePort, noMosquitto, OPEN, startAedes, startMosquitto } from '../support/brokers.ts';
import { createAuthority, noOpenssl } from '../support/certificates.ts';
import { seededRandom } from '../support/random.ts';
import { startRawBroker } from '../support/raw-broker.ts';
import { startPublisher } from './publisher.ts';
import { SEED, shuffled, telemetry } from './support.ts';

const BACKOFF = { min: 10, max: 50 };
const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, i) => from + i);
const batches = (from: number, to: number) => range(from, to).map((seq) => telemetry(seq));

/** A consumer that runs; `ready` resolves when its subscription stands for the first time. */
function consume(options: ReceiveOptions) {
  const stop = new AbortController();
  const ready = Promise.withResolvers<void>();
  const received: Received[] = [];
  let changed = Promise.withResolvers<void>();
  const tell = () => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  const subscription = receive({ backoff: BACKOFF, ...options, signal: stop.signal, onReady: ready.resolve });
  const done = (async () => {
    for await (const item of subscription) {
      received.push(item);
      tell();
    }
  })();
  done.catch(ready.reject);
  // Who waits for `done` is told of the failure there.
  ready.promise.catch(() => undefined);
  return {
    subscription,
    received,
    ready: ready.promise,
    done,
    seqs: () => received.flatMap((item) => (item.type === 'batch' ? [item.batch.seq] : [])),
    async until(condition: (received: readonly Received[]) => boolean) {
      while (!condition(received)) await Promise.race([changed.promise, done]);
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await done.catch(() => undefined);
    },
  };
}

const brokers = {
  aedes: { skip: false as const, start: () => startAedes() },
  mosquitto: { skip: noMosquitto, start: () => startMosquitto([...OPEN, 'max_queued_messages 0']) },
};

for (const [name, { skip, start }] of Object.entries(brokers)) {
  t.test(`${name}: yields every batch once and in order, however it came (seed ${SEED})`, { skip }, async (t) => {
    const random = seededRandom(SEED);
    await using broker = await start();
    await using publisher = await startPublisher(broker.port);
    await using consumer = consume({
      url: `mqtt://127.0.0.1:${broker.port}`,
      order: { maxWait: 60_000, maxHeld: 500 },
    });
    await consumer.ready;
    await publisher.batches([telemetry(1), ...shuffled([...batches(2, 200), ...batches(50, 80)], random)]);
    await consumer.until((received) => received.length === 231);
    t.strictSame(consumer.seqs(), range(1, 200));
    t.equal(consumer.received.filter(({ type }) => type === 'duplicate').length, 31);
    t.match(consumer.subscription.report(true), [{ first: 1, last: 200, received: 200, missing: [] }]);
  });

  t.test(`${name}: with an id of its own a consumer gets what was published while it was away`, { skip }, async (t) => {
    await using broker = await start();
    await using publisher = await startPublisher(broker.port);
    const options = { url: `mqtt://127.0.0.1:${broker.port}`, clientId: 'archive' };
    {
      await using consumer = consume(options);
      await consumer.ready;
      await publisher.batches(batches(1, 3));
      await consumer.until(() => consumer.seqs().length === 3);
    }
    await publisher.batches(batches(4, 60));
    await using consumer = consume(options);
    await consumer.until(() => consumer.seqs().length === 57);
    t.strictSame(consumer.seqs(), range(4, 60));
  });

  t.test(`${name}: what a consumer was working on when it ended comes again`, { skip }, async (t) => {
    await using broker = await start();
    await using publisher = await startPublisher(broker.port);
    const options = { url: `mqtt://127.0.0.1:${broker.port}`, clientId: 'archive', order: ARRIVAL_ORDER };
    {
      await using consumer = consume(options);
      await consumer.ready;
    }
    await publisher.batches(batches(1, 5));
    for await (const received of receive(options)) if (received.type === 'batch' && received.batch.seq === 3) break;
    await using consumer = consume(options);
    await consumer.until(() => consumer.seqs().at(-1) === 5);
    t.strictSame(consumer.seqs(), [3, 4, 5]);
  });
}

t.test('comes back by itself after the broker was killed', { skip: noMosquitto }, async (t) => {
  await using broker = await startMosquitto();
  const links: boolean[] = [];
  const again = Promise.withResolvers<void>();
  const onLink = (connected: boolean) => {
    links.push(connected);
    if (connected && links.length > 1) again.resolve();
  };
  await using consumer = consume({ url: `mqtt://127.0.0.1:${broker.port}`, onLink });
  await consumer.ready;
  await broker.stop('SIGKILL');
  await broker.start();
  await again.promise;
  await using publisher = await startPublisher(broker.port);
  await publisher.batches([telemetry(1)]);
  await consumer.until(() => consumer.seqs().length === 1);
  t.strictSame([links[0], links[1], links.at(-1)], [true, false, true]);
});

t.test('a first connection that fails is a fault that says what to do', async (t) => {
  const port = await freePort();
  await t.rejects(consume({ url: `mqtt://someone:hunter2@127.0.0.1:${port}` }).done, {
    name: 'Fault',
    of: 'uplink',
    message: `no connection to mqtt://127.0.0.1:${port}: nothing listens there (ECONNREFUSED)`,
    hint: /that the broker runs/,
  });
  await t.rejects(consume({ url: 'http://127.0.0.1' }).done, { message: 'this is no URL of a broker' });
});

t.test('with `wait` the first connection is tried until it stands', async (t) => {
  await using broker = await startAedes();
  await using proxy = await startProxy(broker.port);
  proxy.mode = 'refuse';
  const failures: (Fault | undefined)[] = [];
  const onLink = (connected: boolean, why?: Fault) => {
    if (connected) return;
    failures.push(why);
    if (failures.length === 3) proxy.mode = 'flow';
  };
  await using consumer = consume({ url: `mqtt://127.0.0.1:${proxy.port}`, wait: true, onLink });
  await consumer.ready;
  t.equal(failures.length, 3);
  t.match(failures[0], { message: /cut the connection/ });
});

t.test('the end of the loop ends the connection, and so does the abort of a pending connect', async (t) => {
  await using broker = await startAedes();
  await using publisher = await startPublisher(broker.port);
  const gone = new Promise((resolve) => broker.aedes.once('clientDisconnect', resolve));
  const onReady = () => void publisher.batches([telemetry(1)]);
  for await (const { type } of receive({ url: `mqtt://127.0.0.1:${broker.port}`, onReady })) {
    t.equal(type, 'batch');
    break;
  }
  await gone;
  await using silent = await startRawBroker({ connack: () => 'silence' });
  const consumer = consume({ url: `mqtt://127.0.0.1:${silent.port}` });
  await silent.until(({ connects }) => connects.length === 1);
  await consumer[Symbol.asyncDispose]();
  t.strictSame(consumer.received, []);
});

t.test('user and password are taken from the options or the URL, and a refusal is told in words', async (t) => {
  const seen: string[] = [];
  await using broker = await startAedes({
    authenticate: (_client, username, password, done) => {
      seen.push(`${username} ${password}`);
      done(null, String(password) === 'p@ss');
    },
  });
  const at = `127.0.0.1:${broker.port}`;
  await using one = consume({ url: `mqtt://${at}`, username: 'me', password: 'p@ss' });
  await one.ready;
  await using two = consume({ url: `mqtt://you:p%40ss@${at}` });
  await two.ready;
  t.strictSame(seen, ['me p@ss', 'you p@ss']);
  await t.rejects(consume({ url: `mqtt://${at}`, username: 'me', password: 'wrong' }).done, {
    message: new RegExp(`^no connection to mqtt://${at}: not authorized \\(reason code 135\\)$`),
    hint: /MQTT_PASSWORD/,
  });
});

t.test('a subscription that is refused is a fault', async (t) => {
  await using broker = await startAedes({ authorizeSubscribe: (_client, _subscription, done) => done(null, null) });
  await t.rejects(consume({ url: `mqtt://127.0.0.1:${broker.port}` }).done, {
    message: /the broker refuses the subscription to plc\/#/,
    hint: /rights of this user/,
  });
});

const nothing = async () => undefined;
const signal = new AbortController().signal;

t.test('speaks MQTT 5, and 3.1.1 with a broker that refuses 5 or closes on it', async (t) => {
  await using five = await startRawBroker();
  await using refuses = await startAedes();
  await using closes = await startRawBroker({
    connack: ({ protocolVersion }) => (protocolVersion === 5 ? 'close' : {}),
  });
  const protocols: string[] = [];
  for (const { port } of [five, refuses, closes]) {
    const link = await openLink({ url: `mqtt://127.0.0.1:${port}`, clientId: 'c' }, nothing, signal);
    protocols.push(link.protocol);
    await link.end();
    t.match(await link.closed, { of: 'uplink' });
  }
  t.strictSame(protocols, ['5', '3.1.1', '3.1.1']);
  t.match(five.connects[0], { clean: false, properties: { sessionExpiryInterval: 604_800 } });
  t.match(closes.connects[1], { clean: false, protocolVersion: 4 });
});

t.test(
  'TLS: own CA and client certificate; each refusal says what to do',
  { skip: noMosquitto || noOpenssl },
  async (t) => {
    const folder = t.testdir();
    const authority = createAuthority(folder);
    const server = authority.issue('server');
    const client = authority.issue('client');
    const other = createAuthority(folder, 'other');
    const pem = (file: string) => readFileSync(file, 'utf8');
    await using broker = await startMosquitto([
      ...OPEN,
      `cafile ${authority.ca}`,
      `certfile ${server.cert}`,
      `keyfile ${server.key}`,
      'require_certificate true',
    ]);
    const at = { url: `mqtts://127.0.0.1:${broker.port}` };
    const own = { cert: pem(client.cert), key: pem(client.key) };
    await using consumer = consume({ ...at, ca: pem(authority.ca), ...own });
    await consumer.ready;
    t.pass('connected');
    await t.rejects(consume({ ...at, ca: pem(other.ca), ...own }).done, {
      message: /CA that is not trusted/,
      hint: /--ca/,
    });
    await t.rejects(consume({ ...at, ca: pem(authority.ca) }).done, { message: /certificate/, hint: /--cert/ });
  },
);
