import type { ClientSession, OPCUAClient } from 'node-opcua-client';
import { untilAborted, within } from '../../abort.ts';
import { ServiceError, statusOf } from './service-error.ts';

/** A server that hangs must not hold up a stop. */
const CLOSE_MS = 700;
/** CloseSecureChannel has no answer; node-opcua waits 100 ms for it to leave. */
const DISCONNECT_MS = 200;

/** The part of node-opcua's requests that is filled in here. */
interface Request {
  readonly requestHeader: { timeoutHint: number };
}

/** Raw transactions: no repair of the session behind our back. */
interface RawSession {
  _performMessageTransaction(request: Request, callback: (error: Error | null, response?: unknown) => void): void;
  performMessageTransaction(request: Request, callback: (error: Error | null, response?: unknown) => void): void;
}

/**
 * An activated session on a secure channel of its own. node-opcua would create a session anew by itself when the server
 * says that it is gone; here requests fail, and the driver alone decides how to recover.
 */
export class Link {
  readonly client: OPCUAClient;
  readonly session: ClientSession;
  /** Called with each good answer of the server. */
  heard: () => void = () => undefined;
  readonly #requestTimeout: number;
  readonly #lost = new AbortController();
  readonly #signal: AbortSignal;
  readonly #abort = () => this.#lost.abort(this.#signal.reason);

  constructor(client: OPCUAClient, session: ClientSession, requestTimeout: number, signal: AbortSignal) {
    this.client = client;
    this.session = session;
    this.#requestTimeout = requestTimeout;
    const raw = session as unknown as RawSession;
    raw.performMessageTransaction = (request, callback) => raw._performMessageTransaction(request, callback);
    this.#signal = signal;
    signal.addEventListener('abort', this.#abort, { once: true });
    const lose = () => this.#lost.abort(new Error('the server broke the connection (ECONNRESET)'));
    client.on('connection_lost', lose);
    client.on('close', lose);
  }

  /**
   * Aborts when the connection is lost, or with the abort reason. No promise: each race with one that lives as long as the
   * link would keep its result as long.
   */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  /**
   * One request and its response. `timeout` is in milliseconds; the server is told it.
   * @throws ServiceError when the server answers with a bad status; Error when there is no answer; the abort reason
   */
  async request<Response>(request: Request & object, timeout = this.#requestTimeout): Promise<Response> {
    const name = request.constructor.name.replace(/Request$/, '');
    const { promise, resolve, reject } = Promise.withResolvers<Response>();
    const timer = setTimeout(() => reject(new Error(`${name} timed out after ${timeout} ms`)), timeout);
    request.requestHeader.timeoutHint = timeout;
    try {
      (this.session as unknown as RawSession)._performMessageTransaction(request, (error, response) => {
        if (error !== null) return reject(asServiceError(error, name));
        this.heard();
        resolve(response as Response);
      });
      return await untilAborted(promise, this.lost);
    } finally {
      clearTimeout(timer);
      promise.catch(() => undefined);
    }
  }

  /** Ends the session with its subscriptions, then the channel; in less than a second, whatever the server does. */
  async end(): Promise<void> {
    await within(
      CLOSE_MS,
      this.session.close(true).catch(() => undefined),
    );
    await this.leave();
  }

  /** Closes the channel; the session stays at the server, to be activated again. */
  async leave(): Promise<void> {
    this.#signal.removeEventListener('abort', this.#abort);
    await disconnect(this.client);
  }
}

/** Closes a channel, or whatever there is of it yet. Never rejects. */
export async function disconnect(client: OPCUAClient): Promise<void> {
  await within(
    DISCONNECT_MS,
    client.disconnect().catch(() => undefined),
  );
}

function asServiceError(error: Error, name: string): Error {
  const status = (error as { response?: unknown }).response === undefined ? undefined : statusOf(error);
  return status === undefined ? error : new ServiceError(status, name, error);
}
