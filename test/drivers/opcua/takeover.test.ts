import t, { type Test } from 'tap';
import { type FaultyProxy, startProxy } from '../../../simulator/proxy.ts';
import { intercept } from './intercept.ts';
import { MILL, millFor } from './server.ts';
import { collect, driverFor, folderOf, sees, trust, USERS, user, type Yielded } from './support.ts';

const MODE = { signals: { mode: `nsu=${MILL};s=Mill.Mode`, rpm: `nsu=${MILL};s=Mill.Spindle.Speed` } };

/** A driver that was killed: its cursor, and what another one needs to take over. */
async function killed(test: Test, proxy: FaultyProxy, own: object, until: (so: Yielded) => boolean) {
  const url = `opc.tcp://127.0.0.1:${proxy.port}`;
  await trust(folderOf(test), url);
  const secure = { security: { mode: 'signAndEncrypt' as const }, auth: user(), url };
  const before = driverFor(folderOf(test), { ...MODE, ...secure, ...own });
  const yielded = await collect(before, {
    each: (_, so) => {
      if (!until(so)) return;
      proxy.mode = 'refuse';
      proxy.cut();
    },
    until,
  });
  return { cursor: yielded.cursor, secure };
}

t.test('a state that changed while nobody ran is told by the next process', async (test) => {
  const mill = await millFor(test, { users: USERS, isSecure: true });
  await using proxy = await startProxy(mill.port);
  const state = { from: 'mode', running: 2, idle: 0 };
  mill.set('Mode', 0);
  const { cursor, secure } = await killed(test, proxy, { state }, sees('state', 'idle'));
  mill.set('Mode', 2);
  await new Promise((resolve) => setTimeout(resolve, 200));
  proxy.mode = 'flow';
  const after = driverFor(folderOf(test), { ...MODE, ...secure, state });
  setTimeout(() => mill.set('Spindle.Speed', 5), 1000);
  const yielded = await collect(after, { from: cursor, until: sees('rpm', 5) });
  test.same(yielded.of('gap'), [], 'taken over');
  test.same(yielded.values('mode'), [2]);
  test.same(yielded.values('state'), ['running']);
});

t.test('another publishing interval holds for what the next process takes over', async (test) => {
  const mill = await millFor(test, { users: USERS, isSecure: true });
  await using proxy = await startProxy(mill.port);
  const slow = { publishingInterval: '2s', samplingInterval: '100ms', outage: '10s', dataAge: '6s', queueSize: 10 };
  const { cursor, secure } = await killed(test, proxy, slow, sees('mode', 0));
  proxy.mode = 'flow';
  const after = driverFor(folderOf(test), { ...MODE, ...secure, ...slow, publishingInterval: '100ms' });
  const begun = performance.now();
  let next = 1;
  const timer = setInterval(() => mill.set('Mode', next++), 100);
  test.teardown(() => clearInterval(timer));
  await collect(after, { from: cursor, until: (so) => so.signal('mode').length >= 5 && so.readings.length > 6 });
  test.ok(performance.now() - begun < 3000, `${performance.now() - begun} ms`);
});

t.test('a server that tells no lists of its monitored items: a new subscription is made', async (test) => {
  const mill = await millFor(test, { users: USERS, isSecure: true });
  await using proxy = await startProxy(mill.port);
  const { cursor, secure } = await killed(test, proxy, {}, sees('mode', 0));
  intercept(mill, 'Call', {
    change: (response: { results: { outputArguments: { value: unknown }[] }[] }) => {
      for (const argument of response.results[0]?.outputArguments ?? []) argument.value = null;
    },
  });
  proxy.mode = 'flow';
  const after = driverFor(folderOf(test), { ...MODE, ...secure });
  const yielded = await collect(after, { from: cursor, until: sees('mode', 0) });
  test.match(yielded.of('gap'), [{ cause: 'link-down' }]);
});
