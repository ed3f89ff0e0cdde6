import { MessageSecurityMode, OPCUACertificateManager, SecurityPolicy, UserTokenType } from 'node-opcua';
import t from 'tap';
import { CncLife } from '../../../simulator/opcua/cnc-life.ts';
import { MACHINES_URI, type ProducedItem } from '../../../simulator/opcua/server.ts';
import { open, read, started } from './client.ts';

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

t.test('a user who is known is let in', async (t) => {
  const server = await started(t, { users: { op: 'secret' }, security: 'all' });
  const session = await open(t, server.url, {
    securityMode: MessageSecurityMode.Sign,
    securityPolicy: SecurityPolicy.Basic256Sha256,
    clientCertificateManager: new OPCUACertificateManager({
      rootFolder: t.testdir(),
      automaticallyAcceptUnknownCertificate: true,
      disableFileWatchers: true,
    }),
    user: { type: UserTokenType.UserName, userName: 'op', password: 'secret' },
  });
  t.equal((await read(session, 'ns=2;s=cnc-1.Spindle.Override')).value.value, 100);
});

t.test('sessions can be killed', async (t) => {
  const server = await started(t);
  const session = await open(t, server.url);
  t.equal(server.sessions, 1);
  server.killSessions();
  t.equal(server.sessions, 0);
  t.equal(server.sessionsCreated, 1);
  await session.readNamespaceArray();
  t.equal(server.sessionsCreated, 2, 'the client had to make another');
});

t.test('machines and counters live on while it restarts', async (t) => {
  const server = await started(t, { items: 2 });
  server.step(20);
  const live = async () => {
    const session = await open(t, server.url);
    const values = await Promise.all(['C1', 'cnc-1.Axes.Y.Position'].map((name) => read(session, `ns=2;s=${name}`)));
    return values.map(({ value }) => value.value);
  };
  const before = await live();
  await server.stop();
  await server.start();
  t.same(await live(), before);
  t.equal(before[0], 1);
  t.not(before[1], new CncLife(1).step(0)['Axes/Y/Position'], 'not as at its beginning');
});
