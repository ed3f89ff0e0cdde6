import { createServer } from 'node:http';
import { type AddressInfo, createServer as createTcp, type Server } from 'node:net';
import pino from 'pino';
import t, { type Test } from 'tap';
import { type SimulatedOpcuaOptions, SimulatedOpcuaServer } from '../../../../simulator/opcua/server.ts';
import { toolbox } from '../../../../src/drivers/opcua/tools/toolbox.ts';
import { drivers } from '../../../../src/drivers/registry.ts';
import type { ProbeOptions } from '../../../../src/drivers/toolbox.ts';
import { Fault } from '../../../../src/errors.ts';
import { collect } from '../../../support/yielded.ts';

const never = new AbortController().signal;

async function started(t: Test, options: SimulatedOpcuaOptions = {}): Promise<SimulatedOpcuaServer> {
  const server = new SimulatedOpcuaServer(options);
  t.teardown(() => server[Symbol.asyncDispose]());
  await server.start();
  server.run();
  return server;
}

async function portOf(t: Test, server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.teardown(() => server.close());
  return (server.address() as AddressInfo).port;
}

function probe(t: Test, url: string, options: Partial<ProbeOptions> = {}) {
  return toolbox.probe(url, { folder: `${t.testdirName}/state`, tell: () => undefined, ...options }, never);
}

/** The fault that a probe ends with. */
async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const error = await promise.then(
    () => new Error('it went well'),
    (reason: unknown) => reason,
  );
  if (error instanceof Fault) return error;
  throw error;
}

t.test('a server is known by its answer to Hello, and tells what it offers', async (t) => {
  const server = await started(t, { security: 'all' });
  const port = Number(new URL(server.url).port);
  t.match(await toolbox.identify('127.0.0.1', port, never), [
    { url: server.url, name: /./, facts: { security: /none, sign with Basic256Sha256/, users: /anonymous/ } },
  ]);
});

t.test('what is no OPC UA server is none', async (t) => {
  const web = await portOf(
    t,
    createServer((_, response) => response.end('<html>')),
  );
  const rude = await portOf(
    t,
    createTcp((socket) => socket.destroy()),
  );
  const chatty = await portOf(
    t,
    createTcp((socket) => socket.on('error', () => undefined).write('SSH-2.0-OpenSSH\r\n')),
  );
  for (const port of [web, rude, chatty]) t.same(await toolbox.identify('127.0.0.1', port, never), []);
  const silent = await portOf(
    t,
    createTcp((socket) => t.teardown(() => socket.destroy())),
  );
  const stop = new AbortController();
  const asked = toolbox.identify('127.0.0.1', silent, stop.signal);
  stop.abort(new Error('enough'));
  await t.rejects(asked, /enough/);
});

t.test('each machine of a Machines folder gets settings that its driver reads', async (t) => {
  t.testdir();
  const server = await started(t, { machines: ['cnc-1', 'cnc-2'], rate: 20 });
  const { machines, facts, notes } = await probe(t, server.url);
  t.same(
    machines.map(({ id }) => id),
    ['cnc-1', 'cnc-2'],
  );
  t.ok(facts.some(([label, text]) => label === 'product' && text.includes('Simulated CNC server')));
  t.same(notes, []);
  const [machine] = machines;
  t.match(machine?.settings, {
    url: server.url,
    signals: { rpm: { node: 'nsu=urn:simulator:machines;s=cnc-1.Spindle.Speed', unit: 'rev/min' } },
    state: { from: 'Production.State', running: [2], idle: [0, 1], stopped: [3, 4] },
  });
  t.match(machine?.signals.slice(0, 2), [
    { signal: 'rpm', unit: 'rev/min', quality: 'good' },
    { signal: 'feed_mm_min', unit: 'mm/min', quality: 'good' },
  ]);
  const own = drivers.opcua.settings.parse(machine?.settings);
  const create = await drivers.opcua.load();
  const context = {
    machine: 'cnc-1',
    log: pino({ level: 'silent' }),
    clock: { now: () => Date.now(), origin: () => 0 },
    folder: `${t.testdirName}/state`,
  };
  const yielded = await collect(create(own, context), {
    until: ({ observations }) =>
      ['rpm', 'state', 'available'].every((name) => observations.some(({ signal }) => signal === name)),
  });
  t.ok(yielded.observations.every(({ q }) => q === 'good'));
});

t.test('refused users and certificates are one sentence, for a person who can mend it here', async (t) => {
  t.testdir();
  const server = await started(t, { security: 'all', users: { op: 'secret' } });
  const anonymous = await faultOf(probe(t, server.url));
  t.match(anonymous, { of: 'config', message: /does not take anonymous users/, hint: /--user/ });
  const op = { user: 'op', password: 'secret', passwordReference: '${env:OP}' };
  const unknown = await faultOf(probe(t, server.url, op));
  t.match(unknown, { of: 'config', message: /certificate is not trusted yet \([0-9a-f]{40}/, hint: /--trust/ });
  const lines: string[] = [];
  const { machines } = await probe(t, server.url, { ...op, trust: true, tell: (line) => lines.push(line) });
  t.ok(lines.some((line) => /trusts the server’s certificate/.test(line)));
  t.match(machines[0]?.settings, {
    security: { mode: 'signAndEncrypt' },
    auth: { username: 'op', password: '${env:OP}' },
  });
  t.notMatch(JSON.stringify(machines), 'secret');
  const wrong = await faultOf(probe(t, server.url, { ...op, password: 'guess' }));
  t.match(wrong, { of: 'config', message: /refuses the user/, hint: /password/ });
});

t.test('a port without a server is one sentence', async (t) => {
  t.testdir();
  const web = await portOf(
    t,
    createServer((_, response) => response.end('<html>')),
  );
  t.match(await faultOf(probe(t, 'opc.tcp://127.0.0.1:9')), { message: /nothing listens there/, hint: /4840/ });
  t.match(await faultOf(probe(t, `opc.tcp://127.0.0.1:${web}`)), { hint: /port/ });
});
