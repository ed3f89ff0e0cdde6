import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import t, { type Test } from 'tap';
import { type AgentOptions, SimulatedAgent } from '../../../simulator/mtconnect/agent.ts';
import type { FaultKind } from '../../../simulator/mtconnect/fault.ts';
import { explain, type Fault } from '../../../src/errors.ts';
import { type Certificate, createAuthority, noOpenssl } from '../../support/certificates.ts';
import { collect, type Yielded } from '../../support/yielded.ts';
import { booked, driverFor, producedFrom, seen, sees } from './support.ts';

async function running(t: Test, options: AgentOptions = {}): Promise<SimulatedAgent> {
  const agent = new SimulatedAgent({ version: '1.6', record: true, rate: 300, ...options });
  t.teardown(() => agent.stop());
  await agent.start();
  return agent;
}

/** Reads through faults as the supervisor would: from the last cursor, again and again. */
async function readThrough(driver: ReturnType<typeof driverFor>, until: (all: Yielded[]) => boolean) {
  const all: Yielded[] = [];
  const faults: unknown[] = [];
  while (!until(all)) {
    const from = all.findLast(({ cursor }) => cursor !== undefined)?.cursor;
    let current: Yielded | undefined;
    try {
      await collect(driver, {
        from,
        until: (yielded) => {
          if (current === undefined) all.push(yielded);
          current = yielded;
          return until(all);
        },
      });
    } catch (error) {
      faults.push(error);
    }
  }
  return { all, faults, readings: all.flatMap(({ readings }) => readings) };
}

const count = (all: readonly Yielded[]) => all.reduce((sum, { observations }) => sum + observations.length, 0);

const SPOILT: readonly [FaultKind, RegExp][] = [
  ['hang', /silent for 0.5 s/],
  ['cut', /ended the stream|broke the connection/],
  ['garbage', /cannot be split|above the cap/],
  ['notXml', /not XML/],
  ['doctype', /document type declaration/],
  ['deep', /more than 64 levels/],
];

for (const [kind, message] of SPOILT) {
  t.test(`a stream that is spoilt (${kind}) is dropped and resumed without loss or duplicate`, async (t) => {
    const agent = await running(t);
    agent.fault({ on: 'stream', kind, times: 1, after: 3 });
    const { faults, readings } = await readThrough(driverFor(agent.url), (all) => count(all) > 250);
    t.match(faults, [{ name: 'Fault', of: 'machine', message }]);
    t.match((faults[0] as Fault).message, /^http:\/\/127/, 'names the URL');
    const snapshot = readings.findIndex(({ cursor }) => cursor !== undefined);
    const ours = seen(readings.slice(snapshot + 1).flatMap(({ observations }) => observations));
    const from = readings[snapshot]?.cursor?.['next'] as number;
    t.same(ours, booked(producedFrom(agent, 'cnc-1', from)).slice(0, ours.length));
  });
}

t.test('a part above the cap is refused', async (t) => {
  const agent = await running(t);
  agent.fault({ on: 'stream', kind: 'huge', times: 1, after: 2, bytes: 300_000 });
  const { faults } = await readThrough(driverFor(agent.url, { maxDocument: '200kB' }), (all) => count(all) > 400);
  t.match(faults, [{ message: /above the cap of 200000 bytes/, hint: /maxDocument/ }]);
});

t.test('a document that takes its time gives signs of life, and a silence is within the patience', async (t) => {
  const agent = await running(t);
  agent.fault({ on: 'probe', kind: 'trickle', times: 1 });
  const signs: string[] = [];
  const driver = driverFor(agent.url, { heartbeat: '10s', requestTimeout: '2s' }, (sign) => signs.push(sign));
  for await (const { events } of driver.observe(undefined, new AbortController().signal)) {
    t.match(events, [{ type: 'machine' }]);
    break;
  }
  t.ok(signs.filter((sign) => sign === 'answer').length > 10, `${signs.length} signs`);
  t.equal(driver.patience, 27_000, '2.5 heartbeats, and the request before');
});

t.test('a part that trickles byte by byte is read', async (t) => {
  const agent = await running(t);
  agent.fault({ on: 'stream', kind: 'trickle', times: 2, after: 1 });
  const yielded = await collect(driverFor(agent.url), { until: ({ observations }) => observations.length > 300 });
  t.match(yielded.of('driver'), [{ state: 'streaming' }]);
});

t.test('an agent that refuses or ignores interval is polled, and streaming is tried again later', async (t) => {
  for (const habit of ['rejectInterval', 'noStreaming'] as const) {
    const agent = await running(t, { [habit]: true });
    const driver = driverFor(agent.url, { streamRetry: '300ms' });
    const yielded = await collect(driver, { until: (y) => y.observations.length > 400 });
    t.match(yielded.of('driver'), [{ state: 'polling', message: /interval|single document/ }]);
    t.match(yielded.of('notice'), [{ code: 'stream-fallback' }]);
    const snapshot = yielded.readings.findIndex(({ cursor }) => cursor !== undefined);
    const ours = seen(yielded.readings.slice(snapshot + 1).flatMap(({ observations }) => observations));
    const from = yielded.readings[snapshot]?.cursor?.['next'] as number;
    t.same(ours, booked(producedFrom(agent, 'cnc-1', from)).slice(0, ours.length));
  }
});

t.test('goes back to streaming when the agent can again', async (t) => {
  const agent = await running(t);
  agent.fault({ on: 'stream', kind: 'status500', times: 2 });
  const driver = driverFor(agent.url, { streamRetry: '200ms' });
  const yielded = await collect(driver, { until: (y) => y.of('driver').length === 2 });
  t.match(yielded.of('driver'), [{ state: 'polling', message: /HTTP status 500/ }, { state: 'streaming' }]);
  t.same(yielded.of('gap'), []);
});

t.test('a stream that says nothing before its first document counts as none', async (t) => {
  const agent = await running(t);
  agent.fault({ on: 'stream', kind: 'hang', times: 1 });
  const yielded = await collect(driverFor(agent.url), { until: ({ observations }) => observations.length > 300 });
  t.match(yielded.of('driver'), [{ state: 'polling', message: /silent for 0.5 s/ }]);
});

t.test('with mode stream there is no fallback, with mode poll no stream', async (t) => {
  const agent = await running(t, { rejectInterval: true });
  await t.rejects(collect(driverFor(agent.url, { mode: 'stream' }), {}), {
    name: 'Fault',
    of: 'machine',
    message: /interval/,
  });
  const yielded = await collect(driverFor(agent.url, { mode: 'poll' }), { until: (y) => y.observations.length > 200 });
  t.match(yielded.of('driver'), [{ state: 'polling' }]);
  t.same(yielded.of('notice'), []);
});

t.test('heartbeats keep an idle stream alive and move the cursor', async (t) => {
  const agent = await running(t, { rate: 0, devices: [{ name: 'a' }, { name: 'b' }] });
  const driver = driverFor(agent.url, { device: 'a', heartbeat: '100ms' });
  let since = 0;
  const yielded = await collect(driver, {
    each: ({ events }) => {
      if (events?.some(({ type }) => type === 'driver')) agent.flood('b', 'Xabs', 10);
    },
    until: (y) => {
      if (y.of('driver').length > 0) since += 1;
      return since > 6;
    },
  });
  t.equal(yielded.cursor?.['next'], agent.nextSequence);
});

t.test('a crash and a restart of the agent in the middle of a stream', async (t) => {
  const agent = await running(t);
  let isCrashed = false;
  const driver = driverFor(agent.url);
  const { all, faults } = await readThrough(driver, (all) => {
    if (!isCrashed && count(all) > 300) {
      isCrashed = true;
      void agent.restart();
    }
    return count(all) > 900;
  });
  t.ok(faults.length >= 1);
  const gaps = all.flatMap((yielded) => yielded.of('gap'));
  t.match(gaps, [{ cause: 'agent-restart', count: null }]);
  const readings = all.flatMap(({ readings }) => readings);
  const first = readings.findIndex(({ cursor }) => cursor?.['instanceId'] === String(agent.instanceId));
  const ours = seen(readings.slice(first).flatMap(({ observations }) => observations));
  t.same(
    ours,
    booked(producedFrom(agent, 'cnc-1', 1)).slice(0, ours.length),
    'the new life is complete from its start',
  );
});

t.test('unreadable observations are left out, counted and told, and the document is read', async (t) => {
  const agent = await running(t, { rate: 0 });
  const first = await collect(driverFor(agent.url), { until: ({ cursor }) => cursor !== undefined });
  agent.observe('cnc-1', 'Xabs', 1);
  agent.observe('cnc-1', 'Xabs', 2, 'yesterday');
  agent.observe('cnc-1', 'Xabs', 3, '');
  agent.observe('cnc-1', 'Xabs', 4);
  const second = await collect(driverFor(agent.url), {
    from: first.cursor,
    until: (y) => y.cursor?.['next'] === agent.nextSequence,
  });
  t.same(
    second.signal('Xabs').map(({ v }) => v),
    [1, 4],
  );
  t.match(second.of('gap'), [{ cause: 'unreadable', count: 2, exact: true }]);
});

const RAW = { message: 'load <HIGH', raw: true } as const;

t.test('an observation that makes its documents unreadable is passed over, and the rest is read', async (t) => {
  const agent = await running(t, { rate: 0 });
  const driver = driverFor(agent.url);
  const first = await collect(driver, { until: ({ cursor }) => cursor !== undefined });
  const values = Array.from({ length: 40 }, (_, i) => i);
  for (const v of values.slice(0, 30)) agent.observe('cnc-1', 'Xabs', v);
  agent.observe('cnc-1', 'message', RAW);
  for (const v of values.slice(30)) agent.observe('cnc-1', 'Xabs', v);
  const second = await collect(driver, {
    from: first.cursor,
    until: (y) => y.cursor?.['next'] === agent.nextSequence,
  });
  t.same(
    second.signal('Xabs').map(({ v }) => v),
    values,
  );
  t.match(second.of('gap'), [{ cause: 'unreadable', count: 1, exact: true }]);
  t.same(second.signal('message'), []);
});

t.test('an unreadable snapshot is told as a gap, and what follows is read', async (t) => {
  const agent = await running(t, { rate: 0 });
  agent.observe('cnc-1', 'message', RAW);
  const yielded = await collect(driverFor(agent.url), {
    each: ({ cursor }) => {
      if (cursor?.['next'] === agent.nextSequence && agent.produced.list.at(-1)?.value !== 7) {
        agent.observe('cnc-1', 'Xabs', 7);
      }
    },
    until: sees('Xabs', 7),
  });
  t.match(yielded.of('gap'), [{ cause: 'unreadable', from: null, count: null, exact: false }]);
});

t.test('what answers wrongly is told in a sentence with a hint', async (t) => {
  const agent = await running(t);
  const cases: [FaultKind, RegExp, RegExp][] = [
    ['status500', /HTTP status 500/, /log/],
    ['notFound', /HTTP status 404/, /path and port/],
    ['webPage', /web page/, /port/],
    ['notXml', /not XML/, /agent/],
    ['reset', /broke the connection/, /log/],
  ];
  for (const [kind, message, hint] of cases) {
    agent.fault({ on: 'probe', kind, times: 1 });
    await t.rejects(collect(driverFor(agent.url), {}), { name: 'Fault', of: 'machine', message, hint }, kind);
  }
  agent.fault({ on: 'probe', kind: 'hang', times: 1 });
  const slow = driverFor(agent.url, { requestTimeout: '200ms' });
  await t.rejects(collect(slow, {}), { name: 'Fault', message: /silent for 0.2 s/ }, 'hang');
});

/** A server that answers every connection with these bytes. */
async function answering(t: Test, bytes: string): Promise<string> {
  const server: Server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => socket.end(bytes));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

t.test('wrong addresses are told in a sentence with a hint', async (t) => {
  const told = async (url: string) => explain(await collect(driverFor(url), {}).catch((error: unknown) => error));
  const gone = await running(t);
  const { url } = gone;
  await gone.stop();
  t.match(await told(String(url)), /nothing listens there .*: check that the agent runs/);
  t.match(await told('http://no-such-host.invalid:5000'), /host name is unknown|cannot be read/);
  t.match(await told(await answering(t, '220 ftp.example.com ready\r\n')), /does not speak HTTP .*: check the port/);
  const agent = await running(t);
  t.match(await told(String(agent.url).replace('http:', 'https:')), /no TLS.*: check the port/);
  t.match(
    await told(await answering(t, 'HTTP/1.1 302 Found\r\nLocation: http://other/\r\nContent-Length: 0\r\n\r\n')),
    /302.*http:\/\/other/,
  );
  t.match(
    await told(await answering(t, 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n<a><b/>')),
    /broke the connection/,
  );
});

t.test('https: an unknown CA is refused with a hint, a CA of one’s own is accepted', { skip: noOpenssl }, async (t) => {
  const authority = createAuthority(t.testdir());
  const pem = ({ cert, key }: Certificate) => ({ cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') });
  const agent = await running(t, { tls: pem(authority.issue('agent')) });
  const { url } = agent;
  await t.rejects(collect(driverFor(url), {}), { name: 'Fault', message: /unknown CA/, hint: /`ca`/ });
  const yielded = await collect(driverFor(url, { ca: authority.ca }), { until: (y) => y.of('driver').length > 0 });
  t.match(yielded.of('driver'), [{ state: 'streaming' }]);
  await t.rejects(collect(driverFor(url, { ca: '/no/such.pem' }), {}), {
    name: 'Fault',
    of: 'config',
    message: /no\/such/,
  });
  const other = await running(t, { tls: pem(authority.issue('other', { san: 'DNS:elsewhere' })) });
  await t.rejects(collect(driverFor(other.url, { ca: authority.ca }), {}), { message: /for another name/ });
  const old = await running(t, { tls: pem(authority.issue('old', { days: -1 })) });
  await t.rejects(collect(driverFor(old.url, { ca: authority.ca }), {}), { message: /not valid now/, hint: /renew/ });
});
