import t from 'tap';
import { Fault } from '../../src/errors.ts';
import { HttpServer } from '../../src/http/server.ts';
import { testLog } from '../support/forwarding.ts';
import { PlainView, serving, TOKEN } from './support.ts';

const FROM = 1_763_630_000_000;
const RANGE = `from=${FROM}&to=${FROM + 3_600_000}`;

t.test('tells how the gateway is', async (t) => {
  const { get, view } = await serving(t);
  const { status, headers, body } = await get('/api/state');
  t.equal(status, 200);
  t.match(headers, { 'content-type': /^application\/json/, 'cache-control': 'no-store' });
  t.strictSame(JSON.parse(body), JSON.parse(JSON.stringify(await view.state())));
});

t.test('the state is made once however many ask for it', async (t) => {
  const { get, view } = await serving(t);
  await Promise.all(['/api/state', '/api/state', '/metrics', '/api/state'].map((path) => get(path)));
  t.equal(view.asked, 1);
});

t.test('health is told to everybody, and is what the gateway judges', async (t) => {
  const { get, view } = await serving(t, { token: TOKEN });
  view.health = {
    healthy: false,
    stages: [{ stage: 'outbox', state: 'stalled', stalledFor: 90_000, restarts: 0 }],
    processRestarts: 0,
  };
  // The outbox does not answer, and that is what is to be told.
  view.stall = new Promise(() => undefined);
  const { status, body } = await get('/healthz');
  t.equal(status, 503);
  t.strictSame(JSON.parse(body), view.health);
  t.equal((await get('/readyz')).status, 200);
  view.ready = false;
  t.equal((await get('/readyz')).status, 503);
});

t.test('a healthy gateway answers 200', async (t) => {
  const { get } = await serving(t);
  t.equal((await get('/healthz')).status, 200);
});

t.test('a machine is told in full, and one that is not there is not found', async (t) => {
  const { get } = await serving(t);
  t.match(JSON.parse((await get('/api/machines/vmc-3')).body), { id: 'vmc-3', values: [{ name: 'rpm' }, {}] });
  for (const path of ['', '/history', '/timeline'].map((more) => `/api/machines/nobody${more}?signal=a&${RANGE}`)) {
    const { status, body } = await get(path);
    t.equal(status, 404, path);
    t.strictSame(JSON.parse(body), { error: 'there is no machine nobody' });
  }
});

t.test('history and timeline are asked for as the query says', async (t) => {
  const { get, view } = await serving(t);
  const history = await get(`/api/machines/vmc-3/history?signal=rpm&signal=a%20b&points=100&${RANGE}`);
  t.match(JSON.parse(history.body), { source: 'raw' });
  await get(`/api/machines/vmc-3/history?signal=rpm&from=${FROM}.25&to=${FROM + 3_600_000}.75`);
  const range = { from: FROM, to: FROM + 3_600_000 };
  t.strictSame(view.histories, [
    { machine: 'vmc-3', signals: ['rpm', 'a b'], ...range, points: 100 },
    { machine: 'vmc-3', signals: ['rpm'], ...range, points: 500 },
  ]);
  t.strictSame(JSON.parse((await get(`/api/machines/vmc-3/timeline?${RANGE}`)).body), { ...range, segments: [] });
});

t.test('a query that makes no sense is told in one sentence', async (t) => {
  const { get } = await serving(t);
  const many = Array.from({ length: 21 }, (_, n) => `signal=s${n}`).join('&');
  const cases: [query: string, told: RegExp][] = [
    ['', /^from: expected milliseconds since the epoch$/],
    [`signal=a&from=x&to=${FROM}`, /^from: expected milliseconds/],
    [`signal=a&from=-1&to=${FROM}`, /^from: expected milliseconds/],
    [`signal=a&from=${FROM}&to=1e99`, /^to: expected milliseconds/],
    [`signal=a&from=${FROM}&to=${FROM}`, /^to: expected a time after from$/],
    [RANGE, /^signals: expected \?signal=NAME$/],
    [`${many}&${RANGE}`, /^signals: expected at most 20 signals$/],
    [`signal=a&points=0&${RANGE}`, /^points: expected 1 to 2000$/],
    [`signal=a&points=1e9&${RANGE}`, /^points: expected a number/],
    [`signal=${'a'.repeat(600)}&${RANGE}`, /^signals\.0: /],
  ];
  for (const [query, told] of cases) {
    const { status, body } = await get(`/api/machines/vmc-3/history?${query}`);
    t.equal(status, 400, query);
    t.match(JSON.parse(body).error, told, query);
  }
});

t.test('only so many read history at once', async (t) => {
  const { get, view } = await serving(t);
  const { promise, resolve } = Promise.withResolvers<void>();
  view.stall = promise;
  const answers = Array.from({ length: 9 }, () => get(`/api/machines/vmc-3/history?signal=rpm&${RANGE}`));
  const { status, headers } = await Promise.race(answers);
  t.equal(status, 503);
  t.ok(headers['retry-after']);
  resolve();
  const statuses = (await Promise.all(answers)).map((answer) => answer.status).sort();
  t.strictSame(statuses, [...Array(8).fill(200), 503]);
});

t.test('an alert is acknowledged by who says so', async (t) => {
  const { send, view } = await serving(t);
  const acknowledge = (body: unknown) => send('POST', '/api/acknowledge', body);
  t.equal((await acknowledge({ machine: 'vmc-3', rule: 'hot', by: ' Ana ' })).status, 204);
  t.strictSame(view.acknowledged, ['Ana']);
  const unknown = await acknowledge({ machine: 'vmc-3', rule: 'cold', by: 'Ana' });
  t.equal(unknown.status, 404);
  t.match(JSON.parse(unknown.body).error, /vmc-3 has no open alert of the rule cold/);
  for (const body of [
    {},
    [],
    'null',
    '{"machine":',
    { machine: 'vmc-3', rule: 'hot' },
    { machine: 'vmc-3', rule: 'hot', by: '  ' },
    { machine: 'vmc-3', rule: 'hot', by: 'a'.repeat(101) },
    { machine: 'vmc-3', rule: 'hot', by: 'a\u0000b' },
    { machine: ['vmc-3'], rule: 'hot', by: 'Ana' },
    { machine: 'vmc-3', rule: 'hot', by: 'Ana', more: 1 },
  ]) {
    const { status, body: answer } = await acknowledge(body);
    t.equal(status, 400, JSON.stringify(body));
    t.type(JSON.parse(answer).error, 'string');
  }
  t.strictSame(view.acknowledged, ['Ana']);
});

t.test('a gateway whose buffer cannot be read says so, and a bug is logged and not told', async (t) => {
  const { get, view, line } = await serving(t);
  view.state = () => Promise.reject(new Fault('disk', 'the disk is gone', { hint: 'look at it' }));
  const { status, body, headers } = await get('/api/state');
  t.equal(status, 503);
  t.strictSame(JSON.parse(body), { error: 'the disk is gone: look at it' });
  t.ok(headers['retry-after']);
  t.equal((await get('/healthz')).status, 200, 'what the watchdog says, and nothing else');
  view.machine = () => {
    throw new TypeError('secret internals');
  };
  const bug = await get('/api/machines/vmc-3');
  t.equal(bug.status, 503);
  t.notMatch(bug.body, /internals/);
  await line(/^error: GET \/api\/machines\/vmc-3/);
});

t.test('what cannot listen is one sentence and a fault of the config', async (t) => {
  const { port } = await serving(t);
  const { log } = testLog();
  const view = new PlainView();
  const listen = (where: string) => HttpServer.listen({ config: { listen: where }, view, log });
  await t.rejects(listen(`127.0.0.1:${port}`), {
    of: 'config',
    message: `the status page cannot listen on 127.0.0.1:${port}: another program does already`,
    hint: /another http\.listen/,
  });
  await t.rejects(listen('192.0.2.1:8080'), { of: 'config', message: /this computer has no such address/ });
});
