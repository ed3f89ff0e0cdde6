import { DataType } from 'node-opcua';
import t from 'tap';
import { startProxy } from '../../../simulator/proxy.ts';
import { intercept } from './intercept.ts';
import { MILL, type MillServer, millFor } from './server.ts';
import { driverFor, folderOf, sees, supervised } from './support.ts';

const OWN = { folders: [{ node: `nsu=${MILL};s=Mill.Spindle` }] };

/** As a server does when its nodes have changed. */
function tellChange({ server }: MillServer): void {
  server.engine.addressSpace?.rootFolder.objects.server.raiseEvent('GeneralModelChangeEventType', {});
}

function addLoad(mill: MillServer): void {
  const spindle = mill.namespace.findNode('s=Mill.Spindle');
  mill.add('Load', DataType.Double, 7, spindle as never, 's=Mill.Spindle.Load');
  tellChange(mill);
}

t.test('nodes that are added are read, on a server with room for one subscription only', async (test) => {
  const mill = await millFor(test);
  intercept(mill, 'CreateSubscription', {
    refuse: () => (mill.server.engine.currentSubscriptionCount > 0 ? 'BadTooManySubscriptions' : undefined),
  });
  const driver = driverFor(folderOf(test), { ...OWN, url: mill.url });
  let isAdded = false;
  const yielded = await supervised(driver, {
    within: 8000,
    each: (_, so) => {
      if (isAdded || !sees('Speed', 0)(so)) return;
      isAdded = true;
      addLoad(mill);
    },
    until: sees('Load', 7),
  });
  test.same(
    yielded.of('driver').map(({ state }) => state),
    ['streaming'],
    'never polled',
  );
  test.same(yielded.faults, []);
});

t.test('nodes that were added just before a cut are read after it', async (test) => {
  const mill = await millFor(test);
  await using proxy = await startProxy(mill.port);
  const driver = driverFor(folderOf(test), { ...OWN, url: `opc.tcp://127.0.0.1:${proxy.port}`, retryItems: '1s' });
  let step = 0;
  await supervised(driver, {
    within: 8000,
    each: (_, so) => {
      if (step === 0 && sees('Speed', 0)(so)) {
        step = 1;
        addLoad(mill);
        mill.set('Spindle.Speed', 1);
      } else if (step === 1 && sees('Speed', 1)(so)) {
        step = 2;
        setTimeout(() => proxy.cut(), 100);
      }
    },
    until: sees('Load', 7),
  });
});

t.test(
  'a server that refuses the next subscription is polled, and what was missed in between is told',
  async (test) => {
    const mill = await millFor(test);
    const driver = driverFor(folderOf(test), { ...OWN, url: mill.url });
    let isAdded = false;
    intercept(mill, 'CreateSubscription', { refuse: () => (isAdded ? 'BadTooManySubscriptions' : undefined) });
    const yielded = await supervised(driver, {
      within: 8000,
      each: (_, so) => {
        if (isAdded || !sees('Speed', 0)(so)) return;
        isAdded = true;
        addLoad(mill);
      },
      until: sees('Load', 7),
    });
    test.same(
      yielded.of('driver').map(({ state }) => state),
      ['streaming', 'polling'],
    );
    test.match(
      yielded.of('gap').map(({ cause }) => cause),
      ['link-down'],
    );
    test.equal(mill.server.engine.currentSubscriptionCount, 0);
  },
);
