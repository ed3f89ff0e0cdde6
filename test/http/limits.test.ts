import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { seededRandom } from '../support/random.ts';
import { type Serving, serving } from './support.ts';

/** Waits out the limit of requests. */
async function untilLetIn(t: Test, get: Serving['get']): Promise<void> {
  for (;;) {
    const { status, headers } = await get('/api/state');
    if (status === 200) return;
    t.equal(status, 429);
    t.equal(headers['retry-after'], '1');
    await sleep(100);
  }
}

t.test('a body is at most 16 KiB, whether it says its length or not', async (t) => {
  const { send, raw, get } = await serving(t);
  const large = { machine: 'a'.repeat(20_000), rule: 'hot', by: 'x' };
  const declared = await send('POST', '/api/acknowledge', large);
  t.equal(declared.status, 413);
  t.match(JSON.parse(declared.body).error, /at most 16384 bytes/);
  const socket = await raw();
  socket.write('POST /api/acknowledge HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n');
  for (let n = 0; n < 5; n++) socket.write(`1000\r\n${'a'.repeat(4096)}\r\n`);
  t.match(String(await once(socket, 'data')), /^HTTP\/1\.1 413 /);
  const from = performance.now();
  await once(socket, 'close');
  t.ok(performance.now() - from < 2000, 'and who goes on sending is cut off');
  t.equal((await get('/readyz')).status, 200);
});

t.test('headers that are too large are refused', async (t) => {
  const { get } = await serving(t);
  t.equal((await get('/readyz', { 'x-large': 'a'.repeat(10_000) })).status, 431);
  t.equal((await get('/readyz')).status, 200);
});

t.test('who sends his headers or his body slowly is cut off', async (t) => {
  const { raw, get } = await serving(t);
  const slow = await raw();
  slow.write('GET /readyz HTTP/1.1\r\nHost: localhost\r\n');
  const body = await raw();
  body.write('POST /api/acknowledge HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{');
  const trickle = setInterval(() => {
    slow.write('X-More: 1\r\n');
    body.write(' ');
  }, 500);
  t.teardown(() => clearInterval(trickle));
  const from = performance.now();
  t.match(await text(slow), /^HTTP\/1\.1 408 /);
  t.ok(performance.now() - from < 8000, 'headers');
  t.equal((await get('/readyz')).status, 200);
  t.match(await text(body), /^HTTP\/1\.1 408 /);
  t.ok(performance.now() - from < 13_000, 'body');
});

t.test('no path leads out of the page’s own files', async (t) => {
  const { raw } = await serving(t, { pageFolder: t.testdir({ 'index.html': 'the page', '.env': 'secret' }) });
  for (const path of [
    '/../server.test.ts',
    '/../../../../etc/passwd',
    '/..%2f..%2f..%2fetc%2fpasswd',
    '/%2e%2e/%2e%2e/etc/passwd',
    '/....//....//etc/passwd',
    '/..\\..\\etc\\passwd',
    '//etc/passwd',
    '/.env',
    '/index.html%00.js',
    '/%ff%fe',
    'http://evil.example/etc/passwd',
    '/constructor',
    '/__proto__',
    '/api/machines/__proto__',
    '/api/machines/..%2f..%2fetc%2fpasswd',
    '/api/live?machine=../../etc/passwd',
  ]) {
    const socket = await raw();
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
    const answer = await text(socket);
    t.match(answer, /^HTTP\/1\.1 40[034] /, path);
    t.match(answer, /\{"error":"[^"]+"\}/, path);
    t.notMatch(answer, /root:|secret|stack| at /, path);
  }
});

t.test('methods and requests that make no sense are refused in one sentence', async (t) => {
  const { raw, send } = await serving(t);
  for (const method of ['PUT', 'PATCH', 'OPTIONS', 'DELETE', 'POST']) {
    const { status, body } = await send(method, '/api/state');
    t.equal(status, 404, method);
    t.type(JSON.parse(body).error, 'string');
  }
  for (const text of ['\0\0\0\0\r\n\r\n', 'GET / HTTP/9.9\r\n\r\n', 'GET / HTTP/1.1\r\n\r\n', '\x16\x03\x01\x02\x00']) {
    const socket = await raw();
    socket.end(text);
    t.match(String(await once(socket, 'data')), /^HTTP\/1\.1 400 /, JSON.stringify(text));
  }
});

t.test('a client that leaves before its answer costs nothing', async (t) => {
  const { raw, get, view, lines } = await serving(t);
  const { promise, resolve } = Promise.withResolvers<void>();
  view.stall = promise;
  for (const path of ['/api/state', '/metrics', '/healthz', '/api/live?machine=vmc-3']) {
    const socket = await raw();
    socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    socket.write('POST /api/acknowledge HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{');
    // Asked over another connection and answered after it: the server has read the first.
    t.equal((await get('/readyz')).status, 200);
    socket.resetAndDestroy();
  }
  resolve();
  t.equal((await get('/api/state')).status, 200);
  t.strictSame(
    lines.filter((line) => line.startsWith('error')),
    [],
  );
});

t.test('who asks again before the answer is cut off, so that answers do not pile up', async (t) => {
  const { raw, get, view } = await serving(t);
  let made = 0;
  const whole = view.machine.bind(view);
  view.machine = (id) => {
    made++;
    return whole(id);
  };
  const sockets = await Promise.all(Array.from({ length: 50 }, () => raw()));
  const closed = sockets.map((socket) => once(socket.resume(), 'close'));
  const asking = 'GET /api/machines/vmc-3 HTTP/1.1\r\nHost: localhost\r\n\r\n';
  for (const socket of sockets) socket.write(asking.repeat(20));
  await Promise.all(closed);
  t.ok(made <= 50, `${made} of 1,000 answers were made`);
  // One after the other is how browsers ask.
  const socket = (await raw()).setEncoding('utf8');
  for (let n = 0; n < 3; n++) {
    socket.write(asking);
    t.match(String(await once(socket, 'data')), /^HTTP\/1\.1 200 /);
  }
  t.equal((await get('/readyz')).status, 200);
});

t.test('a thousand pieces of garbage, some of it nearly right, change nothing', async (t) => {
  const { raw, get, view, lines } = await serving(t);
  const random = seededRandom(20_251_121);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const piece = () =>
    pick([
      () => pick(['GET', 'POST', 'HEAD', 'DELETE', 'PRI', 'get', '\xff']),
      () => pick([' ', '  ', '\t', '']),
      () => pick(['/', '/api/state', '/api/live', '/metrics', '/api/acknowledge', '*', '//', '/%', '/?a=%zz&signal=%']),
      () => pick([' HTTP/1.1\r\n', ' HTTP/1.0\r\n', ' HTTP/2\r\n', '\r\n', '\n']),
      () => pick(['Host: localhost\r\n', 'Host: a\r\nHost: b\r\n', 'Host:\r\n', 'Host: [::1\r\n', 'Cookie: =;;=\r\n']),
      () =>
        pick([
          'Content-Length: 5\r\n',
          'Content-Length: -1\r\n',
          'Transfer-Encoding: chunked\r\n',
          'Expect: 100-continue\r\n',
        ]),
      () =>
        pick([
          'Upgrade: websocket\r\nConnection: upgrade\r\n',
          'Authorization: Bearer \x00\r\n',
          'Range: bytes=0-\r\n',
        ]),
      () => pick(['\r\n', '\r\n\r\n', '{}', '5\r\nhello\r\n', 'ffffffffffffffff\r\n', '0\r\n\r\n']),
      () => String.fromCharCode(...Array.from({ length: 8 }, () => Math.floor(random() * 256))),
    ])();
  for (let n = 0; n < 1000; n++) {
    const socket = await raw();
    const nearly = n % 2 === 0 ? `${pick(['GET', 'POST'])} /api/state HTTP/1.1\r\nHost: localhost\r\n` : '';
    socket.end(Buffer.from(nearly + Array.from({ length: 1 + Math.floor(random() * 8) }, piece).join(''), 'latin1'));
    socket.resume();
    // A stream of events would not end by itself.
    if (n % 20 === 19) socket.destroy();
    else await Promise.race([once(socket, 'close'), once(socket, 'data')]);
    socket.destroy();
  }
  await untilLetIn(t, get);
  t.strictSame(view.acknowledged, []);
  t.strictSame(
    lines.filter((line) => line.startsWith('error')),
    [],
  );
});

t.test('1,000 quick requests are limited, and the server is well after', async (t) => {
  const { get, view } = await serving(t);
  const statuses = new Map<number, number>();
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      for (let n = 0; n < 50; n++) {
        const { status, headers } = await get('/api/state');
        statuses.set(status, (statuses.get(status) ?? 0) + 1);
        if (status === 429) t.match(headers['retry-after'], /^\d+$/);
      }
    }),
  );
  const answered = statuses.get(200) ?? 0;
  t.strictSame([...statuses.keys()].sort(), [200, 429]);
  t.ok(answered >= 100 && answered <= 400, `${answered} were answered`);
  t.ok(view.asked <= 10, `the state was made ${view.asked} times`);
  await untilLetIn(t, get);
});

t.test('one address cannot take all connections', async (t) => {
  const { raw, get } = await serving(t);
  const sockets = await Promise.all(Array.from({ length: 128 }, () => raw()));
  const more = await raw();
  await once(more, 'close');
  t.equal(sockets.filter(({ destroyed }) => destroyed).length, 0);
  const [first] = sockets;
  first?.destroy();
  for (;;) {
    const status = await get('/readyz').then(
      ({ status }) => status,
      () => undefined,
    );
    if (status === 200) break;
  }
  t.pass('and who closes one may open another');
});
