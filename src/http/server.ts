import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getRequestListener } from '@hono/node-server';
import { within } from '../abort.ts';
import { listenAddress } from '../config/http.ts';
import type { HttpConfig } from '../config/schema.ts';
import { codeOf, Fault, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { Access } from './access.ts';
import { buildApp } from './app.ts';
import { connectionGate, requestGate } from './gate.ts';
import { Live } from './live.ts';
import { Metrics } from './metrics/metrics.ts';
import { SharedState } from './shared-state.ts';
import { PAGE_FOLDER, StaticFiles } from './static-files.ts';
import type { GatewayView } from './view.ts';

/** Bounds on what strangers may take, beside those of gate.ts and of viewers (live.ts). */
const MAX_CONNECTIONS = 256;
const LIMITS = {
  maxHeaderSize: 8192,
  headersTimeout: 5000,
  requestTimeout: 10_000,
  keepAliveTimeout: 5000,
  /** How often the two above are looked after. */
  connectionsCheckingInterval: 1000,
};
const MAX_HEADERS = 64;
/** A connection on which nothing moves is closed, whatever it waits for. */
const IDLE_MS = 30_000;
/** How long answers under way may take at a stop. */
const STOP_MS = 300;

/** Sent with every answer. The page may load nothing but its own files, and nobody may frame it. */
const HEADERS = new Map([
  [
    'content-security-policy',
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; manifest-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  ],
  ['x-content-type-options', 'nosniff'],
  ['x-frame-options', 'DENY'],
  ['referrer-policy', 'same-origin'],
  ['cross-origin-resource-policy', 'same-origin'],
  ['cache-control', 'no-store'],
]);

export interface HttpServerOptions {
  readonly config: HttpConfig;
  readonly view: GatewayView;
  readonly log: Log;
  /** Where the page's files are; default: where they are built. */
  readonly pageFolder?: string;
}

/** The status page, its data, health and metrics. Nothing that is asked here can take the gateway down or grow it without bound. */
export class HttpServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #live: Live;
  readonly #metrics: Metrics;

  private constructor(server: Server, live: Live, metrics: Metrics) {
    this.#server = server;
    this.#live = live;
    this.#metrics = metrics;
  }

  /** @throws Fault of the config when it cannot listen */
  static async listen({ config, view, log, pageFolder = PAGE_FOLDER }: HttpServerOptions): Promise<HttpServer> {
    const state = new SharedState(view);
    const live = new Live(state, view, log);
    const metrics = new Metrics(state, view, log);
    const access = new Access(config.token);
    const app = buildApp({ view, state, live, metrics, access, page: new StaticFiles(pageFolder), log });
    const listener = getRequestListener(app.fetch, { overrideGlobalObjects: false, errorHandler: unreadable });
    const mayAsk = requestGate();
    const server = createServer(LIMITS, (incoming, outgoing) => {
      outgoing.setHeaders(HEADERS);
      if (!mayAsk(incoming.socket, outgoing)) return;
      listener(incoming, outgoing).catch((error: unknown) => {
        log.error({ err: error }, 'an answer could not be sent');
        outgoing.destroy();
      });
    });
    server.maxConnections = MAX_CONNECTIONS;
    server.maxHeadersCount = MAX_HEADERS;
    server.setTimeout(IDLE_MS);
    server.on('connection', connectionGate());
    await listen(server, config.listen);
    server.on('error', (error) => log.warn(`the status page: ${messageOf(error)}`));
    const http = new HttpServer(server, live, metrics);
    log.info(`the status page is at http://${config.listen.replace(/:\d+$/, '')}:${http.port}`);
    return http;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Ends all connections; within half a second. */
  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#live[Symbol.dispose]();
    this.#metrics[Symbol.dispose]();
    this.#server.closeIdleConnections();
    await within(STOP_MS, closed);
    this.#server.closeAllConnections();
    await closed;
  }
}

async function listen(server: Server, where: string): Promise<void> {
  const address = listenAddress(where);
  if (address === undefined) throw new Fault('config', 'http.listen is off');
  try {
    server.listen(address);
    await once(server, 'listening');
  } catch (error) {
    throw new Fault('config', `the status page cannot listen on ${where}: ${reasonOf(error)}`, {
      hint: 'choose another http.listen, or off',
      cause: error,
    });
  }
}

function reasonOf(error: unknown): string {
  switch (codeOf(error)) {
    case 'EADDRINUSE':
      return 'another program does already';
    case 'EACCES':
      return 'ports below 1024 are not allowed';
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return 'this computer has no such address';
    default:
      return messageOf(error);
  }
}

/** Of a request whose address makes no sense. */
function unreadable(): Response {
  return Response.json({ error: 'this request cannot be understood' }, { status: 400 });
}
