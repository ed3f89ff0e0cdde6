import { once } from 'node:events';
import { request as httpRequest, type IncomingHttpHeaders, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Fault } from '../../errors.ts';
import { networkFault } from './network-fault.ts';

export interface GetOptions {
  readonly signal: AbortSignal;
  /** Milliseconds until the head of the answer must be there. */
  readonly timeout: number;
  /** PEM text of a CA of one's own, for https. */
  readonly ca?: string | undefined;
  /** Something has come. */
  readonly heard?: (() => void) | undefined;
}

/**
 * An answer whose body is read piece by piece. While nobody reads, the socket is paused and what the peer sends piles
 * up at the peer. The owner closes it.
 */
export class HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly #message: IncomingMessage;
  readonly #chunks: AsyncIterator<Buffer>;
  readonly #url: URL;
  readonly #signal: AbortSignal;
  readonly #heard: (() => void) | undefined;

  constructor(message: IncomingMessage, url: URL, { signal, heard }: Pick<GetOptions, 'signal' | 'heard'>) {
    this.status = message.statusCode ?? 0;
    this.headers = message.headers;
    this.#message = message;
    this.#chunks = message[Symbol.asyncIterator]();
    this.#url = url;
    this.#signal = signal;
    this.#heard = heard;
  }

  /**
   * The next piece, or undefined at the end.
   * @throws Fault of the machine after `timeout` milliseconds of silence or when the link breaks; the abort reason
   */
  async read(timeout: number): Promise<Buffer | undefined> {
    const timer = setTimeout(() => this.#message.destroy(silence(this.#url, timeout)), timeout);
    try {
      const { value, done } = await this.#chunks.next();
      this.#heard?.();
      return done === true ? undefined : value;
    } catch (error) {
      this.#signal.throwIfAborted();
      throw networkFault(error, this.#url);
    } finally {
      clearTimeout(timer);
    }
  }

  /**
   * The whole body.
   * @param timeout milliseconds of silence, as in `read`
   * @param within milliseconds for all of it
   * @throws Fault of the machine, as `read`; also where it has more than `maxBytes` or takes longer than `within`
   */
  async readAll(timeout: number, within: number, maxBytes: number): Promise<Buffer> {
    const chunks: Buffer[] = [];
    const begun = performance.now();
    let size = 0;
    for (;;) {
      const chunk = await this.read(timeout);
      if (chunk === undefined) return Buffer.concat(chunks, size);
      chunks.push(chunk);
      size += chunk.length;
      if (size > maxBytes) {
        throw new Fault('machine', `${this.#url} sent a document above the cap of ${maxBytes} bytes`, {
          hint: 'lower `count`, or raise `maxDocument` of this machine',
        });
      }
      if (performance.now() - begun > within) throw trickle(this.#url, within);
    }
  }

  /** Drops the connection. Idempotent. */
  close(): void {
    // Destroying makes the message tell an error that nobody waits for any more.
    this.#message.on('error', () => undefined);
    this.#message.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}

/**
 * Sends a GET on a connection of its own and resolves with the head of the answer, whatever its status.
 * @throws Fault of the machine that names the URL and what to do; the abort reason when `signal` aborts
 */
export async function get(url: URL, { signal, timeout, ca, heard }: GetOptions): Promise<HttpAnswer> {
  signal.throwIfAborted();
  // A connection for each request: an idle one that the agent has just closed would look like a fault of the machine.
  const options = { agent: false, signal, headers: { accept: 'text/xml, application/xml, multipart/*' } } as const;
  const request =
    url.protocol === 'https:'
      ? httpsRequest(url, ca === undefined ? options : { ...options, ca })
      : httpRequest(url, options);
  const timer = setTimeout(() => request.destroy(silence(url, timeout)), timeout);
  try {
    request.end();
    const [message] = (await once(request, 'response')) as [IncomingMessage];
    request.on('error', () => undefined);
    return new HttpAnswer(message, url, { signal, heard });
  } catch (error) {
    request.on('error', () => undefined);
    request.destroy();
    signal.throwIfAborted();
    throw networkFault(error, url);
  } finally {
    clearTimeout(timer);
  }
}

function silence(url: URL, timeout: number): Fault {
  return new Fault('machine', `${url} was silent for ${timeout / 1000} s`, {
    hint: 'check that the machine is on and the network between',
  });
}

/** A sender that is too slow to be of use. */
export function trickle(url: URL, within: number): Fault {
  return new Fault('machine', `${url} did not complete a document within ${within / 1000} s`, {
    hint: 'the link or the agent is too slow: lower `count`',
  });
}
