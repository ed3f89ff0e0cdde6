import {
  AttributeIds,
  ClientMonitoredItem,
  type ClientSession,
  ClientSubscription,
  type DataValue,
  TimestampsToReturn,
} from 'node-opcua';
import t from 'tap';
import { open, read, started } from './client.ts';

const SPEED = 'ns=2;s=cnc-1.Spindle.Speed';

/** The values of a counter as they come; `reached` resolves once it has a value. */
async function follow(session: ClientSession, nodeId = 'ns=2;s=C0') {
  const subscription = ClientSubscription.create(session, {
    publishingEnabled: true,
    requestedPublishingInterval: 20,
    requestedMaxKeepAliveCount: 5,
    requestedLifetimeCount: 1000,
  });
  const item = ClientMonitoredItem.create(
    subscription,
    { nodeId, attributeId: AttributeIds.Value },
    { samplingInterval: 0, queueSize: 100, discardOldest: true },
    TimestampsToReturn.Both,
  );
  const values: number[] = [];
  let check = () => {};
  item.on('changed', ({ value }: DataValue) => {
    values.push(value.value);
    check();
  });
  const reached = (goal: number) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    check = () => values.includes(goal) && resolve();
    check();
    return promise;
  };
  return { subscription, values, reached };
}

t.test('a service can be slow, refused, and cured', async (t) => {
  const server = await started(t);
  const session = await open(t, server.url);
  server.disturb('Read', { kind: 'slow', ms: 150 });
  const begun = performance.now();
  t.equal((await read(session, SPEED)).statusCode.name, 'Good');
  t.ok(performance.now() - begun >= 145);
  server.disturb('Read', { kind: 'refuse', status: 'BadTooManyOperations' });
  await t.rejects(read(session, SPEED), /BadTooManyOperations/);
  server.cure('Read');
  t.equal((await read(session, SPEED)).statusCode.name, 'Good');
});

t.test('frozen publishing loses nothing once it goes on', async (t) => {
  const LAST = 8;
  const { promise: isFull, resolve } = Promise.withResolvers<void>();
  // Not faster than the server samples, which is every 50 ms at best.
  const server = await started(t, { items: 1, rate: 10, onProduced: ({ value }) => value === LAST && resolve() });
  const { values, reached, subscription } = await follow(await open(t, server.url));
  await reached(0);
  server.disturb('Publish', { kind: 'hold' });
  server.run();
  await isFull;
  server.pause();
  // What the server already held was answered still.
  t.ok(values.length < LAST, `${values.length} values came`);
  server.cure('Publish');
  await reached(LAST);
  t.same(
    values,
    Array.from({ length: LAST + 1 }, (_, i) => i),
  );
  await subscription.terminate();
});

t.test('subscriptions can die in silence while their session lives', async (t) => {
  const server = await started(t, { items: 1 });
  const session = await open(t, server.url);
  const { reached } = await follow(session);
  await reached(0);
  t.equal(server.subscriptions, 1);
  server.killSubscriptions();
  t.equal(server.subscriptions, 0);
  t.equal((await read(session, SPEED)).statusCode.name, 'Good');
  t.equal(server.sessionsCreated, 1);
});

t.test('sessions can be killed and leave their subscriptions behind', async (t) => {
  const server = await started(t, { items: 1 });
  const { reached } = await follow(await open(t, server.url));
  await reached(0);
  server.killSessions({ keepSubscriptions: true });
  t.same([server.sessions, server.subscriptions], [0, 1]);
});

t.test('a node vanishes and comes back under its id, with its value', async (t) => {
  const server = await started(t);
  const session = await open(t, server.url);
  const before = await read(session, SPEED);
  server.remove('cnc-1', 'Spindle/Speed');
  t.equal((await read(session, SPEED)).statusCode.name, 'BadNodeIdUnknown');
  server.step(1);
  server.restore('cnc-1', 'Spindle/Speed');
  t.equal((await read(session, SPEED)).statusCode.name, 'BadWaitingForInitialData');
  server.step(1);
  const after = await read(session, SPEED);
  t.equal(after.statusCode.name, 'Good');
  t.not(after.value.value, before.value.value);
  t.throws(() => server.restore('cnc-1', 'Spindle/Colour'), /there is no cnc-1\/Spindle\/Colour/);
  t.throws(() => server.fail('cnc-9', 'Spindle/Speed', 'Bad'), /there is no cnc-9/);
});

t.test('a server that cannot subscribe, or takes few nodes at once', async (t) => {
  const server = await started(t, { canSubscribe: false, operationLimits: { maxNodesPerRead: 2 } });
  const session = await open(t, server.url);
  const request = { requestedPublishingInterval: 20, publishingEnabled: true };
  await t.rejects(session.createSubscription2(request), /BadServiceUnsupported/);
  const nodes = [SPEED, SPEED, SPEED].map((nodeId) => ({ nodeId, attributeId: AttributeIds.Value }));
  await t.rejects(session.read(nodes), /BadTooManyOperations/);
  t.equal((await session.read(nodes.slice(1))).length, 2);
  t.equal((await read(session, 'i=11705')).value.value, 2, 'OperationLimits tell it');
});

t.test('clocks of machines can be wrong', async (t) => {
  const server = await started(t);
  server.skew = 3_600_000;
  server.step(30);
  const { sourceTimestamp } = await read(await open(t, server.url), 'ns=2;s=cnc-1.Axes.Y.Position');
  const ahead = (sourceTimestamp?.getTime() ?? 0) - Date.now();
  t.ok(ahead > 3_590_000 && ahead <= 3_600_100, `${ahead} ms`);
});
