import { setTimeout as sleep } from 'node:timers/promises';
import { DataChangeNotification, DataType, type PublishResponse, type RepublishResponse } from 'node-opcua';
import t from 'tap';
import { startProxy } from '../../../simulator/proxy.ts';
import { HEARTBEAT } from '../../../src/drivers/opcua/monitored.ts';
import { intercept } from './intercept.ts';
import { MILL, type MillServer, millFor } from './server.ts';
import { driverFor, folderOf, sees, supervised } from './support.ts';

const SPEED = { signals: { rpm: `nsu=${MILL};s=Mill.Spindle.Speed` } };

t.test('a server that republishes nothing is still subscribed after a cut', async (test) => {
  const mill = await millFor(test);
  intercept(mill, 'Republish', { refuse: () => 'BadServiceUnsupported' });
  await using proxy = await startProxy(mill.port);
  const driver = driverFor(folderOf(test), { ...SPEED, url: `opc.tcp://127.0.0.1:${proxy.port}` });
  let step = 0;
  const yielded = await supervised(driver, {
    each: (_, so) => {
      if (step > 0 || !sees('rpm', 0)(so)) return;
      step = 1;
      proxy.cut();
      mill.set('Spindle.Speed', 5);
      setTimeout(() => mill.set('Spindle.Speed', 6), 500);
    },
    until: sees('rpm', 6),
  });
  test.same([...new Set(yielded.of('driver').map(({ state }) => state))], ['streaming']);
});

t.test('a server that repeats another notification than asked for is not followed for ever', async (test) => {
  const mill = await millFor(test);
  let republished = 0;
  intercept(mill, 'Republish', {
    change: (response: RepublishResponse) => {
      republished += 1;
      if (response.notificationMessage) response.notificationMessage.sequenceNumber = 1;
    },
  });
  await using proxy = await startProxy(mill.port);
  const driver = driverFor(folderOf(test), { ...SPEED, url: `opc.tcp://127.0.0.1:${proxy.port}` });
  let step = 0;
  await supervised(driver, {
    within: 5000,
    each: async (_, so) => {
      if (step > 0 || !sees('rpm', 0)(so)) return;
      step = 1;
      proxy.mode = 'blackHole';
      mill.set('Spindle.Speed', 5);
      await sleep(200);
      proxy.cut();
      proxy.mode = 'flow';
      setTimeout(() => mill.set('Spindle.Speed', 6), 500);
    },
    until: sees('rpm', 6),
  });
  test.ok(republished < 10, `${republished} times`);
});

t.test('a server that cannot set the publishing mode is still subscribed after a pause', async (test) => {
  const mill = await millFor(test);
  intercept(mill, 'SetPublishingMode', { refuse: () => 'BadServiceUnsupported' });
  const driver = driverFor(folderOf(test), { ...SPEED, url: mill.url, dataAge: '500ms', sessionTimeout: '10s' });
  let step = 0;
  const yielded = await supervised(driver, {
    each: async (_, so) => {
      if (step > 0 || !sees('rpm', 0)(so)) return;
      step = 1;
      await sleep(7000);
      mill.set('Spindle.Speed', 5);
    },
    until: sees('rpm', 5),
  });
  test.same([...new Set(yielded.of('driver').map(({ state }) => state))], ['streaming']);
  test.same(yielded.faults, []);
});

t.test('what is not found is told and looked for again when polling', async (test) => {
  const mill = await millFor(test);
  const driver = driverFor(folderOf(test), {
    url: mill.url,
    mode: 'poll',
    pollInterval: '30ms',
    signals: { later: '/Objects/Machines/Mill/Later' },
  });
  let isMade = false;
  const yielded = await supervised(driver, {
    within: 5000,
    each: (_, so) => {
      if (isMade || so.notices('signals-refused').length === 0) return;
      isMade = true;
      mill.add('Later', DataType.Double, 42);
    },
    until: (so) => sees('later', 42)(so) && so.notices('signals-readable').length > 0,
  });
  test.same(yielded.values('later'), [null, 42]);
  test.ok(yielded.of('machine').at(-1)?.signals['later']);
});

t.test('a folder without variables is told and looked at again', async (test) => {
  const mill = await millFor(test);
  const node = `nsu=${MILL};s=Mill.Spindle.Parts`;
  const driver = driverFor(folderOf(test), { ...SPEED, url: mill.url, folders: [node] });
  let isMade = false;
  await supervised(driver, {
    within: 5000,
    each: (_, so) => {
      if (isMade || !sees('rpm', 0)(so)) return;
      isMade = true;
      const parts = mill.namespace.addObject({
        componentOf: mill.mill,
        browseName: 'Parts',
        nodeId: 's=Mill.Spindle.Parts',
      });
      mill.add('Count', DataType.Double, 42, parts, 's=Mill.Spindle.Parts.Count');
    },
    until: (so) => sees('Count', 42)(so) && so.notices('signals-readable').length > 0,
  });
});

t.test('a node that is found later is part of the model', async (test) => {
  const mill = await millFor(test);
  const driver = driverFor(folderOf(test), { url: mill.url, signals: { later: '/Objects/Machines/Mill/Later' } });
  let isMade = false;
  const yielded = await supervised(driver, {
    within: 5000,
    each: (_, so) => {
      if (isMade || so.notices('signals-refused').length === 0) return;
      isMade = true;
      mill.add('Later', DataType.Double, 42);
    },
    until: (so) => sees('later', 42)(so) && so.notices('signals-readable').length > 0,
  });
  test.ok(yielded.of('machine').at(-1)?.signals['later']);
  test.same(yielded.values('later'), [null, 42]);
  test.same(yielded.of('gap'), []);
});

/** The server's clock is reported so many times only. */
function tickOnly(mill: MillServer, times: number): void {
  let ticks = 0;
  intercept(mill, 'Publish', {
    change: ({ notificationMessage }: Partial<PublishResponse>) => {
      for (const data of notificationMessage?.notificationData ?? []) {
        if (!(data instanceof DataChangeNotification)) continue;
        data.monitoredItems = (data.monitoredItems ?? []).filter(
          ({ clientHandle }) => clientHandle !== HEARTBEAT || ++ticks <= times,
        );
      }
    },
  });
}

t.test('a server whose clock is reported once only is read all the same', async (test) => {
  const mill = await millFor(test);
  tickOnly(mill, 1);
  const driver = driverFor(folderOf(test), { ...SPEED, url: mill.url, dataAge: '300ms' });
  setTimeout(() => mill.set('Spindle.Speed', 5), 6000);
  const yielded = await supervised(driver, { until: sees('rpm', 5) });
  test.same(yielded.faults, []);
  test.same(yielded.of('gap'), []);
});

t.test('a clock that ticked and then stands still ends the subscription', async (test) => {
  const mill = await millFor(test);
  tickOnly(mill, 3);
  const driver = driverFor(folderOf(test), { ...SPEED, url: mill.url, dataAge: '300ms' });
  const yielded = await supervised(driver, { until: (so) => so.of('gap').length > 0 });
  test.match(yielded.faults[0], /its values have stood still/);
  test.equal(mill.sessionsCreated, 1);
});
