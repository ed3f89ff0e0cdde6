import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { startProxy } from '../../../simulator/proxy.ts';
import { freePort, MILL, MillServer as Mill, type MillServer, millFor, OTHER } from './server.ts';
import { collect, driverFor, folderOf, supervised, trust, USERS, user, type Yielded } from './support.ts';

const COUNTERS = 20;
const TICK_MS = 50;
const OWN = { folders: [{ node: `nsu=${MILL};s=Mill.Counters` }] };

/** What a server asks for before it hands a subscription over to another session. */
const SECURE = { security: { mode: 'signAndEncrypt' as const }, auth: user() };

/** Counts up until the test ends or it is told to stop. */
function ticking(test: Test, mill: MillServer): { ticks: number; stop(): void } {
  const timer = setInterval(() => {
    mill.tick();
    counting.ticks += 1;
  }, TICK_MS);
  const counting = { ticks: 0, stop: () => clearInterval(timer) };
  test.teardown(counting.stop);
  return counting;
}

/** Every counter has each of its values from the first on, once and in order. */
function complete(test: Test, yielded: Yielded, message: string): void {
  for (let i = 0; i < COUNTERS; i++) {
    const values = yielded.values(`c${i}`) as number[];
    const wanted = values.map((_, k) => (values[0] as number) + k);
    if (values.length < 3 || values.some((v, k) => v !== wanted[k])) {
      test.same(values, wanted, `${message}: c${i}`);
      return;
    }
  }
  test.pass(message);
}

const reached =
  (value: () => number) =>
  (yielded: Yielded): boolean =>
    ((yielded.signal(`c${COUNTERS - 1}`).at(-1)?.v as number | undefined) ?? 0) >= value();

t.test('a link that was cut for a while: the session is taken up again, and nothing is missing', async (test) => {
  const mill = await millFor(test, { counters: COUNTERS });
  await using proxy = await startProxy(mill.port);
  const driver = driverFor(folderOf(test), { ...OWN, url: `opc.tcp://127.0.0.1:${proxy.port}` });
  const counting = ticking(test, mill);
  let step = 0;
  const yielded = await supervised(driver, {
    each: async (_, so) => {
      if (step === 0 && reached(() => 10)(so)) {
        step = 1;
        proxy.mode = 'refuse';
        proxy.cut();
        setTimeout(() => {
          proxy.mode = 'flow';
        }, 1000);
      }
    },
    until: reached(() => 50),
  });
  test.ok(counting.ticks >= 50);
  test.equal(mill.sessionsCreated, 1, 'no other session');
  complete(test, yielded, 'every value once');
  test.same(yielded.of('gap'), []);
  test.same(yielded.values('available'), [true, false, true]);
  test.ok(yielded.faults.length > 0);
});

t.test('a session that the server has closed: one new session, the subscription is transferred', async (test) => {
  const mill = await millFor(test, { counters: COUNTERS, users: USERS, isSecure: true });
  await trust(folderOf(test), mill.url);
  const driver = driverFor(folderOf(test), { ...OWN, ...SECURE, url: mill.url });
  ticking(test, mill);
  let killed = false;
  const yielded = await supervised(driver, {
    each: (_, so) => {
      if (killed || !reached(() => 10)(so)) return;
      killed = true;
      mill.killSessions(false);
    },
    until: reached(() => 30),
  });
  test.equal(mill.sessionsCreated, 2, 'one more session');
  complete(test, yielded, 'every value once');
  test.same(yielded.of('gap'), []);
});

t.test('a session that was closed with its subscriptions: one new session, and the loss is told', async (test) => {
  const mill = await millFor(test, { counters: COUNTERS });
  const driver = driverFor(folderOf(test), { ...OWN, url: mill.url });
  ticking(test, mill);
  let killed = false;
  const yielded = await supervised(driver, {
    each: (_, so) => {
      if (killed || !reached(() => 10)(so)) return;
      killed = true;
      mill.killSessions(true);
    },
    until: reached(() => 30),
  });
  test.equal(mill.sessionsCreated, 2, 'one more session');
  test.match(yielded.of('gap'), [{ cause: 'link-down', count: null, exact: false }]);
  const [gap] = yielded.of('gap');
  const times = yielded.signal('c0').map((one) => one.t);
  test.ok(
    times.every(
      (at, i) => i === 0 || at - (times[i - 1] as number) < 3 * TICK_MS || (gap && gap.to >= at - 3 * TICK_MS),
    ),
  );
});

t.test('a server that comes back with its namespaces in another order: the same nodes are read', async (test) => {
  const folder = test.testdir();
  const port = await freePort();
  const first = await new Mill({ folder, counters: COUNTERS }, port).start();
  const driver = driverFor(folderOf(test), {
    url: `opc.tcp://127.0.0.1:${port}`,
    signals: { rpm: `nsu=${MILL};s=Mill.Spindle.Speed`, mode: '/Objects/Machines/Mill/Mode' },
  });
  let second: MillServer | undefined;
  const yielded = await supervised(driver, {
    each: async (_, so) => {
      if (second === undefined && so.signal('rpm').length > 0) {
        await first.stop();
        second = await new Mill({ folder, counters: COUNTERS, namespaces: [OTHER, MILL] }, port).start();
        test.teardown(() => second?.stop());
        second.set('Spindle.Speed', 777);
        second.set('Mode', 3);
      }
    },
    until: (so) => so.values('rpm').includes(777) && so.values('mode').includes(3),
  });
  test.equal(second?.sessionsCreated, 1, 'one session');
  test.match(yielded.of('gap'), [{ cause: 'link-down' }]);
});

t.test('a driver of a new process takes over the subscription of the one that was killed', async (test) => {
  const mill = await millFor(test, { counters: COUNTERS, users: USERS, isSecure: true });
  await using proxy = await startProxy(mill.port);
  const url = `opc.tcp://127.0.0.1:${proxy.port}`;
  await trust(folderOf(test), url);
  const counting = ticking(test, mill);
  const before = driverFor(folderOf(test), { ...OWN, ...SECURE, url });
  const yielded = await collect(before, {
    each: (_, so) => {
      // Killed: nothing can be said to the server any more.
      if (reached(() => 10)(so)) {
        proxy.mode = 'refuse';
        proxy.cut();
      }
    },
    until: reached(() => 10),
  });
  await sleep(300);
  proxy.mode = 'flow';
  const goal = counting.ticks + 10;
  const after = driverFor(folderOf(test), { ...OWN, ...SECURE, url });
  await collect(after, { from: yielded.cursor, until: reached(() => goal), yielded });
  test.equal(mill.sessionsCreated, 2);
  complete(test, yielded, 'every value once');
  test.same(yielded.of('gap'), []);
});

t.test('a server that falls silent is connected anew, and its values are asked for again', async (test) => {
  const mill = await millFor(test, { counters: COUNTERS });
  await using proxy = await startProxy(mill.port);
  const driver = driverFor(folderOf(test), {
    ...OWN,
    url: `opc.tcp://127.0.0.1:${proxy.port}`,
    dataAge: '500ms',
    requestTimeout: '300ms',
  });
  ticking(test, mill);
  let step = 0;
  const yielded = await supervised(driver, {
    each: (_, so) => {
      if (step > 0 || !reached(() => 10)(so)) return;
      step = 1;
      proxy.mode = 'blackHole';
      setTimeout(() => {
        proxy.cut();
        proxy.mode = 'flow';
      }, 1200);
    },
    until: reached(() => 50),
  });
  test.match(yielded.faults[0] ?? '', /nothing from the server for \d+ s/);
  test.equal(mill.sessionsCreated, 1);
  complete(test, yielded, 'every value once');
  test.same(yielded.of('gap'), []);
});

t.test('what is not pulled waits in the server', async (test) => {
  const mill = await millFor(test, { counters: COUNTERS });
  const driver = driverFor(folderOf(test), { ...OWN, url: mill.url, dataAge: '500ms', sessionTimeout: '10s' });
  ticking(test, mill);
  let isPaused = false;
  const yielded = await collect(driver, {
    each: async (_, so) => {
      if (isPaused || !reached(() => 5)(so)) return;
      isPaused = true;
      await sleep(1500);
    },
    until: reached(() => 50),
  });
  complete(test, yielded, 'every value once');
  test.same(yielded.of('gap'), []);
});

t.test('a stop ends session and subscription within a second', async (test) => {
  const mill = await millFor(test, { counters: COUNTERS });
  const driver = driverFor(folderOf(test), { ...OWN, url: mill.url });
  const stop = new AbortController();
  const reason = new Error('stop');
  const observing = driver.observe(undefined, stop.signal)[Symbol.asyncIterator]();
  await observing.next();
  await observing.next();
  const next = (async () => {
    for (;;) await observing.next();
  })();
  const begun = performance.now();
  stop.abort(reason);
  await test.rejects(next, reason);
  test.ok(performance.now() - begun < 1000);
  test.equal(mill.server.engine.currentSessionCount, 0);
  test.equal(mill.server.engine.currentSubscriptionCount, 0);
});
