import type { HttpBindings } from '@hono/node-server';
import { type Context, Hono, type MiddlewareHandler } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { explain, Fault } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Access } from './access.ts';
import { type ApiParts, apiRoutes } from './api-routes.ts';
import { readBody } from './body.ts';
import type { Metrics } from './metrics/metrics.ts';
import { isOfAnotherSite, namesThisComputer } from './origin.ts';
import { login } from './queries.ts';
import { Refusal } from './refusal.ts';
import { SESSION_MS } from './sessions.ts';
import type { StaticFiles } from './static-files.ts';

type Env = { Bindings: HttpBindings };

/** A fault of the gateway's disk most often heals within seconds. */
const FAULT_RETRY_MS = 5000;
const METRICS_TYPE = 'text/plain; version=0.0.4; charset=utf-8';

export interface AppParts extends ApiParts {
  readonly access: Access;
  readonly metrics: Metrics;
  readonly page: StaticFiles;
  readonly log: Log;
}

/**
 * Everything that can be asked, and of whom: first what is open to all (the page's own files, health, logging in), then what
 * wants the token.
 */
export function buildApp(parts: AppParts): Hono<Env> {
  const { access, metrics, page, view, log } = parts;
  const app = new Hono<Env>();
  app.notFound(() => {
    throw new Refusal(404, 'there is nothing here');
  });
  app.onError((error, c) => answerError(error, c, log));

  app.use(ofThisComputer(access));
  app.get('/healthz', (c) => c.json(view.health, view.health.healthy ? 200 : 503));
  app.get('/readyz', (c) => c.json({ ready: view.ready }, view.ready ? 200 : 503));

  app.use('/api/*', ofThisSite);
  app.post('/api/session', async (c) => {
    const { token } = await readBody(c.env.incoming, login);
    sendCookie(c, access.login(token, addressOf(c)));
    return c.body(null, 204);
  });
  app.delete('/api/session', (c) => {
    const session = getCookie(c, cookieName(c));
    if (session !== undefined) access.logout(session);
    deleteCookie(c, cookieName(c), { path: '/' });
    return c.body(null, 204);
  });
  app.use('/api/*', withToken(access));
  app.route('/api', apiRoutes(parts));

  app.get('/metrics', ofThisSite, withToken(access), async (c) =>
    c.body(await metrics.text(), 200, { 'content-type': METRICS_TYPE }),
  );
  app.get('*', (c) => pageFile(c, page));
  return app;
}

/** Where no token keeps strangers out, a page must have been opened by an address of this computer. */
function ofThisComputer(access: Access): MiddlewareHandler<Env> {
  return async (c, next) => {
    if (!access.isGuarded && !namesThisComputer(c.req.header('host'))) {
      throw new Refusal(403, 'without http.token this answers to localhost only: open http://localhost');
    }
    await next();
  };
}

const ofThisSite: MiddlewareHandler<Env> = async (c, next) => {
  const header = (name: string) => c.req.header(name);
  const provenance = { host: header('host'), origin: header('origin'), site: header('sec-fetch-site') };
  if (isOfAnotherSite({ method: c.req.method, ...provenance })) {
    throw new Refusal(403, 'a page of another site asks for this: only the status page itself may');
  }
  await next();
};

function withToken(access: Access): MiddlewareHandler<Env> {
  return async (c, next) => {
    const session = getCookie(c, cookieName(c));
    const passed = access.pass({ authorization: c.req.header('authorization'), session }, addressOf(c));
    if (passed === 'renew' && session !== undefined) sendCookie(c, session);
    await next();
  };
}

/** Browsers keep the cookies of a host for all its ports; two gateways behind tunnels are both localhost. */
function cookieName(c: Context<Env>): string {
  const [, port = '80'] = /:(\d+)$/.exec(c.req.header('host') ?? '') ?? [];
  return `edge_gateway_${port}`;
}

/** The gateway speaks no TLS, so the cookie cannot ask for it (`Secure`). */
function sendCookie(c: Context<Env>, session: string): void {
  setCookie(c, cookieName(c), session, { path: '/', httpOnly: true, sameSite: 'Strict', maxAge: SESSION_MS / 1000 });
}

async function pageFile(c: Context<Env>, page: StaticFiles): Promise<Response> {
  const file = await page.get(c.req.path, c.req.header('accept-encoding'));
  if (file === undefined) return c.notFound();
  c.header('etag', file.etag);
  c.header('vary', 'accept-encoding');
  c.header('cache-control', 'no-cache');
  if (c.req.header('if-none-match')?.includes(file.etag)) return c.body(null, 304);
  c.header('content-type', file.type);
  if (file.encoding !== undefined) c.header('content-encoding', file.encoding);
  return c.body(file.body);
}

/** Logs what is ours, once. */
function answerError(error: Error, c: Context<Env>, log: Log): Response {
  const refusal = error instanceof Refusal ? error : refusalOf(error, c, log);
  if (refusal.retryAfter !== undefined) c.header('retry-after', String(Math.ceil(refusal.retryAfter / 1000)));
  if (refusal.status === 401) c.header('www-authenticate', 'Bearer');
  return c.json({ error: refusal.message }, refusal.status);
}

function refusalOf(error: Error, c: Context<Env>, log: Log): Refusal {
  if (error instanceof Fault) return new Refusal(503, explain(error), FAULT_RETRY_MS);
  log.error({ err: error }, `${c.req.method} ${c.req.path}`);
  return new Refusal(503, 'the gateway failed to answer: its log tells why', FAULT_RETRY_MS);
}

function addressOf(c: Context<Env>): string {
  return c.env.incoming.socket.remoteAddress ?? '';
}
