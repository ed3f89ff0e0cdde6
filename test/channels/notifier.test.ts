import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import t, { type Test } from 'tap';
import type { AlertNotice } from '../../src/channels/channel.ts';
import { Notifier } from '../../src/channels/notifier.ts';
import { type ChannelConfig, channelSchema } from '../../src/config/channels.ts';
import { Secret } from '../../src/config/secrets.ts';
import { openOutbox } from '../../src/outbox/client.ts';
import type { LocalOutbox } from '../../src/outbox/local.ts';
import { batch, ROOMY, recordingLog } from '../outbox/support.ts';

const PYTHON = '/usr/bin/python3';
const hasSmtp = spawnSync(PYTHON, ['-c', 'import aiosmtpd']).status === 0;
const noSmtp = hasSmtp || process.env['REQUIRE_MODBUS_PEERS'] === '1' ? false : 'no aiosmtpd';

const T = 1_763_640_000_000;

function notice(id: number, more: Partial<AlertNotice['alert']> = {}): AlertNotice {
  const alert = {
    id: `a${id}`,
    rule: 'rpm_high',
    state: 'firing',
    severity: 'warning',
    t: T + id,
    since: T,
    values: { rpm: 5200 + id },
    ...more,
  };
  return { tenant: 'acme', gateway: 'gw-1', machine: 'vmc-3', labels: { line: '2' }, alert };
}

interface Post {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Record<string, unknown>;
}

/** An HTTP server that keeps what is posted and answers as the test wants. */
async function receiver(t: Test, answer: (post: Post, count: number) => { status: number; headers?: object } | 'hang') {
  const posts: Post[] = [];
  const waiting: { count: number; resolve: () => void }[] = [];
  const server = createServer(async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const post = {
      path: request.url ?? '',
      headers: request.headers,
      body: JSON.parse(Buffer.concat(chunks).toString()),
    };
    posts.push(post);
    const said = answer(post, posts.length);
    if (said !== 'hang') response.writeHead(said.status, { ...said.headers }).end('as you say');
    for (const { count, resolve } of waiting) if (posts.length >= count) resolve();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const received = (count: number) =>
    new Promise<void>((resolve) => {
      if (posts.length >= count) resolve();
      else waiting.push({ count, resolve });
    });
  return { url, posts, received };
}

const config = (of: object): ChannelConfig => channelSchema.parse(of);

/** A notifier at work on a real outbox. */
async function notifying(t: Test, channels: Record<string, ChannelConfig>, dataDir = t.testdir()) {
  const { log, lines, logged } = recordingLog();
  const clock = { now: () => Date.now() };
  const outbox = await openOutbox({ dataDir, budget: ROOMY, log, clock });
  const stop = new AbortController();
  const notifier = new Notifier({
    queue: outbox,
    channels: new Map(Object.entries(channels)),
    log,
    steady: clock,
    retry: { min: 20, max: 40 },
  });
  const running = notifier.run(stop.signal);
  const end = async () => {
    stop.abort();
    await running;
    await outbox.close();
  };
  t.teardown(end);
  const tell = async (channel: string, ...notices: AlertNotice[]) => {
    await outbox.append({
      batches: [batch()],
      notices: notices.map((one) => ({ channel, body: JSON.stringify(one) })),
    });
    notifier.wake();
  };
  return { outbox, lines, logged, tell, end };
}

async function isEmpty(outbox: LocalOutbox, channel: string): Promise<boolean> {
  for (let i = 0; i < 200; i++) {
    if ((await outbox.notices(channel, 1)).length === 0) return true;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  return false;
}

t.test('webhook, Slack and Telegram get what they understand', async (t) => {
  const { url, posts, received } = await receiver(t, () => ({ status: 200 }));
  const channels = {
    hook: { ...config({ type: 'webhook', url: `${url}/hook` }), token: new Secret('x', 'top') } as ChannelConfig,
    slack: {
      ...config({ type: 'slack', webhook: '${env:S}' }),
      webhook: new Secret('x', `${url}/slack`),
    } as ChannelConfig,
    telegram: {
      ...config({
        type: 'telegram',
        token: '${env:T}',
        chat: -100,
        api: url,
        template: '{{ machine }} <{{ labels.line }}>',
      }),
      token: new Secret('x', '12:ab'),
    } as ChannelConfig,
  };
  const { outbox, tell } = await notifying(t, channels);
  for (const name of Object.keys(channels)) await tell(name, notice(1));
  await received(3);
  const of = (path: string) => posts.find((post) => post.path === path);
  const hook = of('/hook');
  t.match(hook?.headers, { authorization: 'Bearer top', 'idempotency-key': /^[0-9a-f]{32}$/ });
  t.match(hook?.body, { machine: 'vmc-3', tenant: 'acme', alert: { rule: 'rpm_high', values: { rpm: 5201 } } });
  t.same(of('/slack')?.body, {
    text: 'rpm_high firing on vmc-3 (warning) [rpm = 5201], since 2025-11-20T12:00:00.000Z',
  });
  t.same(of('/bot12:ab/sendMessage')?.body, { chat_id: -100, text: 'vmc-3 <2>' });
  for (const name of Object.keys(channels)) t.ok(await isEmpty(outbox, name));
});

t.test('a channel that fails is tried again with the same key, and delays no other', async (t) => {
  const bad = await receiver(t, (_, count) => ({ status: count <= 3 ? 503 : 200 }));
  const good = await receiver(t, () => ({ status: 200 }));
  const dead = createTcpServer().listen(0, '127.0.0.1');
  await once(dead, 'listening');
  const port = (dead.address() as AddressInfo).port;
  await new Promise((resolve) => dead.close(resolve));
  const { tell, lines, outbox } = await notifying(t, {
    bad: config({ type: 'webhook', url: bad.url }),
    dead: config({ type: 'webhook', url: `http://127.0.0.1:${port}` }),
    good: config({ type: 'webhook', url: good.url }),
  });
  for (const name of ['dead', 'bad', 'good']) await tell(name, notice(1), notice(2));
  await Promise.all([good.received(2), bad.received(5)]);
  t.same(
    good.posts.map(({ body }) => (body['alert'] as { id: string }).id),
    ['a1', 'a2'],
  );
  const keys = bad.posts.map(({ headers }) => headers['idempotency-key']);
  t.equal(new Set(keys).size, 2);
  t.ok(await isEmpty(outbox, 'bad'));
  t.equal((await outbox.notices('dead', 10)).length, 2, 'what is not told waits');
  t.match(
    lines.filter((line) => line.startsWith('warn')).sort(),
    [/cannot be told.*HTTP 503: as you say/, /cannot be told.*fetch failed: .*ECONNREFUSED/],
    'one line for each',
  );
});

t.test('a receiver that hangs is left after the time-out, and a stop does not wait for it', async (t) => {
  const { url, posts, received } = await receiver(t, () => 'hang');
  const { tell, logged, end } = await notifying(t, { hook: config({ type: 'webhook', url, timeout: '100ms' }) });
  await tell('hook', notice(1));
  await logged('cannot be told');
  await received(2);
  t.equal(posts[0]?.headers['idempotency-key'], posts[1]?.headers['idempotency-key']);
  const begun = performance.now();
  await end();
  t.ok(performance.now() - begun < 2000);
});

t.test('what was not told before a stop is told after the next start, and secrets stay out of the log', async (t) => {
  const dataDir = t.testdir();
  const refusing = await receiver(t, () => ({ status: 403 }));
  const slack = (url: string) =>
    ({ ...config({ type: 'slack', webhook: '${env:S}' }), webhook: new Secret('x', url) }) as ChannelConfig;
  const first = await notifying(t, { slack: slack(`${refusing.url}/T0/secret`) }, dataDir);
  await first.tell('slack', notice(7));
  await first.logged('cannot be told');
  await first.end();
  t.notOk(first.lines.some((line) => line.includes('secret')));
  const { url, posts, received } = await receiver(t, () => ({ status: 200 }));
  await notifying(t, { slack: slack(url) }, dataDir);
  await received(1);
  t.match(posts[0]?.body, { text: /rpm = 5207/ });
});

t.test('messages of a channel that the config has no longer are given up, and told', async (t) => {
  const dataDir = t.testdir();
  const first = await notifying(t, {}, dataDir);
  await first.tell('old', notice(1), notice(2));
  await first.end();
  const second = await notifying(t, {}, dataDir);
  await second.logged('2 messages for the channel old are given up');
  t.ok(await isEmpty(second.outbox, 'old'));
});

t.test('more than the hourly rate waits', async (t) => {
  const { url, posts, received } = await receiver(t, () => ({ status: 200 }));
  const { tell, outbox } = await notifying(t, { hook: config({ type: 'webhook', url, perHour: 4 }) });
  await tell('hook', ...Array.from({ length: 7 }, (_, i) => notice(i)));
  await received(4);
  t.equal(posts.length, 4);
  t.ok((await outbox.notices('hook', 10)).length >= 3);
});

t.test('what is over is not told where the channel does not want it; a template that fails still tells', async (t) => {
  const { url, posts, received } = await receiver(t, () => ({ status: 200 }));
  const quiet = config({ type: 'webhook', url: `${url}/quiet`, resolved: false });
  const odd = config({ type: 'webhook', url: `${url}/odd`, template: '{{ machine | nosuch }}{% include "x" %}' });
  const { tell, outbox } = await notifying(t, { quiet, odd });
  await tell('quiet', notice(1, { state: 'resolved' }), notice(2));
  await tell('odd', notice(3));
  await received(2);
  t.ok(await isEmpty(outbox, 'quiet'));
  t.match(posts.find(({ path }) => path === '/quiet')?.body, { alert: { id: 'a2' } });
  t.match(posts.find(({ path }) => path === '/odd')?.body, { text: /rpm_high firing on vmc-3 .*template fails/ });
});

t.test(
  'e-mail goes out by a server that is not ours, also when that refuses for a while',
  { skip: noSmtp },
  async (t) => {
    const free = createTcpServer().listen(0, '127.0.0.1');
    await once(free, 'listening');
    const port = (free.address() as AddressInfo).port;
    await new Promise((resolve) => free.close(resolve));
    const child = spawn(PYTHON, [join(import.meta.dirname, '../support/smtp-server.py'), '1', `${port}`], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    t.teardown(() => child.kill());
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    await lines.next();
    const to = ['shift@example.com', 'boss@example.com'];
    const { tell, logged } = await notifying(t, {
      mail: config({ type: 'email', server: `smtp://127.0.0.1:${port}`, from: 'Gateway <gw@example.com>', to }),
    });
    await tell('mail', notice(1));
    await logged('451 try again later');
    const mail = JSON.parse((await lines.next()).value ?? '{}');
    t.match(mail, { from: 'gw@example.com', to });
    t.match(mail.text, /^Subject: rpm_high firing: vmc-3\r$/m);
    t.match(mail.text, /^Message-ID: <[0-9a-f]{32}@gw-1>\r$/m);
    t.match(mail.text, /rpm_high firing on vmc-3 \(warning\) \[rpm =3D? ?5201\]/);
  },
);
