import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import t, { type Test } from 'tap';
import { collect } from '../../support/yielded.ts';
import { driverFor } from './support.ts';

/** What an agent says in a header. */
interface Says {
  readonly instanceId?: number;
  readonly modelChange?: number;
  readonly next?: number;
}

interface Asked {
  readonly kind: 'probe' | 'current' | 'sample' | 'stream';
  readonly from: number;
  readonly count: number;
}

const LAST = 20;

function header({ instanceId = 1, modelChange = 0, next = 0 }: Says): string {
  return `<Header instanceId="${instanceId}" bufferSize="100" deviceModelChangeTime="${modelChange}" firstSequence="1" lastSequence="${LAST}" nextSequence="${next}"/>`;
}

function probe(says: Says): string {
  return `<MTConnectDevices>${header(says)}<Devices><Device id="d" name="d" uuid="d"><DataItems>
    <DataItem id="m" category="EVENT" type="MESSAGE"/></DataItems></Device></Devices></MTConnectDevices>`;
}

/** Messages `from`…`to`, each with its sequence as its text unless `text` says otherwise. */
function streams(says: Says, from: number, to: number, text: (n: number) => string = String): string {
  const observations = Array.from({ length: Math.max(0, to - from + 1) }, (_, i) => from + i).map(
    (n) => `<Message dataItemId="m" sequence="${n}" timestamp="2026-01-01T00:00:00.${n}Z">${text(n)}</Message>`,
  );
  return `<MTConnectStreams>${header({ next: to + 1, ...says })}<Streams><DeviceStream name="d" uuid="d"><ComponentStream>
    <Events>${observations.join('')}</Events></ComponentStream></DeviceStream></Streams></MTConnectStreams>`;
}

/** What follows the standard: the latest for `current`, what was asked for else. */
function proper({ kind, from, count }: Asked, says: Says = {}, text: (n: number) => string = String): string {
  if (kind === 'probe') return probe(says);
  if (kind === 'current') return streams(says, LAST, LAST, text);
  return streams(says, from, Math.min(LAST, from + count - 1), text);
}

/** Answers as the test wants; a stream is one part, and then silence. Counts what it is asked. */
async function agent(t: Test, answer: (asked: Asked) => string) {
  const asked: Asked[] = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://agent');
    const number = (name: string) => Number(url.searchParams.get(name) ?? Number.NaN);
    const path = url.pathname.slice(1) as 'probe' | 'current' | 'sample';
    const kind = url.searchParams.has('interval') ? 'stream' : path;
    const one: Asked = { kind, from: number('from'), count: number('count') };
    asked.push(one);
    const body = answer(one);
    if (kind !== 'stream') {
      response.setHeader('content-type', 'text/xml').end(body);
      return;
    }
    response.setHeader('content-type', 'multipart/mixed;boundary=b');
    response.write(`--b\r\nContent-length: ${body.length}\r\n\r\n${body}\r\n`);
  }).listen(0, '127.0.0.1');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  await once(server, 'listening');
  return { asked, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

const behind = (next: number, instanceId = '1') => ({ instanceId, next, device: 'd', lastTime: null });

t.test('an agent whose instanceId, sequences or model jump with each answer is not stormed', async (t) => {
  let turn = 0;
  const jumps: Record<string, (asked: Asked) => string> = {
    instanceId: (asked) => {
      turn += 1;
      return proper(asked, { instanceId: 1 + (turn % 2) });
    },
    sequences: (asked) => (asked.kind === 'stream' ? streams({}, 3, 5) : proper(asked)),
    model: (asked) => {
      turn += 1;
      return proper(asked, { modelChange: turn });
    },
  };
  for (const [what, answer] of Object.entries(jumps)) {
    const { asked, url } = await agent(t, answer);
    await collect(driverFor(url), { within: 1200 }).catch(() => undefined);
    t.ok(asked.length < 60, `${what}: ${asked.length} requests in 1.2 s`);
  }
});

t.test('a model that changes with each answer does not keep the data away', async (t) => {
  let turn = 0;
  const { url } = await agent(t, (asked) => {
    turn += 1;
    return proper(asked, { modelChange: turn });
  });
  const yielded = await collect(driverFor(url), { from: behind(15), until: (y) => y.observations.length >= 6 });
  t.same(
    yielded.observations.map(({ v }) => v),
    ['15', '16', '17', '18', '19', '20'],
  );
});

t.test('a stream that is always unreadable is given up for polling', async (t) => {
  const { asked, url } = await agent(t, (one) =>
    one.kind === 'stream' ? proper(one).replace('</Events>', '') : proper(one),
  );
  const yielded = await collect(driverFor(url), { until: (y) => y.of('driver').length > 0 });
  t.match(yielded.of('driver'), [{ state: 'polling', message: /cut off or wrongly nested/ }]);
  t.equal(asked.filter(({ kind }) => kind === 'stream').length, 3);
});

t.test('an agent whose nextSequence is the last that it has sent is read without a repetition', async (t) => {
  const { url } = await agent(t, (one) => {
    if (one.kind === 'probe' || one.kind === 'current') return proper(one);
    const to = Math.min(LAST, one.from + 4);
    return streams({ next: to }, one.from, to);
  });
  let idle = 0;
  const yielded = await collect(driverFor(url, { mode: 'poll' }), {
    from: behind(5),
    until: (_, { cursor }) => cursor?.['next'] === LAST + 1 && ++idle === 4,
  });
  t.same(yielded.of('gap'), []);
  t.same(
    yielded.observations.map(({ v }) => v),
    Array.from({ length: LAST - 4 }, (_, i) => String(i + 5)),
  );
});

t.test('observations beyond the document’s own lastSequence are a fault, and not told again and again', async (t) => {
  const { url } = await agent(t, (one) => (one.kind === 'stream' ? streams({ next: 21 }, 21, 25) : proper(one)));
  await t.rejects(collect(driverFor(url), { from: behind(21) }), {
    of: 'machine',
    message: /lastSequence 20 lies before its observation 25/,
  });
});

t.test('a restarted agent whose alarm text spoils the snapshot and the first document is read on', async (t) => {
  const text = (n: number) => (n === LAST || n === 3 ? 'a < b' : String(n));
  const { url } = await agent(t, (one) => proper(one, { instanceId: 2 }, text));
  const yielded = await collect(driverFor(url), {
    from: behind(900),
    until: (y) => y.of('gap').length === 4,
  });
  t.same(
    yielded.observations.map(({ v }) => v),
    Array.from({ length: LAST }, (_, i) => i + 1)
      .filter((n) => n !== 3 && n !== LAST)
      .map(String),
  );
  t.match(yielded.of('gap'), [
    { cause: 'agent-restart' },
    { cause: 'unreadable', count: null, exact: false },
    { cause: 'unreadable', count: 1 },
    { cause: 'unreadable', count: 1 },
  ]);
});
