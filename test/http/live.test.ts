import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { createInterface } from 'node:readline';
import t, { type Test } from 'tap';
import { Fault } from '../../src/errors.ts';
import { Live } from '../../src/http/live.ts';
import { SharedState } from '../../src/http/shared-state.ts';
import { testLog } from '../support/forwarding.ts';
import { PlainView, type Serving, serving } from './support.ts';

interface LiveEvent {
  readonly event: string;
  // biome-ignore lint/suspicious/noExplicitAny: what a test expects
  readonly data: any;
}

/** Events as they come. */
async function* eventsOf(response: IncomingMessage): AsyncGenerator<LiveEvent> {
  let event = '';
  for await (const line of createInterface({ input: response })) {
    if (line.startsWith('event: ')) event = line.slice(7);
    if (line.startsWith('data: ')) yield { event, data: JSON.parse(line.slice(6)) };
  }
}

async function watch({ open }: Serving, path: string) {
  const response = await open(path);
  const events = eventsOf(response);
  const next = async (kind: string): Promise<LiveEvent['data']> => {
    for (;;) {
      const { value, done } = await events.next();
      if (done) throw new Error('the events ended');
      if (value.event === kind) return value.data;
    }
  };
  return { response, next };
}

t.test('a viewer gets the state at once and then every second', async (t) => {
  const server = await serving(t);
  const { response, next } = await watch(server, '/api/live');
  t.match(response.headers, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  t.ok(response.headers['content-security-policy']);
  t.match(await next('state'), { gateway: 'gw-01', machines: [{ id: 'vmc-3' }, {}] });
  const from = performance.now();
  await next('state');
  await next('state');
  const took = performance.now() - from;
  t.ok(took > 1500 && took < 3000, `${took} ms`);
});

t.test('however many viewers, the state is made once a second, and not at all without them', async (t) => {
  const server = await serving(t);
  const viewers = await Promise.all(Array.from({ length: 20 }, () => watch(server, '/api/live')));
  for (let n = 0; n < 3; n++) await Promise.all(viewers.map(({ next }) => next('state')));
  t.ok(server.view.asked <= 3, `${server.view.asked} times`);
  for (const { response } of viewers) response.destroy();
  const before = server.view.asked;
  await new Promise((resolve) => setTimeout(resolve, 1500));
  t.ok(server.view.asked - before <= 1, 'no more once they are gone');
});

t.test('a viewer of a machine gets all its signals, then those that changed', async (t) => {
  const server = await serving(t);
  const { view } = server;
  const first = await watch(server, '/api/live?machine=vmc-3');
  t.strictSame(await first.next('signals'), view.values);
  const [rpm, state] = view.values;
  if (rpm === undefined || state === undefined) throw new Error('no values');
  view.values = [{ ...rpm, v: 1300 }, state];
  // One that comes between two ticks takes nothing from the other.
  const second = await watch(server, '/api/live?machine=vmc-3');
  t.strictSame(await second.next('signals'), view.values);
  t.strictSame(await first.next('signals'), [view.values[0]]);
  view.values = [...view.values, { name: 'new', t: 1, v: 'x', q: 'bad' }];
  t.strictSame(await first.next('signals'), [view.values[2]]);
});

t.test('a machine that is not there is not watched', async (t) => {
  const { get, send } = await serving(t);
  t.equal((await get('/api/live?machine=nobody')).status, 404);
  t.equal((await send('HEAD', '/api/live')).status, 200, 'and HEAD takes no place');
});

t.test('signals go on while the buffer cannot be read', async (t) => {
  const server = await serving(t);
  const { view } = server;
  view.state = () => Promise.reject(new Fault('disk', 'the disk is gone'));
  const { next } = await watch(server, '/api/live?machine=vmc-3');
  await next('signals');
  view.values = view.values.map((value) => ({ ...value, v: 1 }));
  t.match(await next('signals'), [
    { name: 'rpm', v: 1 },
    { name: 'state', v: 1 },
  ]);
  await server.line(/^debug: the viewers get no state: the disk is gone/);
});

t.test('a bug that comes up while viewers are told takes nothing down', async (t) => {
  const server = await serving(t);
  const { view } = server;
  const { next } = await watch(server, '/api/live?machine=vmc-3');
  await next('signals');
  const { signals } = view;
  view.signals = () => {
    throw new TypeError('a bug');
  };
  await server.line(/^error: the viewers get no signals/);
  view.signals = signals;
  view.values = view.values.map((value) => ({ ...value, v: 2 }));
  t.match(await next('signals'), [{ v: 2 }, { v: 2 }]);
});

t.test('the 65th viewer is refused until one leaves', async (t) => {
  const server = await serving(t);
  const responses = await Promise.all(Array.from({ length: 80 }, () => server.open('/api/live')));
  const taken = responses.filter(({ statusCode }) => statusCode === 200);
  t.equal(taken.length, 64);
  const refused = responses.filter(({ statusCode }) => statusCode === 503);
  t.equal(refused.length, 16);
  t.equal(refused[0]?.headers['retry-after'], '10');
  taken[0]?.destroy();
  await untilOpen(t, server);
});

async function untilOpen(t: Test, { open }: Serving): Promise<void> {
  for (;;) {
    const { statusCode } = await open('/api/live');
    if (statusCode === 200) break;
    t.equal(statusCode, 503);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

t.test('a viewer that does not read is let go and costs little memory, and the others go on', async (t) => {
  const view = new PlainView();
  view.changes = { site: 'x'.repeat(2_000_000) };
  const live = new Live(new SharedState(view), view, testLog().log, 3000);
  const answers: ServerResponse[] = [];
  const server = createServer((_, outgoing) => {
    answers.push(outgoing);
    live.add(outgoing, undefined);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  t.teardown(() => {
    live[Symbol.dispose]();
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  const stuck = connect(port, '127.0.0.1').pause();
  t.teardown(() => stuck.destroy());
  stuck.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
  await once(server, 'request');
  const [outgoing] = answers;
  const asking = request({ port, host: '127.0.0.1' }).end();
  const [well] = await once(asking, 'response');
  t.teardown(() => well.destroy());
  const states = eventsOf(well);
  let most = 0;
  let seen = 0;
  for (; outgoing?.destroyed === false; seen++) {
    most = Math.max(most, outgoing.writableLength);
    await states.next();
  }
  t.ok(most < 2_500_000, `${most} bytes waited`);
  t.ok(seen >= 4, `${seen} states`);
  t.match(await states.next(), { done: false, value: { event: 'state' } });
});

t.test('a stop ends the events within a second', async (t) => {
  const server = await serving(t);
  const viewers = await Promise.all(Array.from({ length: 10 }, () => watch(server, '/api/live?machine=vmc-3')));
  const idle = await server.raw();
  const from = performance.now();
  const ended = viewers.map(({ response }) => once(response, 'close'));
  for (const { response } of viewers) response.resume();
  await server.server[Symbol.asyncDispose]();
  t.ok(performance.now() - from < 1000, `${performance.now() - from} ms`);
  await Promise.all(ended);
  if (!idle.destroyed) await once(idle, 'close');
  t.equal(viewers.filter(({ response }) => response.complete).length, 10, 'they were told the end');
});
