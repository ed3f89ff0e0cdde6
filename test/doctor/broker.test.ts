import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import type { Duplex } from 'node:stream';
import { connectAsync } from 'mqtt';
import t, { type Test } from 'tap';
import { startProxy } from '../../simulator/proxy.ts';
import { receive } from '../../src/consumer/consumer.ts';
import { Summary } from '../../src/consumer/summary.ts';
import { brokerSection } from '../../src/doctor/broker.ts';
import { noMosquitto, OPEN, startAedes, startMosquitto } from '../support/brokers.ts';
import { type Authority, type Certificate, createAuthority, noOpenssl } from '../support/certificates.ts';
import { batches, startForwarder, uplinkConfig } from '../support/forwarding.ts';
import { MemoryOutbox } from '../support/memory-outbox.ts';
import { ailing, loaded, named, told } from './support.ts';

const skip = noMosquitto || noOpenssl;

/** What is found of the way to a broker. */
async function examined(
  t: Test,
  uplink: string,
  { publish = true, absentSecret = undefined as string | undefined } = {},
) {
  const { config } = await loaded(t.testdir(), { uplink });
  return told(brokerSection({ config, machines: ['vmc-3', 'lathe'], publish, absentSecret }));
}

const tlsLines = ({ ca }: Authority, { cert, key }: Certificate) => [
  ...OPEN,
  `cafile ${ca}`,
  `certfile ${cert}`,
  `keyfile ${key}`,
];

t.test('a way that works is told step by step, down to the certificates', { skip }, async (t) => {
  const folder = t.testdir({ tls: {} });
  const authority = createAuthority(`${folder}/tls`);
  const own = authority.issue('gw-01');
  const server = authority.issue('server', { san: 'DNS:localhost' });
  await using broker = await startMosquitto([...tlsLines(authority, server), 'require_certificate true']);
  const tls = `{ ca: ${authority.ca}, cert: ${own.cert}, key: ${own.key} }`;
  const { config } = await loaded(folder, { uplink: `{ url: "mqtts://localhost:${broker.port}", tls: ${tls} }` });
  const findings = await told(brokerSection({ config, machines: ['vmc-3'], publish: true, absentSecret: undefined }));
  t.same(ailing(findings), []);
  t.match(named(findings, 'name'), { text: /^localhost is .*127\.0\.0\.1/ });
  t.match(named(findings, 'connection'), { text: /^port \d+ answers in/ });
  t.match(named(findings, 'encryption'), {
    text: /^TLSv1\.3, certificate of server by ca, valid until \d{4}-\d\d-\d\d$/,
  });
  t.match(named(findings, 'client certificate'), { text: /^gw-01, valid until .*: accepted$/ });
  t.match(named(findings, 'login'), { text: /MQTT 5/ });
  t.match(named(findings, 'limits'), { text: /20 on the way at once/ });
  t.match(named(findings, 'publish right'), { text: /^2 topics: published and read back/ });
});

t.test('what the two sides do not like about TLS is one fault that says what to do', { skip }, async (t) => {
  const folder = t.testdir();
  const authority = createAuthority(folder);
  const other = createAuthority(folder, 'other');
  const tls = `{ ca: ${authority.ca} }`;
  const cases: readonly [string, Certificate, string, RegExp, RegExp, (readonly string[])?][] = [
    ['a CA that is not trusted', authority.issue('a'), `{ ca: ${other.ca} }`, /not trusted here/, /uplink\.tls\.ca/],
    ['no CA at all', authority.issue('b'), '{}', /not trusted here/, /uplink\.tls\.ca/],
    ['an expired one', authority.issue('c', { days: -1 }), tls, /has expired/, /clock/],
    ['another name', authority.issue('d', { san: 'DNS:other.test' }), tls, /for another name/, /serverName/],
    [
      'no client certificate',
      authority.issue('e'),
      tls,
      /refuses this client’s certificate|closed/,
      /client certificate/,
      ['require_certificate true'],
    ],
  ];
  for (const [what, certificate, ours, text, hint, more = []] of cases) {
    await using broker = await startMosquitto([...tlsLines(authority, certificate), ...more]);
    const { config } = await loaded(folder, { uplink: `{ url: "mqtts://127.0.0.1:${broker.port}", tls: ${ours} }` });
    const findings = await told(brokerSection({ config, machines: ['a'], publish: true, absentSecret: undefined }));
    t.match(ailing(findings), [{ level: 'bad', text, hint }], what);
    t.equal(ailing(findings).length, 1, `${what}: once`);
  }
});

t.test('certificates that end within 30 days are warned about', { skip }, async (t) => {
  const folder = t.testdir();
  const authority = createAuthority(folder);
  const own = authority.issue('own', { days: 20 });
  await using broker = await startMosquitto(tlsLines(authority, authority.issue('server', { days: 10 })));
  const tls = `{ ca: ${authority.ca}, cert: ${own.cert}, key: ${own.key} }`;
  const { config } = await loaded(folder, { uplink: `{ url: "mqtts://127.0.0.1:${broker.port}", tls: ${tls} }` });
  const findings = await told(brokerSection({ config, machines: ['a'], publish: true, absentSecret: undefined }));
  t.match(ailing(findings), [
    { name: 'encryption', level: 'warn', text: /only 10 days left|only 2\d\d\.\d h left/, hint: /renew/ },
    { name: 'client certificate', level: 'warn', text: /only (19|20) days left/, hint: /renew/ },
  ]);
});

t.test('a login that is refused, or whose password is not known here, says so', { skip: noMosquitto }, async (t) => {
  await using broker = await startMosquitto(['allow_anonymous false', 'password_file passwd'], { passwd: '' });
  const url = `mqtt://127.0.0.1:${broker.port}`;
  process.env['DOCTOR_TEST_PASSWORD'] = 'wrong-secret';
  t.teardown(() => delete process.env['DOCTOR_TEST_PASSWORD']);
  const uplink = `{ url: "${url}", auth: { username: u, password: "\${env:DOCTOR_TEST_PASSWORD}" } }`;
  const findings = await examined(t, uplink);
  t.match(ailing(findings), [{ name: 'login', level: 'bad', text: /Not authorized/, hint: /uplink\.auth/ }]);
  t.notMatch(JSON.stringify(findings), /wrong-secret/);
  const absent = await examined(t, uplink, { absentSecret: 'the environment variable X is not set' });
  t.match(ailing(absent), [{ name: 'login', level: 'bad', text: /variable X is not set/, hint: /service/ }]);
});

t.test('a topic that the ACL forbids is named, under MQTT 5', { skip: noMosquitto }, async (t) => {
  const acl = 'topic readwrite plc/acme/gw-01/lathe/#\ntopic write plc/acme/gw-01/vmc-3/event';
  await using broker = await startMosquitto([...OPEN, 'acl_file acl'], { acl });
  const findings = await examined(t, `{ url: "mqtt://127.0.0.1:${broker.port}" }`);
  const rights = findings.filter(({ name }) => name === 'publish right');
  t.match(rights, [
    { level: 'good', text: /^2 topics: published and read back/ },
    { level: 'good', text: /^1 topic: accepted by the broker/ },
    { level: 'bad', text: /plc\/acme\/gw-01\/vmc-3\/telemetry is refused: Not authorized/, hint: /ACL/ },
  ]);
});

t.test('under MQTT 3.1.1 what does not come back is unproven', { skip: noMosquitto }, async (t) => {
  const acl = 'topic readwrite plc/acme/gw-01/lathe/#';
  await using broker = await startMosquitto([...OPEN, 'acl_file acl'], { acl });
  const findings = await examined(t, `{ url: "mqtt://127.0.0.1:${broker.port}", version: "3.1.1" }`);
  const rights = findings.filter(({ name }) => name === 'publish right');
  t.match(rights, [
    { level: 'good', text: /^2 topics: published and read back/ },
    { level: 'warn', text: /^unproven on plc\/acme\/gw-01\/vmc-3\/telemetry, .*did not come back/, hint: /receive/ },
  ]);
});

t.test('a broker of 3.1.1 is found out, and so is one that closes on what it forbids', async (t) => {
  await using broker = await startAedes({
    authorizePublish: (_client, packet, done) => done(packet.topic.includes('vmc-3') ? new Error('no') : null),
  });
  const findings = await examined(t, `{ url: "mqtt://127.0.0.1:${broker.port}" }`);
  t.match(named(findings, 'login'), { level: 'warn', text: /MQTT 3\.1\.1 .* takes no MQTT 5/ });
  t.match(
    findings.filter(({ name }) => name === 'publish right'),
    [
      { level: 'good', text: /^2 topics: published and read back/ },
      { level: 'bad', text: /vmc-3\/telemetry, .*vmc-3\/event makes the broker end the link/, hint: /ACL/ },
    ],
  );
});

t.test('where subscribing is refused, 3.1.1 leaves it unproven', async (t) => {
  await using broker = await startAedes({ authorizeSubscribe: (_client, _topic, done) => done(null, null) });
  const findings = await examined(t, `{ url: "mqtt://127.0.0.1:${broker.port}", version: "3.1.1" }`);
  t.match(named(findings, 'publish right'), { level: 'warn', text: /may not read it back/ });
});

t.test('a broker that closes on a subscription is asked again without one', async (t) => {
  await using broker = await startAedes({
    authorizeSubscribe: (client, _topic, _done) => (client as unknown as { conn: Duplex }).conn.destroy(),
  });
  const findings = await examined(t, `{ url: "mqtt://127.0.0.1:${broker.port}", version: "3.1.1" }`);
  t.match(named(findings, 'publish right'), { level: 'warn', text: /^unproven on .*may not read it back/ });
});

t.test('packets that a batch does not fit into are told', { skip: noMosquitto }, async (t) => {
  await using broker = await startMosquitto([...OPEN, 'max_packet_size 20000']);
  const findings = await examined(t, `{ url: "mqtt://127.0.0.1:${broker.port}" }`);
  t.match(named(findings, 'limits'), { level: 'warn', text: /19\.5 KiB.*does not fit/, hint: /128\.0 KiB/ });
});

t.test('a port that is closed, one that takes and says nothing, and another server', async (t) => {
  const mute = createServer(() => undefined).listen(0, '127.0.0.1');
  await once(mute, 'listening');
  t.teardown(() => mute.close());
  const proxy = await startProxy((mute.address() as AddressInfo).port);
  t.teardown(() => proxy[Symbol.asyncDispose]());
  proxy.mode = 'blackHole';
  const cases: readonly [string, string, RegExp, RegExp][] = [
    ['mqtt://127.0.0.1:1', 'connection', /nothing listens there/, /uplink\.url/],
    [`mqtt://127.0.0.1:${proxy.port}`, 'login', /does not answer/, /uplink\.url/],
    [`mqtts://127.0.0.1:${proxy.port}`, 'encryption', /takes connections but does not answer/, /uplink\.url/],
  ];
  for (const [url, name, text, hint] of cases) {
    const begun = performance.now();
    const findings = await examined(t, `{ url: "${url}", connectTimeout: 400ms }`);
    t.match(ailing(findings), [{ name, level: 'bad', text, hint }], url);
    t.equal(ailing(findings).length, 1);
    t.ok(performance.now() - begun < 3000, 'bounded in time');
  }
});

t.test('--no-publish publishes nothing', async (t) => {
  await using broker = await startAedes();
  const topics: string[] = [];
  broker.aedes.on('publish', ({ topic }) => topics.push(topic));
  const findings = await examined(t, `{ url: "mqtt://127.0.0.1:${broker.port}" }`, { publish: false });
  t.match(named(findings, 'publish right'), { level: 'warn', text: 'not tried' });
  t.same(
    topics.filter((topic) => !topic.startsWith('$SYS')),
    [],
  );
});

t.test(
  'beside a gateway: it stays connected, its status stays, and consumers pass over the test',
  { skip: noMosquitto },
  async (t) => {
    await using broker = await startMosquitto();
    const url = `mqtt://127.0.0.1:${broker.port}`;
    const outbox = new MemoryOutbox();
    const { forwarder, line } = startForwarder(t, outbox, uplinkConfig(url));
    const stop = new AbortController();
    t.teardown(() => stop.abort());
    const summary = new Summary();
    const ready = Promise.withResolvers<void>();
    const ignored = Promise.withResolvers<void>();
    const subscription = receive({ url, signal: stop.signal, onReady: ready.resolve });
    const consuming = (async () => {
      for await (const received of subscription) {
        summary.add(received);
        const { ignored: tests, batches: some } = summary.figures([]);
        if (tests === 4 && some === 5) ignored.resolve();
      }
    })();
    await ready.promise;
    await line(/connected with MQTT/);
    const since = forwarder.status().since;
    const findings = await examined(t, `{ url: "${url}" }`);
    t.match(named(findings, 'publish right'), { level: 'good', text: /^4 topics/ });
    await outbox.append({ batches: batches('vmc-3', 5) });
    await ignored.promise;
    stop.abort();
    await consuming;
    const figures = summary.figures(subscription.report(true));
    t.match(figures, { batches: 5, invalid: 0, missing: 0, conflicts: 0, duplicatesRemoved: 0, ignored: 4 });
    t.match(forwarder.status(), { state: 'connected', since }, 'the gateway was not put out');

    const client = await connectAsync(url, { protocolVersion: 5 });
    t.teardown(() => client.endAsync());
    const retained: [string, boolean][] = [];
    const caught = Promise.withResolvers<void>();
    client.on('message', (topic, _payload, { retain }) => {
      if (retain) retained.push([topic, retain]);
      caught.resolve();
    });
    await client.subscribeAsync('plc/#');
    await caught.promise;
    t.same(retained, [['plc/acme/gw-01/status', true]], 'nothing but the status is retained');
  },
);
