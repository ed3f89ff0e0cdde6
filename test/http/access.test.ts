import t from 'tap';
import { serving, TOKEN } from './support.ts';

const COOKIE = /^edge_gateway_\d+=([\w-]{43}); Max-Age=2592000; Path=\/; HttpOnly; SameSite=Strict$/;
const GUARDED = ['/api/state', '/api/live', '/api/machines/vmc-3', '/metrics', '/api/nothing'];

t.test('where there is a token, nothing is told without it', async (t) => {
  const { get, send, view } = await serving(t, { token: TOKEN });
  for (const path of GUARDED) {
    for (const authorization of ['', 'Bearer', 'Bearer ', `Basic ${TOKEN}`, TOKEN, `Bearer ${TOKEN} x`]) {
      const { status, headers, body } = await get(path, authorization === '' ? {} : { authorization });
      t.equal(status, 401, `${path} with ${authorization}`);
      t.equal(headers['www-authenticate'], 'Bearer');
      t.type(JSON.parse(body).error, 'string');
    }
  }
  t.equal((await send('POST', '/api/acknowledge', { machine: 'vmc-3', rule: 'hot', by: 'x' })).status, 401);
  t.strictSame(view.acknowledged, []);
  t.equal(view.asked, 0);
  t.equal((await get('/api/state', { host: 'gw', cookie: 'edge_gateway_80=x' })).status, 401);
});

t.test('the token lets in', async (t) => {
  const { get } = await serving(t, { token: TOKEN });
  for (const authorization of [`Bearer ${TOKEN}`, `bearer ${TOKEN}`]) {
    t.equal((await get('/api/state', { authorization })).status, 200);
    t.equal((await get('/metrics', { authorization })).status, 200);
    t.equal((await get('/api/nothing', { authorization })).status, 404);
  }
});

t.test('who logs in gets a cookie that is not the token, until he logs out', async (t) => {
  const { get, send } = await serving(t, { token: TOKEN });
  const login = await send('POST', '/api/session', { token: TOKEN });
  t.equal(login.status, 204);
  const [cookie = ''] = login.headers['set-cookie'] ?? [];
  t.match(cookie, COOKIE);
  t.notMatch(cookie, TOKEN);
  const session = { cookie: cookie.split(';')[0] ?? '' };
  t.equal((await get('/api/state', session)).status, 200);
  const logout = await send('DELETE', '/api/session', undefined, session);
  t.equal(logout.status, 204);
  t.match(logout.headers['set-cookie'], [/^edge_gateway_\d+=; Max-Age=0; Path=\//]);
  t.equal((await get('/api/state', session)).status, 401);
});

t.test('a server that was started anew knows no sessions', async (t) => {
  const host = 'gw-01.shop.example';
  const first = await serving(t, { token: TOKEN });
  const login = await first.send('POST', '/api/session', { token: TOKEN }, { host });
  const [cookie = ''] = login.headers['set-cookie'] ?? [];
  const session = { host, cookie: cookie.split(';')[0] ?? '' };
  t.equal((await first.get('/api/state', session)).status, 200);
  const second = await serving(t, { token: TOKEN });
  t.equal((await second.get('/api/state', session)).status, 401);
});

t.test('two gateways behind tunnels of one computer keep their sessions apart', async (t) => {
  const { get, send } = await serving(t, { token: TOKEN });
  const login = (host: string) => send('POST', '/api/session', { token: TOKEN }, { host });
  const cookies: string[] = [];
  for (const host of ['localhost:8081', 'localhost:8082', 'gw-01.shop.example']) {
    cookies.push(...((await login(host)).headers['set-cookie'] ?? []).map((cookie) => cookie.split(';')[0] ?? ''));
  }
  t.strictSame(
    cookies.map((cookie) => cookie.split('=')[0]),
    ['edge_gateway_8081', 'edge_gateway_8082', 'edge_gateway_80'],
  );
  t.equal((await get('/api/state', { host: 'localhost:8081', cookie: cookies.join('; ') })).status, 200);
  t.equal((await get('/api/state', { host: 'localhost:8083', cookie: cookies.join('; ') })).status, 401);
});

t.test('after ten wrong tokens not even the right one is taken, and a session goes on', async (t) => {
  const { get, send } = await serving(t, { token: TOKEN });
  const [cookie = ''] = (await send('POST', '/api/session', { token: TOKEN })).headers['set-cookie'] ?? [];
  for (let n = 0; n < 5; n++) {
    t.equal((await send('POST', '/api/session', { token: `${TOKEN}${n}` })).status, 401);
    t.equal((await get('/api/state', { authorization: `Bearer wrong-${n}` })).status, 401);
  }
  const late = await send('POST', '/api/session', { token: TOKEN });
  t.equal(late.status, 429);
  t.match(late.headers, { 'retry-after': /^[1-6]$/ });
  t.equal((await get('/api/state', { authorization: `Bearer ${TOKEN}` })).status, 429);
  t.equal((await get('/api/state', { cookie: cookie.split(';')[0] ?? '' })).status, 200);
});

t.test('where there is no token, logging in is not needed and does no harm', async (t) => {
  const { send } = await serving(t);
  t.equal((await send('POST', '/api/session', { token: 'anything' })).status, 204);
});

t.test('without a token only names of this computer are answered', async (t) => {
  const { get, send, port, view } = await serving(t);
  for (const host of [
    'evil.example',
    `evil.example:${port}`,
    '192.168.0.7',
    'localhost.evil.example',
    '127.0.0.1.evil.example',
    '[::2]',
    '127.0.0.1@evil',
    'localhost:8080:1',
  ]) {
    const { status } = await get('/api/state', { host });
    t.ok(status === 403 || status === 400, `${host}: ${status}`);
    t.ok([403, 400].includes((await get('/', { host })).status));
  }
  t.equal(view.asked, 0);
  t.equal(
    (await send('POST', '/api/acknowledge', { machine: 'vmc-3', rule: 'hot', by: 'x' }, { host: 'evil.example' }))
      .status,
    403,
  );
  for (const host of ['localhost', `LOCALHOST:${port}`, '127.0.0.1', '127.1.2.3:9000', '[::1]:8080']) {
    t.equal((await get('/api/state', { host })).status, 200, host);
  }
});

t.test('with a token the gateway has any name', async (t) => {
  const { get } = await serving(t, { token: TOKEN });
  t.equal((await get('/api/state', { host: 'gw-01.shop.example', authorization: `Bearer ${TOKEN}` })).status, 200);
});

t.test('a page of another site can neither change nor read anything', async (t) => {
  for (const token of [undefined, TOKEN]) {
    const { get, send, view } = await serving(t, token === undefined ? {} : { token });
    const known = token === undefined ? {} : { authorization: `Bearer ${token}` };
    const host = 'localhost:8080';
    const acknowledge = (more: Record<string, string>) =>
      send('POST', '/api/acknowledge', { machine: 'vmc-3', rule: 'hot', by: 'x' }, { ...known, host, ...more });
    for (const headers of [
      { origin: 'http://evil.example' },
      { origin: 'null' },
      { origin: 'http://localhost' },
      { origin: 'http://localhost:80801' },
      { origin: 'http://localhost:8080', 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'cross-site' },
      { 'sec-fetch-site': 'same-site' },
    ]) {
      t.equal((await acknowledge(headers)).status, 403, JSON.stringify(headers));
    }
    const others = { ...known, host, 'sec-fetch-site': 'cross-site' };
    for (const path of ['/api/state', '/api/live', '/metrics']) t.equal((await get(path, others)).status, 403, path);
    t.equal(
      (await send('POST', '/api/session', { token: TOKEN }, { host, origin: 'http://evil.example' })).status,
      403,
    );
    t.equal((await send('DELETE', '/api/session', undefined, { host, origin: 'http://evil.example' })).status, 403);
    t.strictSame(view.acknowledged, []);
    t.equal(view.asked, 0);
    t.equal((await acknowledge({ origin: 'http://localhost:8080', 'sec-fetch-site': 'same-origin' })).status, 204);
    t.equal((await acknowledge({ origin: 'http://localhost:8080' })).status, 204);
    t.equal((await acknowledge({})).status, 204, 'what is no browser sends neither');
  }
});
