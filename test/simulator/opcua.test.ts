import { AttributeIds, type ClientSession, OPCUAClient } from 'node-opcua';
import t, { type Test } from 'tap';
import {
  MACHINES_URI,
  type ProducedItem,
  type SimulatedOpcuaOptions,
  SimulatedOpcuaServer,
} from '../../simulator/opcua/server.ts';

async function started(t: Test, options: SimulatedOpcuaOptions = {}): Promise<SimulatedOpcuaServer> {
  const server = new SimulatedOpcuaServer(options);
  t.teardown(() => server[Symbol.asyncDispose]());
  await server.start();
  return server;
}

/** A session of node-opcua's own client. */
async function open(t: Test, url: string): Promise<ClientSession> {
  const client = OPCUAClient.create({ endpointMustExist: false, connectionStrategy: { maxRetry: 0 } });
  await client.connect(url);
  t.teardown(() => client.disconnect());
  return client.createSession();
}

const read = async (session: ClientSession, nodeId: string) =>
  session.read({ nodeId, attributeId: AttributeIds.Value });

t.test('its machines have values with their own times, and every write is told', async (t) => {
  const produced: ProducedItem[] = [];
  const server = await started(t, { machines: ['a', 'b'], rate: 20, onProduced: (item) => produced.push(item) });
  const session = await open(t, server.url);
  const index = (await session.readNamespaceArray()).indexOf(MACHINES_URI);
  server.run();
  while (produced.filter(({ machine, path }) => machine === 'b' && path === 'Spindle/Speed').length < 5) {
    await new Promise((resolve) => setImmediate(resolve));
  }
  server.pause();
  const { value, sourceTimestamp, statusCode } = await read(session, `ns=${index};s=b.Spindle.Speed`);
  const last = produced.findLast(({ machine, path }) => machine === 'b' && path === 'Spindle/Speed');
  t.equal(statusCode.name, 'Good');
  t.equal(value.value, last?.value);
  t.same(sourceTimestamp, last?.sourceTimestamp);
  t.equal(last?.nodeId, `nsu=${MACHINES_URI};s=b.Spindle.Speed`);
  const times = produced
    .filter(({ machine, path }) => machine === 'b' && path === 'Spindle/Speed')
    .map((item) => item.sourceTimestamp.getTime());
  t.equal(new Set(times).size, times.length, 'no time twice');
});

t.test('a restart keeps the address and may number the namespaces anew', async (t) => {
  const server = await started(t);
  const { url } = server;
  const before = (await (await open(t, url)).readNamespaceArray()).indexOf(MACHINES_URI);
  await server.stop();
  await server.start(['urn:x', 'urn:y', MACHINES_URI]);
  t.equal(server.url, url);
  const after = (await (await open(t, url)).readNamespaceArray()).indexOf(MACHINES_URI);
  t.not(after, before);
  t.equal(server.sessionsCreated, 2, 'sessions are counted over restarts');
});

t.test('a variable fails, heals and goes', async (t) => {
  const server = await started(t, { rate: 50 });
  const session = await open(t, server.url);
  server.run();
  const status = async (wanted: string) => {
    for (;;) {
      const { statusCode } = await read(session, 'ns=2;s=cnc-1.Feed.Override');
      if (statusCode.name === wanted) return true;
    }
  };
  server.fail('cnc-1', 'Feed/Override', 'BadSensorFailure');
  t.ok(await status('BadSensorFailure'));
  server.heal('cnc-1', 'Feed/Override');
  t.ok(await status('Good'));
  server.remove('cnc-1', 'Feed/Override');
  t.ok(await status('BadNodeIdUnknown'));
  t.throws(() => server.remove('cnc-1', 'No/Such'), /there is no cnc-1\/No\/Such/);
});

t.test('users are asked for', async (t) => {
  const server = await started(t, { users: { op: 'secret' }, security: 'all' });
  await t.rejects(open(t, server.url), /BadIdentityTokenRejected|BadUserAccessDenied|BadIdentityTokenInvalid|token/i);
});

t.test('sessions can be killed', async (t) => {
  const server = await started(t);
  const client = OPCUAClient.create({
    endpointMustExist: false,
    keepSessionAlive: false,
    connectionStrategy: { maxRetry: 0 },
  });
  t.teardown(() => client.disconnect());
  await client.connect(server.url);
  await client.createSession();
  t.equal(server.sessions, 1);
  server.killSessions();
  t.equal(server.sessions, 0);
  t.equal(server.sessionsCreated, 1);
});
