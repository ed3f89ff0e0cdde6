import { setTimeout as sleep } from 'node:timers/promises';
import t from 'tap';
import { startProxy } from '../../../simulator/proxy.ts';
import { intercept } from './intercept.ts';
import { MILL, type MillServer, millFor } from './server.ts';
import { driverFor, folderOf, sees, supervised } from './support.ts';

const SPEED = { signals: { rpm: `nsu=${MILL};s=Mill.Spindle.Speed` } };

/** Deletes every subscription of a server, its sessions stay. */
function endSubscriptions({ server }: MillServer): void {
  const { _sessions: sessions } = server.engine as unknown as {
    _sessions: Record<
      string,
      { publishEngine: { subscriptions: { id: number }[] }; deleteSubscription(id: number): void }
    >;
  };
  for (const session of Object.values(sessions))
    for (const { id } of [...session.publishEngine.subscriptions]) session.deleteSubscription(id);
}

t.test('a subscription that the server has ended, while its session lives: a new one is made', async (test) => {
  const mill = await millFor(test);
  const driver = driverFor(folderOf(test), { ...SPEED, url: mill.url });
  let isEnded = false;
  const yielded = await supervised(driver, {
    within: 8000,
    each: (_, so) => {
      if (isEnded || !sees('rpm', 0)(so)) return;
      isEnded = true;
      endSubscriptions(mill);
      mill.set('Spindle.Speed', 5);
    },
    until: sees('rpm', 5),
  });
  test.equal(mill.sessionsCreated, 1);
  test.match(yielded.of('gap'), [{ cause: 'link-down' }]);
});

t.test('a subscription that ran out during an outage that its session outlived: a new one is made', async (test) => {
  const mill = await millFor(test);
  await using proxy = await startProxy(mill.port);
  const driver = driverFor(folderOf(test), { ...SPEED, url: `opc.tcp://127.0.0.1:${proxy.port}` });
  let isCut = false;
  const yielded = await supervised(driver, {
    within: 8000,
    each: async (_, so) => {
      if (isCut || !sees('rpm', 0)(so)) return;
      isCut = true;
      proxy.cut();
      endSubscriptions(mill);
      await sleep(100);
      mill.set('Spindle.Speed', 5);
    },
    until: sees('rpm', 5),
  });
  test.equal(mill.sessionsCreated, 1);
  test.match(yielded.of('gap'), [{ cause: 'link-down' }]);
});

t.test('a subscription that could not be finished is not left behind', async (test) => {
  const mill = await millFor(test);
  let held = 2;
  intercept(mill, 'CreateMonitoredItems', { hold: () => held-- > 0 });
  const driver = driverFor(folderOf(test), { ...SPEED, url: mill.url, requestTimeout: '300ms' });
  const yielded = await supervised(driver, {
    within: 8000,
    until: (so) => sees('rpm', 0)(so) && mill.server.engine.currentSubscriptionCount === 1,
  });
  test.equal(yielded.faults.length, 2);
  test.equal(mill.sessionsCreated, 1);
});
