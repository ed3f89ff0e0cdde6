import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import t, { type Test } from 'tap';
import { SimulatedAgent } from '../../simulator/mtconnect/agent.ts';
import type { FaultOrder } from '../../simulator/mtconnect/fault.ts';
import { get, observations, open, parts } from './client.ts';

async function faulty(t: Test, ...orders: FaultOrder[]): Promise<SimulatedAgent> {
  const agent = new SimulatedAgent({ devices: [{ name: 'a' }], version: '2.7' });
  t.teardown(() => agent.stop());
  await agent.start();
  for (const order of orders) agent.fault(order);
  return agent;
}

/** The bytes until the end; `cut` where the connection broke. */
async function drained(message: IncomingMessage): Promise<{ bytes: Buffer; cut: boolean }> {
  const chunks: Buffer[] = [];
  message.on('data', (chunk: Buffer) => chunks.push(chunk));
  const cut = await once(message, 'end').then(
    () => false,
    () => true,
  );
  return { bytes: Buffer.concat(chunks), cut };
}

const STREAM = '/sample?interval=1&heartbeat=20&count=1000';

t.test('statuses and pages of another server', async (t) => {
  const agent = await faulty(t);
  const answers = [
    ['status500', { status: 500, body: /internal error/ }],
    ['notFound', { status: 404, body: 'not found\n' }],
    ['webPage', { status: 200, headers: { 'content-type': 'text/html' }, body: /<!DOCTYPE html>/ }],
    ['wrongContentType', { status: 200, headers: { 'content-type': 'application/octet-stream' }, body: /<MTConnect/ }],
    ['outOfRange', { status: 404, body: /<OutOfRange errorCode="OUT_OF_RANGE">/ }],
  ] as const;
  for (const [kind, expected] of answers) {
    agent.fault({ on: 'any', kind });
    for (const path of ['/probe', '/current', '/sample'])
      t.match(await get(agent.url, path), expected, `${kind} ${path}`);
    if (kind !== 'wrongContentType') t.match(await get(agent.url, STREAM), expected, `${kind} stream`);
    agent.clearFaults();
  }
  t.match((await get(agent.url, '/probe')).body, /<MTConnectDevices/, 'cleared');
});

t.test('strikes what was ordered: on one target, after some, so many times', async (t) => {
  const agent = await faulty(t, { on: 'current', kind: 'status500', after: 1, times: 2 });
  const statuses: number[] = [];
  for (let n = 0; n < 5; n += 1) {
    statuses.push((await get(agent.url, '/current')).status);
    t.equal((await get(agent.url, '/sample')).status, 200);
  }
  t.same(statuses, [200, 500, 500, 200, 200]);
});

t.test('reset ends the connection without an answer', async (t) => {
  const agent = await faulty(t, { on: 'probe', kind: 'reset' });
  await t.rejects(get(agent.url, '/probe'), { code: 'ECONNRESET' });
});

t.test('cut: a document ends in the middle', async (t) => {
  const agent = await faulty(t, { on: 'current', kind: 'cut' });
  const message = await open(agent.url, '/current');
  const { bytes, cut } = await drained(message);
  t.ok(cut);
  t.ok(bytes.length > 0 && bytes.length < Number(message.headers['content-length']));
});

t.test('cut: a stream ends in the middle of the part it was ordered for', async (t) => {
  const agent = await faulty(t, { on: 'stream', kind: 'cut', after: 1 });
  const { bytes, cut } = await drained(await open(agent.url, STREAM));
  t.ok(cut);
  t.equal(bytes.toString().match(/<MTConnectStreams/g)?.length, 2);
  t.equal(bytes.toString().match(/<\/MTConnectStreams>/g)?.length, 1);
});

t.test('hang: a request is accepted and never answered', async (t) => {
  const agent = await faulty(t, { on: 'probe', kind: 'hang', times: 1 });
  const never = open(agent.url, '/probe').then(
    () => 'answered',
    (error) => error.code,
  );
  t.equal((await get(agent.url, '/probe')).status, 200, 'others are served meanwhile');
  await agent.unplug();
  t.equal(await never, 'ECONNRESET');
});

t.test('hang: a stream falls silent, heartbeats too, and the connection stays', async (t) => {
  const agent = await faulty(t, { on: 'stream', kind: 'hang', after: 2, times: 1 });
  const message = await open(agent.url, STREAM);
  const stream = parts(message);
  await stream.next();
  await stream.next();
  const third = stream.next().then(
    () => 'a third part',
    () => 'cut',
  );
  agent.observe('a', 'program', 'ONE');
  // Of an agent of its own: the order strikes whichever stream of its agent sends next.
  const control = parts(await open((await faulty(t)).url, STREAM));
  for (let beats = 0; beats < 4; beats += 1) await control.next();
  t.equal(message.destroyed, false, 'three heartbeats of another stream later');
  await agent.unplug();
  t.equal(await third, 'cut');
});

t.test('garbage and what is no XML come in the place of a part, which follows later', async (t) => {
  const agent = await faulty(t, { on: 'stream', kind: 'notXml', times: 1 });
  const stream = parts(await open(agent.url, `${STREAM}&from=1`));
  t.equal((await stream.next()).value, 'this agent is being serviced');
  t.ok(observations((await stream.next()).value ?? '').length > 30);
  await stream.return();
  agent.fault({ on: 'stream', kind: 'garbage', times: 1 });
  const message = await open(agent.url, `${STREAM}&from=1`);
  let bytes = '';
  for await (const chunk of message) {
    bytes += chunk.toString('latin1');
    if (bytes.includes('</MTConnectStreams>')) break;
  }
  t.ok(bytes.indexOf('\r\nContent-Length') > 500, 'bytes come before the first part');
  agent.fault({ on: 'current', kind: 'garbage', times: 1 });
  t.notMatch((await get(agent.url, '/current')).body, '<MTConnect');
});

t.test('trickle: the document comes byte by byte, and whole', async (t) => {
  const agent = await faulty(t, { on: 'current', kind: 'trickle' });
  const path = '/current?path=//DataItem[@name="program"]';
  const message = await open(agent.url, path);
  let chunks = 0;
  message.on('data', () => {
    chunks += 1;
  });
  const { bytes, cut } = await drained(message);
  t.equal(cut, false);
  t.match(bytes.toString(), /<Program .*<\/MTConnectStreams>/);
  t.ok(chunks > 50, `${chunks} chunks`);
});

t.test('slow: silence before the answer', async (t) => {
  const agent = await faulty(t, { on: 'probe', kind: 'slow', ms: 60 });
  const before = performance.now();
  t.match(await get(agent.url, '/probe'), { status: 200, body: /<\/MTConnectDevices>/ });
  t.ok(performance.now() - before >= 55);
});

t.test('hostile XML: entity bomb, depth, size', async (t) => {
  const agent = await faulty(t, { on: 'probe', kind: 'doctype', times: 1 });
  t.match((await get(agent.url, '/probe')).body, /<!DOCTYPE MTConnectStreams \[<!ENTITY/);
  agent.fault({ on: 'probe', kind: 'deep', times: 1 });
  t.equal((await get(agent.url, '/probe')).body.split('<a>').length, 100_001);
  agent.fault({ on: 'current', kind: 'huge', bytes: 3_000_000, times: 1 });
  const { body } = await get(agent.url, '/current');
  t.ok(body.length === 3_000_000 && body.includes('</MTConnectStreams>'));
});
