import { setTimeout as sleep } from 'node:timers/promises';
import type { CreateMonitoredItemsResponse, CreateSubscriptionResponse, ServerSession } from 'node-opcua';
import { DataChangeNotification, type PublishResponse } from 'node-opcua';
import t from 'tap';
import { startProxy } from '../../../simulator/proxy.ts';
import { HEARTBEAT } from '../../../src/drivers/opcua/monitored.ts';
import { intercept } from './intercept.ts';
import { MILL, millFor } from './server.ts';
import { driverFor, folderOf, sees, supervised } from './support.ts';

const SPEED = { signals: { rpm: `nsu=${MILL};s=Mill.Spindle.Speed` } };

t.test('a server that publishes more slowly than dataAge is not cut', async (test) => {
  const mill = await millFor(test);
  intercept(mill, 'CreateSubscription', {
    change: (response: CreateSubscriptionResponse) => {
      const [session] = Object.values(
        (mill.server.engine as never as { _sessions: Record<string, ServerSession> })._sessions,
      );
      session?.getSubscription(response.subscriptionId)?.modify({ requestedPublishingInterval: 3000, priority: 0 });
      response.revisedPublishingInterval = 3000;
    },
  });
  const driver = driverFor(folderOf(test), { ...SPEED, url: mill.url, dataAge: '500ms' });
  const timer = setTimeout(() => mill.set('Spindle.Speed', 5), 4000);
  test.teardown(() => clearTimeout(timer));
  const yielded = await supervised(driver, { within: 10_000, until: sees('rpm', 5) });
  test.same(yielded.faults, []);
});

t.test('revised counts beyond all measure are no reason to cut the link', async (test) => {
  const mill = await millFor(test);
  intercept(mill, 'CreateSubscription', {
    change: (response: CreateSubscriptionResponse) => {
      response.revisedMaxKeepAliveCount = 0xffff_ffff;
      response.revisedLifetimeCount = 0xffff_ffff;
    },
  });
  const driver = driverFor(folderOf(test), { ...SPEED, url: mill.url });
  const timer = setTimeout(() => mill.set('Spindle.Speed', 5), 1000);
  test.teardown(() => clearTimeout(timer));
  const yielded = await supervised(driver, { within: 5000, until: sees('rpm', 5) });
  test.same(yielded.faults, []);
});

t.test('revised values that are zero or no numbers cost neither requests nor the link', async (test) => {
  const mill = await millFor(test);
  let reads = 0;
  intercept(mill, 'Read', {
    refuse: () => {
      reads += 1;
      return undefined;
    },
  });
  intercept(mill, 'CreateSubscription', {
    change: (response: CreateSubscriptionResponse) => {
      response.revisedPublishingInterval = Number.NaN;
      response.revisedMaxKeepAliveCount = 0;
      response.revisedLifetimeCount = 0;
    },
  });
  intercept(mill, 'CreateMonitoredItems', {
    change: (response: CreateMonitoredItemsResponse) => {
      for (const result of response.results ?? []) result.revisedSamplingInterval = Number.NaN;
    },
  });
  const driver = driverFor(folderOf(test), { ...SPEED, url: mill.url });
  let isPaused = false;
  const yielded = await supervised(driver, {
    within: 8000,
    each: async (_, so) => {
      if (isPaused || !sees('rpm', 0)(so)) return;
      isPaused = true;
      await sleep(1500);
      mill.set('Spindle.Speed', 5);
    },
    until: sees('rpm', 5),
  });
  test.same(yielded.faults, []);
  test.ok(reads < 20, `${reads} reads`);
});

t.test('a consumer that pauses right after a reconnect costs neither values nor the subscription', async (test) => {
  const mill = await millFor(test, { counters: 1 });
  await using proxy = await startProxy(mill.port);
  const driver = driverFor(folderOf(test), {
    signals: { c0: `nsu=${MILL};s=Mill.Counters.c0` },
    url: `opc.tcp://127.0.0.1:${proxy.port}`,
    dataAge: '300ms',
  });
  let step = 0;
  let isQuiet = false;
  // No tick of the clock comes with what was notified during the pause.
  const change = ({ notificationMessage }: Partial<PublishResponse>) => {
    for (const data of notificationMessage?.notificationData ?? []) {
      if (!isQuiet || !(data instanceof DataChangeNotification)) continue;
      data.monitoredItems = (data.monitoredItems ?? []).filter(({ clientHandle }) => clientHandle !== HEARTBEAT);
    }
  };
  intercept(mill, 'Publish', { change });
  intercept(mill, 'Republish', { change });
  const timer = setInterval(() => mill.tick(), 20);
  test.teardown(() => clearInterval(timer));
  const yielded = await supervised(driver, {
    within: 15_000,
    each: async (reading, so) => {
      if (step === 0 && so.signal('c0').length > 10) {
        step = 1;
        isQuiet = true;
        proxy.cut();
      } else if (step === 1 && reading.observations.some(({ signal, v }) => signal === 'available' && v === true)) {
        await sleep(4000);
        step = 2;
        setTimeout(() => {
          isQuiet = false;
        }, 200);
      }
    },
    until: (so) => so.of('gap').length > 0 || (step === 2 && so.signal('c0').length > 50),
  });
  test.same(yielded.of('gap'), []);
  test.same(yielded.faults.slice(1), []);
});
