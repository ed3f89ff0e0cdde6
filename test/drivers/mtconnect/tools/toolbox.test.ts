import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import t, { type Test } from 'tap';
import { type AgentOptions, SimulatedAgent } from '../../../../simulator/mtconnect/agent.ts';
import { toolbox } from '../../../../src/drivers/mtconnect/tools/toolbox.ts';
import type { Probed } from '../../../../src/drivers/toolbox.ts';
import { collect } from '../../../support/yielded.ts';
import { driverFor, sees } from '../support.ts';

const LIMIT = () => AbortSignal.timeout(8000);

async function running(t: Test, options: AgentOptions = {}): Promise<SimulatedAgent> {
  const agent = new SimulatedAgent(options);
  t.teardown(() => agent.stop());
  await agent.start();
  return agent;
}

async function listening(t: Test, server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return (server.address() as AddressInfo).port;
}

const web = (t: Test, answer: RequestListener) => listening(t, createServer(answer));

function probe(url: URL | string, expect: readonly number[] = []): Promise<Probed> {
  return toolbox.probe(String(url), { folder: '/nonexistent', tell: () => undefined, expect }, LIMIT());
}

const identify = (port: number, signal = LIMIT()) => toolbox.identify('127.0.0.1', port, signal);

t.test('identifies an agent and names its devices', async (t) => {
  const agent = await running(t, { devices: [{ name: 'vmc-1' }, { name: 'vmc-2' }], version: '1.4' });
  const port = Number(agent.url.port);
  t.match(await identify(port), [
    {
      url: `http://127.0.0.1:${port}`,
      name: 'vmc-1, vmc-2',
      facts: { manufacturer: 'Edge Gateway Project', standard: '1.4' },
    },
  ]);
});

t.test('an agent that refuses is an agent all the same', async (t) => {
  const body = '<MTConnectError><Header/><Errors><Error errorCode="UNAUTHORIZED">no</Error></Errors></MTConnectError>';
  const port = await web(t, (_, response) => response.end(body));
  t.match(await identify(port), [{ facts: { refusal: 'UNAUTHORIZED' } }]);
});

t.test('a web page, another XML, a banner and silence are no agents', async (t) => {
  const page = await web(t, (_, response) => response.end('<!doctype html><html></html>'));
  const xml = await web(t, (_, response) => response.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>'));
  const banner = await listening(
    t,
    createTcpServer((socket) => socket.on('error', () => undefined).end('SSH-2.0-OpenSSH_9.2\r\n')),
  );
  for (const port of [page, xml, banner]) t.same(await identify(port), []);
  const mute = await listening(
    t,
    createTcpServer((socket) => socket.on('error', () => undefined)),
  );
  const begun = performance.now();
  t.same(await identify(mute), []);
  t.ok(performance.now() - begun < 4000, 'within its bound');
});

t.test('an abort ends identify with its reason', async (t) => {
  const port = await web(t, () => undefined);
  const stop = new AbortController();
  const asked = identify(port, stop.signal);
  setImmediate(() => stop.abort(new Error('enough')));
  await t.rejects(asked, { message: 'enough' });
});

t.test('each device is a machine, canonical signals first, with what they read now', async (t) => {
  const agent = await running(t, { devices: [{ name: 'vmc-1' }, { name: 'vmc-2' }] });
  agent.observe('vmc-2', 'avail', 'AVAILABLE');
  agent.observe('vmc-2', 'execution', 'ACTIVE');
  agent.observe('vmc-2', 'Srpm', 1523.5);
  agent.observe('vmc-2', 'Fact', 10);
  const { facts, machines, notes } = await probe(agent.url, [1520, 77]);
  t.match(Object.fromEntries(facts), { devices: '2', buffer: '131072 observations', clock: 'agrees with ours' });
  t.same(
    machines.map(({ id, settings }) => [id, settings]),
    ['vmc-1', 'vmc-2'].map((device) => [device, { url: agent.url.href.replace(/\/$/, ''), device }]),
  );
  t.match(machines[1]?.signals.slice(0, 4), [
    { signal: 'rpm', source: 'Srpm', unit: 'rev/min', value: 1523.5, quality: 'good' },
    { signal: 'feed_mm_min', unit: 'mm/min', value: 600 },
    { signal: 'state', value: 'running' },
    { signal: 'available', value: true },
  ]);
  t.match(machines[0]?.signals[0], { signal: 'rpm', value: null, quality: 'bad' });
  t.ok(notes.some((note) => /^vmc-1 .* is UNAVAILABLE to its agent/.test(note)));
  t.ok(notes.some((note) => /^vmc-2 .*: 1520 — rpm \(Srpm\) reads 1523\.5/.test(note)));
  t.ok(notes.some((note) => /^vmc-2 .*: 77 — no signal/.test(note)));
});

t.test('the driver reads what the suggested settings name', async (t) => {
  const agent = await running(t, { devices: [{ name: 'vmc-1' }, { name: 'vmc-2' }] });
  agent.observe('vmc-2', 'Srpm', 1523.5);
  const { machines } = await probe(agent.url);
  const settings = machines[1]?.settings as { url: string; device: string } | undefined;
  const yielded = await collect(driverFor(settings?.url ?? '', { device: settings?.device }), {
    until: sees('rpm', 1523.5),
  });
  t.match(yielded.of('machine')[0]?.model, { name: 'vmc-2' });
});

t.test('one device needs no name in its settings, and the URL of a request is one of the agent', async (t) => {
  const agent = await running(t);
  const base = agent.url.href.replace(/\/$/, '');
  for (const path of ['', '/', '/probe', '/current?path=//Path', '/sample?from=1&count=5']) {
    t.same((await probe(base + path)).machines[0]?.settings, { url: base }, path);
  }
});

t.test('devices of the same name are told apart by their uuid', async (t) => {
  const device = (uuid: string) => `<Device id="${uuid}" uuid="${uuid}" name="VMC"><DataItems/></Device>`;
  const header = '<Header instanceId="1" bufferSize="333" creationTime="2020-01-01T00:00:00Z"/>';
  const port = await web(t, (request, response) =>
    request.url === '/probe'
      ? response.end(`<MTConnectDevices>${header}<Devices>${device('a')}${device('b')}</Devices></MTConnectDevices>`)
      : response.writeHead(500).end(),
  );
  const { machines, notes } = await probe(`http://127.0.0.1:${port}`);
  t.same(
    machines.map(({ settings }) => settings['device']),
    ['a', 'b'],
  );
  const text = notes.join('\n');
  t.match(text, /no spindle speed was found/);
  t.match(text, /it told no values: .*HTTP status 500/, 'values that fail do not hide the devices');
  t.match(text, /clock is \d+ s behind/);
  t.match(text, /keeps only 333 observations/);
});

t.test('what cannot be probed is told in one sentence with what to do', async (t) => {
  const page = await web(t, (_, response) => response.end('<!doctype html><html></html>'));
  await t.rejects(probe(`http://127.0.0.1:${page}`), { of: 'machine', message: /web page/, hint: /check the port/ });
  const closed = createTcpServer();
  const port = await new Promise<number>((resolve) => {
    closed.listen(0, '127.0.0.1', () => {
      const { port: free } = closed.address() as AddressInfo;
      closed.close(() => resolve(free));
    });
  });
  await t.rejects(probe(`http://127.0.0.1:${port}`), { of: 'machine', message: /nothing listens there/ });
  await t.rejects(probe('http://user:secret@127.0.0.1'), { of: 'config', message: /leave them out/ });
});
