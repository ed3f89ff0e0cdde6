import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { MACHINES_URI, SimulatedOpcuaServer } from '../../../simulator/opcua/server.ts';
import { intercept } from './intercept.ts';
import { MILL, millFor } from './server.ts';
import { driverFor, folderOf } from './support.ts';

const SPEED = { signals: { rpm: `nsu=${MILL};s=Mill.Spindle.Speed` } };

/** Milliseconds until `observe` has ended after it was aborted `after` ms from its beginning. */
async function stopped(test: Test, url: string, after: number, own = {}): Promise<number> {
  const driver = driverFor(folderOf(test), { ...SPEED, ...own, url });
  const stop = new AbortController();
  const reason = new Error('stop');
  let begun = 0;
  setTimeout(() => {
    begun = performance.now();
    stop.abort(reason);
  }, after);
  await test.rejects(async () => {
    for await (const _ of driver.observe(undefined, stop.signal));
  }, reason);
  return performance.now() - begun;
}

t.test('a stop while a server does not answer leaves no socket behind', async (test) => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket.resume());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.teardown(() => server.close());
  const { port } = server.address() as { port: number };
  test.ok((await stopped(test, `opc.tcp://127.0.0.1:${port}`, 500)) < 1000);
  await sleep(200);
  test.same(
    sockets.map(({ closed }) => closed),
    [true],
  );
});

for (const service of ['CreateSession', 'Browse', 'CreateMonitoredItems']) {
  t.test(`a stop while ${service} is not answered`, async (test) => {
    const mill = await millFor(test);
    intercept(mill, service, { hold: () => true });
    const own = { folders: [`nsu=${MILL};s=Mill`], requestTimeout: '8s', dataAge: '8s' };
    const took = await stopped(test, mill.url, 700, own);
    test.ok(took < 1000, `${took} ms`);
    await sleep(300);
    test.equal(mill.server.currentChannelCount, 0, 'no channel');
    test.equal(mill.server.engine.currentSessionCount, 0, 'no session');
  });
}

t.test('a stop while the server is asked for the type of a structure', async (test) => {
  const server = new SimulatedOpcuaServer({ machines: ['m1'], folder: test.testdir() });
  await server.start();
  test.teardown(() => server.stop());
  server.disturb('Browse', { kind: 'hold' });
  const signals = { tool: `nsu=${MACHINES_URI};s=m1.Spindle.Tool` };
  const took = await stopped(test, server.url, 1000, { signals, requestTimeout: '8s', dataAge: '9s' });
  test.ok(took < 1000, `${took} ms`);
});
