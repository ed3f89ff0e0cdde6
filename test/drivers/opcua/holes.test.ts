import { setTimeout as sleep } from 'node:timers/promises';
import type { BrowseNextResponse, BrowseResponse, ReadResponse, RepublishRequest } from 'node-opcua';
import t from 'tap';
import { startProxy } from '../../../simulator/proxy.ts';
import { intercept } from './intercept.ts';
import { MILL, millFor } from './server.ts';
import { collect, driverFor, folderOf, sees, supervised } from './support.ts';

t.test('of missing notifications, those that the server still has are read', async (test) => {
  const mill = await millFor(test);
  await using proxy = await startProxy(mill.port);
  const signals = { rpm: `nsu=${MILL};s=Mill.Spindle.Speed` };
  const driver = driverFor(folderOf(test), { signals, url: `opc.tcp://127.0.0.1:${proxy.port}` });
  let first: number | undefined;
  intercept(mill, 'Republish', {
    refuse: (request) => {
      const { retransmitSequenceNumber: sequence } = request as unknown as RepublishRequest;
      first ??= sequence;
      return sequence === first ? 'BadMessageNotAvailable' : undefined;
    },
  });
  let step = 0;
  const yielded = await supervised(driver, {
    each: async (_, so) => {
      if (step > 0 || !sees('rpm', 0)(so)) return;
      step = 1;
      proxy.mode = 'blackHole';
      for (const rpm of [1, 2, 3]) {
        mill.set('Spindle.Speed', rpm);
        await sleep(150);
      }
      proxy.cut();
      proxy.mode = 'flow';
      setTimeout(() => mill.set('Spindle.Speed', 4), 500);
    },
    until: sees('rpm', 4),
  });
  test.match(yielded.values('rpm').slice(-3), [2, 3, 4]);
  test.match(yielded.of('gap'), [{ cause: 'link-down', detail: { fromSequence: first, toSequence: first } }]);
  test.equal(yielded.of('gap').length, 1);
});

t.test('a server that goes on browsing without end is not followed', async (test) => {
  const mill = await millFor(test, { counters: 5 });
  intercept(mill, 'Browse', {
    change: ({ results }: BrowseResponse) => {
      for (const result of results ?? [])
        if (result.references?.length === 5) result.continuationPoint = Buffer.from('x');
    },
  });
  let asked = 0;
  intercept(mill, 'BrowseNext', {
    change: ({ results }: BrowseNextResponse) => {
      asked += 1;
      for (const result of results ?? []) {
        result.statusCode = 0 as never;
        result.references = [];
        result.continuationPoint = Buffer.from('x');
      }
    },
  });
  const driver = driverFor(folderOf(test), { url: mill.url, folders: [`nsu=${MILL};s=Mill.Counters`] });
  await collect(driver, { within: 5000, until: sees('c4', 0) }).catch((error) => test.fail(String(error)));
  test.comment(`${asked} times`);
});

t.test('a namespace without a URI is no changed model', async (test) => {
  const mill = await millFor(test);
  const isNamespaces = (request: unknown) =>
    (request as { nodesToRead?: { nodeId: { toString(): string } }[] }).nodesToRead?.[0]?.nodeId.toString() ===
    'ns=0;i=2255';
  intercept(mill, 'Read', {
    change: (response: ReadResponse, request) => {
      const value = response.results?.[0]?.value;
      if (isNamespaces(request) && value) value.value = [...value.value.slice(0, -1), null];
    },
  });
  intercept(mill, 'Publish', {
    change: ({
      notificationMessage,
    }: {
      notificationMessage?: {
        notificationData?: { monitoredItems?: { clientHandle: number; value: { value: { value: unknown[] } } }[] }[];
      };
    }) => {
      for (const data of notificationMessage?.notificationData ?? [])
        for (const { clientHandle, value } of data.monitoredItems ?? [])
          if (clientHandle === 0xffff_ff01) value.value.value = [...value.value.value.slice(0, -1), null];
    },
  });
  const driver = driverFor(folderOf(test), { url: mill.url, signals: { mode: `nsu=${MILL};s=Mill.Mode` } });
  setTimeout(() => mill.set('Mode', 5), 1000);
  const yielded = await collect(driver, { within: 5000, until: sees('mode', 5) });
  test.same(yielded.of('gap'), []);
});
