import { once } from 'node:events';
import t, { type Test } from 'tap';
import { type AgentOptions, SimulatedAgent } from '../../simulator/mtconnect/agent.ts';
import { firstParts, get, header, observations, open, parts } from './client.ts';

async function started(t: Test, options: AgentOptions = {}): Promise<SimulatedAgent> {
  const agent = new SimulatedAgent({ devices: [{ name: 'a' }, { name: 'b' }], record: true, ...options });
  t.teardown(() => agent.stop());
  await agent.start();
  return agent;
}

async function next(stream: AsyncGenerator<string, void>): Promise<string> {
  const { value } = await stream.next();
  if (value === undefined) throw new Error('the stream has ended');
  return value;
}

t.test('a stream has the head and parts of an agent', async (t) => {
  const agent = await started(t);
  const message = await open(agent.url, '/sample?interval=10&count=100');
  t.match(message.headers, {
    'content-type': /^multipart\/mixed;boundary=\S{10,}$/,
    'transfer-encoding': 'chunked',
    connection: 'close',
  });
  const stream = parts(message);
  t.ok(observations(await next(stream)).length > 0);
  await stream.return();
});

t.test('a backlog comes at once in parts of count, then what is new', async (t) => {
  const agent = await started(t);
  for (let n = 0; n < 20; n += 1) agent.observe('a', 'line', n);
  const from = agent.nextSequence - 20;
  const stream = parts(await open(agent.url, `/a/sample?interval=60000&heartbeat=60000&count=8&from=${from}`));
  const backlog = [await next(stream), await next(stream), await next(stream)];
  t.same(
    backlog.map((part) => observations(part).length),
    [8, 8, 4],
    'without waiting for the interval',
  );
  t.same(
    backlog.map((part) => header(part)['nextSequence']),
    [from + 8, from + 16, from + 20].map(String),
  );
  await stream.return();
});

t.test('what is new comes when it is observed', async (t) => {
  const agent = await started(t);
  const stream = parts(await open(agent.url, `/sample?interval=1&heartbeat=60000&from=${agent.nextSequence}`));
  for (const program of ['ONE', 'TWO', 'THREE']) {
    const pending = next(stream);
    agent.observe('a', 'program', program);
    t.match(observations(await pending), [{ element: 'Program', content: program }]);
  }
  await stream.return();
});

t.test('heartbeats are empty and advance nextSequence over what the filter leaves out', async (t) => {
  const agent = await started(t);
  const path = encodeURIComponent('//DataItem[@type="EXECUTION"]');
  const stream = parts(
    await open(agent.url, `/a/sample?path=${path}&interval=1&heartbeat=30&from=${agent.nextSequence}`),
  );
  const idle = await next(stream);
  t.same([observations(idle).length, header(idle)['nextSequence']], [0, `${agent.nextSequence}`]);
  agent.observe('a', 'program', 'NOT SELECTED');
  agent.observe('b', 'execution', 'ACTIVE');
  let beat = await next(stream);
  if (header(beat)['nextSequence'] !== `${agent.nextSequence}`) beat = await next(stream);
  t.same([observations(beat).length, header(beat)['nextSequence']], [0, `${agent.nextSequence}`]);
  agent.observe('a', 'execution', 'READY');
  let found = await next(stream);
  while (observations(found).length === 0) found = await next(stream);
  t.match(observations(found), [{ element: 'Execution', content: 'READY' }]);
  await stream.return();
});

t.test('two clients of a fast machine get every observation once and in order', async (t) => {
  const agent = await started(t, { rate: 2000, devices: [{ name: 'a' }] });
  const from = agent.nextSequence;
  const read = async (path: string) => {
    const sequences: number[] = [];
    for await (const part of parts(await open(agent.url, path))) {
      sequences.push(
        ...observations(part)
          .map(({ sequence }) => sequence)
          .sort((x, y) => x - y),
      );
      if (sequences.length > 1000) break;
    }
    return sequences.slice(0, 1000);
  };
  const both = await Promise.all([
    read(`/sample?interval=5&count=70&from=${from}`),
    read(`/sample?interval=50&count=5000&from=${from}`),
  ]);
  agent.pause();
  const produced = agent.produced.list.filter(({ sequence }) => sequence >= from).slice(0, 1000);
  t.same(
    both[0],
    produced.map(({ sequence }) => sequence),
  );
  t.same(both[1], both[0]);
});

t.test('who falls behind the buffer is told so and disconnected', async (t) => {
  const agent = await started(t, { version: '2.7', bufferSize: 200 });
  agent.fault({ on: 'stream', kind: 'slow', ms: 20, after: 1, times: 1 });
  const stream = parts(await open(agent.url, `/sample?interval=1&count=10&from=${agent.firstSequence}`));
  await next(stream);
  agent.flood('a', 'line', 500);
  let last = '';
  for await (const part of stream) last = part;
  t.match(last, /<OutOfRange errorCode="OUT_OF_RANGE"><ErrorMessage>/);
});

t.test('current with an interval repeats the state', async (t) => {
  const agent = await started(t);
  const found = await firstParts(agent.url, '/a/current?interval=5', 2);
  t.same(
    found.map((part) => observations(part).length),
    [observations(found[0] ?? '').length, observations(found[0] ?? '').length],
  );
  t.ok(observations(found[1] ?? '').length > 30);
});

t.test('a bad range or device is an error document before the stream begins', async (t) => {
  const agent = await started(t);
  t.match(await get(agent.url, '/sample?interval=10&from=99999'), { status: 404, body: /OUT_OF_RANGE/ });
  t.match(await get(agent.url, '/sample?interval=10&count=-5'), { status: 404, body: /OUT_OF_RANGE/ });
  t.match(await get(agent.url, '/nodevice/sample?interval=10'), { status: 404, body: /NO_DEVICE/ });
  t.match(await get(agent.url, '/sample?interval=-1'), { status: 400 });
});

t.test('agents differ: x-mixed-replace, no streaming, interval refused', async (t) => {
  const replacing = await started(t, { streamType: 'multipart/x-mixed-replace' });
  const message = await open(replacing.url, '/sample?interval=10');
  t.match(message.headers['content-type'], /^multipart\/x-mixed-replace;boundary=/);
  message.destroy();
  const plain = await started(t, { noStreaming: true, version: '1.2' });
  t.match(await get(plain.url, '/sample?interval=10'), { status: 200, headers: { 'content-type': 'text/xml' } });
  const refusing = await started(t, { rejectInterval: true, version: '1.2' });
  t.match(await get(refusing.url, '/sample?interval=10'), { status: 400, body: /<Error errorCode="UNSUPPORTED">/ });
  t.equal((await get(refusing.url, '/sample')).status, 200);
});

t.test('a restart and an unplugged cable end the streams', async (t) => {
  const agent = await started(t);
  for (const end of [() => agent.restart(), () => agent.unplug()]) {
    const message = await open(agent.url, '/sample?interval=10');
    message.resume();
    const ended = once(message, 'end');
    await end();
    await t.rejects(ended, { code: 'ECONNRESET' });
  }
});
