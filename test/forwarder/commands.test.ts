import { once } from 'node:events';
import { connectAsync } from 'mqtt';
import t, { type Test } from 'tap';
import { parse } from '../../src/forwarder/commands.ts';
import { replySchema } from '../../src/wire/command.ts';
import { startAedes } from '../support/brokers.ts';
import { batches, startForwarder, uplinkConfig } from '../support/forwarding.ts';
import { MemoryOutbox } from '../support/memory-outbox.ts';

const T0 = 1_763_640_000_000;
const allDelivered = (rows: readonly { delivered: boolean }[]) => rows.every(({ delivered }) => delivered);

/** A cloud that asks, and waits for replies and batches. */
async function cloud(t: Test, url: string) {
  const client = await connectAsync(url);
  t.teardown(() => client.endAsync());
  const got: { topic: string; message: Record<string, unknown> }[] = [];
  let look = () => {};
  client.on('message', (topic, payload) => {
    got.push({ topic, message: JSON.parse(payload.toString()) });
    look();
  });
  await client.subscribeAsync('plc/#', { qos: 1 });
  const replies = () => got.filter(({ topic }) => topic === 'plc/acme/gw-01/reply').map(({ message }) => message);
  return {
    replies,
    batches: () => got.filter(({ topic }) => topic.endsWith('/telemetry')).map(({ message }) => message),
    ask: (command: unknown) =>
      client.publishAsync('plc/acme/gw-01/command', typeof command === 'string' ? command : JSON.stringify(command), {
        qos: 1,
      }),
    until: async (enough: (replies: readonly Record<string, unknown>[]) => boolean) => {
      while (!enough(replies()))
        await new Promise<void>((resolve) => {
          look = resolve;
        });
      return replies();
    },
  };
}

t.test('the cloud asks for a replay, and is told when it was accepted and done', async (t) => {
  const broker = await startAedes();
  t.teardown(() => broker[Symbol.asyncDispose]());
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: [...batches('m', 10), ...batches('other', 3)] });
  const { ask, until, batches: came } = await cloud(t, url);
  startForwarder(t, outbox, uplinkConfig(url, { commands: true }));
  await outbox.until(allDelivered);
  await ask({ id: 'r1', command: 'replay', machine: 'm', from: T0 + 2, to: new Date(T0 + 7).toISOString() });
  const replies = await until((all) => all.some(({ status }) => status === 'done'));
  t.match(replies, [
    { id: 'r1', status: 'accepted', tenant: 'acme', gateway: 'gw-01', v: 1 },
    { id: 'r1', status: 'done', batches: 5, observations: 5, refused: 0 },
  ]);
  for (const reply of replies) t.ok(replySchema.safeParse(reply).success);
  t.same(
    came()
      .slice(13)
      .map(({ seq, historical }) => [seq, historical]),
    [3, 4, 5, 6, 7].map((seq) => [seq, true]),
  );
});

t.test('what is no command is refused with the reason, and a flood is passed over', async (t) => {
  const broker = await startAedes();
  t.teardown(() => broker[Symbol.asyncDispose]());
  const url = `mqtt://127.0.0.1:${broker.port}`;
  const { ask, until } = await cloud(t, url);
  const subscribed = once(broker.aedes, 'subscribe');
  const { line } = startForwarder(t, new MemoryOutbox(), uplinkConfig(url, { commands: true }));
  await subscribed;
  await ask({ id: 'x', command: 'reboot', from: 0 });
  t.match(await until((all) => all.length > 0), [{ id: 'x', status: 'refused', reason: /command/ }]);
  await Promise.all(Array.from({ length: 80 }, (_, i) => ask({ id: `f${i}`, command: 'no' })));
  await line(/^warn: plc\/acme\/gw-01\/command: more than 60 commands a minute/);
});

t.test('without leave of the config nothing is subscribed to', async (t) => {
  const broker = await startAedes();
  t.teardown(() => broker[Symbol.asyncDispose]());
  const asked: unknown[] = [];
  broker.aedes.on('subscribe', (topics) => asked.push(topics));
  const outbox = new MemoryOutbox();
  await outbox.append({ batches: batches('m', 1) });
  startForwarder(t, outbox, uplinkConfig(`mqtt://127.0.0.1:${broker.port}`));
  await outbox.until(allDelivered);
  t.same(asked, []);
});

t.test('commands are read with care', async (t) => {
  const read = (value: unknown) => parse(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)));
  t.match(read({ id: 'a', command: 'replay', from: 5 }), { id: 'a', from: 5, to: undefined, machine: undefined });
  t.match(read({ id: 'a', command: 'replay', from: '2025-11-20T12:00:00Z' }), { from: T0 });
  t.same(read('{'), { problem: 'no JSON', id: null });
  t.same(read('null'), { problem: (read('null') as { problem: string }).problem, id: null });
  t.match(read({ id: 'a', command: 'replay', from: 5, to: 5 }), { id: 'a', problem: /after/ });
  t.match(read({ id: 'a', command: 'replay', from: 5, machine: '../x' }), { id: 'a', problem: /machine/ });
  t.match(read({ id: 7, command: 'replay', from: 5 }), { id: null, problem: /id/ });
  t.match(read('x'.repeat(5000)), { problem: /4096/ });
});
