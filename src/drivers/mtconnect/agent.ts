import { Fault } from '../../errors.ts';
import {
  type DevicesDocument,
  type ErrorDocument,
  type MtconnectDocument,
  parseDocument,
  type StreamsDocument,
} from './document.ts';
import { get, type HttpAnswer, trickle } from './http.ts';
import { boundaryOf, MultipartSplitter } from './multipart.ts';

/** A document or part that takes longer from its first to its last byte counts as a hang. */
const DOCUMENT_TIME_MS = 60_000;
/** Heartbeats without a byte after which a stream counts as dead. */
export const SILENT_HEARTBEATS = 2.5;

export interface AgentOptions {
  /** Of the agent, without a request. */
  readonly url: string;
  /** Milliseconds without a byte after which a request has failed. */
  readonly requestTimeout: number;
  /** Bytes. */
  readonly maxDocument: number;
  /** PEM text of a CA of one's own. */
  readonly ca?: string | undefined;
  /** The agent has said something, be it a piece of a document. */
  readonly heard?: () => void;
}

/** What to sample. `device` is its part of the path where the agent serves several. */
export interface SampleRequest {
  readonly device: string | undefined;
  readonly from: number;
  readonly count: number;
}

/** What to stream; times in milliseconds. */
export interface StreamRequest extends SampleRequest {
  readonly interval: number;
  readonly heartbeat: number;
}

/** A document of a stream. */
export interface StreamPart {
  readonly document: StreamsDocument;
  /** Milliseconds that the reader waited for it: next to none for one that was written long before it was read. */
  readonly waited: number;
}

/** The agent answered, but not with what was asked for. */
export class Refusal extends Fault {
  /** Error codes of the standard; empty where the answer was no MTConnect error. */
  readonly codes: readonly string[];

  constructor(message: string, codes: readonly string[], hint?: string) {
    super('machine', message, hint === undefined ? {} : { hint });
    this.codes = codes;
  }

  get isOutOfRange(): boolean {
    return this.codes.includes('OUT_OF_RANGE');
  }
}

/** The requests that an MTConnect agent answers over HTTP (MTConnect Part 1). Any number may be under way. */
export class AgentClient {
  readonly #options: AgentOptions;

  constructor(options: AgentOptions) {
    this.#options = options;
  }

  /** Of the agent, for messages. */
  get url(): string {
    return this.#options.url;
  }

  /** @throws Fault of the machine, a `Refusal` where the agent answered with an error; the abort reason */
  async probe(signal: AbortSignal): Promise<DevicesDocument> {
    const url = this.#url(undefined, 'probe', {});
    return expect(await this.#document(url, signal), 'devices', url);
  }

  /** The latest value of everything, or what it was at a sequence number. @throws as `probe` */
  async current(device: string | undefined, at: number | undefined, signal: AbortSignal): Promise<StreamsDocument> {
    const url = this.#url(device, 'current', at === undefined ? {} : { at });
    return expect(await this.#document(url, signal), 'streams', url);
  }

  /** @throws as `probe` */
  async sample({ device, from, count }: SampleRequest, signal: AbortSignal): Promise<StreamsDocument> {
    const url = this.#url(device, 'sample', { from, count });
    return expect(await this.#document(url, signal), 'streams', url);
  }

  /**
   * Asks for a stream and resolves when the agent has answered.
   * @throws Fault of the machine where there is no answer; the abort reason
   */
  async openStream({ device, ...query }: StreamRequest, signal: AbortSignal): Promise<AgentStream> {
    const url = this.#url(device, 'sample', query);
    return new AgentStream(await get(url, { ...this.#options, timeout: this.#options.requestTimeout, signal }), url, {
      ...this.#options,
      silence: SILENT_HEARTBEATS * query.heartbeat,
    });
  }

  #url(device: string | undefined, request: string, query: Readonly<Record<string, number>>): URL {
    const path = [device, request].filter((part) => part !== undefined).map(encodeURIComponent);
    const url = new URL(this.#options.url);
    url.pathname = [url.pathname.replace(/\/+$/, ''), ...path].join('/');
    for (const [key, value] of Object.entries(query)) url.searchParams.set(key, String(value));
    return url;
  }

  async #document(url: URL, signal: AbortSignal): Promise<MtconnectDocument> {
    const { requestTimeout, maxDocument, ca, heard } = this.#options;
    const answer = await get(url, { signal, timeout: requestTimeout, ca, heard });
    try {
      return understand(answer, await answer.readAll(requestTimeout, DOCUMENT_TIME_MS, maxDocument), url);
    } finally {
      answer.close();
    }
  }
}

/** An answer to a stream request. The owner closes it. */
export class AgentStream {
  /** False where the agent answered with a single document: it can be read as the only part. */
  readonly isMultipart: boolean;
  readonly #answer: HttpAnswer;
  readonly #url: URL;
  readonly #options: AgentOptions & { readonly silence: number };

  constructor(answer: HttpAnswer, url: URL, options: AgentOptions & { readonly silence: number }) {
    this.#answer = answer;
    this.#url = url;
    this.#options = options;
    this.isMultipart = answer.status === 200 && boundaryOf(answer.headers['content-type']) !== undefined;
  }

  /**
   * The documents as they come. It reads on only when pulled, so a slow reader leaves them with the agent.
   * @throws Fault of the machine when the stream breaks, ends or is silent for 2.5 heartbeats; a `Refusal` where an
   * error comes instead of data; the abort reason
   */
  async *parts(): AsyncGenerator<StreamPart> {
    const { maxDocument, requestTimeout, silence } = this.#options;
    const boundary = boundaryOf(this.#answer.headers['content-type']);
    if (!this.isMultipart || boundary === undefined) {
      // A stream that hides behind another type would never end: it gets no longer than a request.
      const bytes = await this.#answer.readAll(requestTimeout, requestTimeout, maxDocument);
      yield { document: expect(understand(this.#answer, bytes, this.#url), 'streams', this.#url), waited: 0 };
      return;
    }
    const splitter = new MultipartSplitter(boundary, maxDocument, this.#url.href);
    for (;;) {
      const { part, waited } = await this.#nextPart(splitter, silence);
      // An agent may send an empty part as a farewell.
      if (part.length === 0) continue;
      yield { document: expect(parseDocument(part, this.#url.href), 'streams', this.#url), waited };
    }
  }

  async #nextPart(splitter: MultipartSplitter, silence: number): Promise<{ part: Buffer; waited: number }> {
    const asked = performance.now();
    let begun: number | undefined;
    for (;;) {
      const part = splitter.next();
      if (part !== undefined) return { part, waited: performance.now() - asked };
      const chunk = splitter.ended ? undefined : await this.#answer.read(silence);
      if (chunk === undefined) throw new Fault('machine', `${this.#url} ended the stream`);
      begun ??= performance.now();
      if (performance.now() - begun > DOCUMENT_TIME_MS) throw trickle(this.#url, DOCUMENT_TIME_MS);
      splitter.push(chunk);
    }
  }

  /** Drops the connection. Idempotent. */
  close(): void {
    this.#answer.close();
  }
}

/** @throws Refusal where the status is no success and the body no document that says more */
function understand({ status, headers }: HttpAnswer, bytes: Uint8Array, url: URL): MtconnectDocument {
  if (status === 200) return parseDocument(bytes, url.href);
  const document = attempt(() => parseDocument(bytes, url.href));
  if (document?.kind === 'error') throw refusal(document, url);
  const hint =
    status >= 500
      ? 'the agent has a fault of its own: look at its log, or restart it'
      : status >= 300 && status < 400
        ? `use the address that it points to: ${headers.location}`
        : status === 401 || status === 403
          ? 'the agent lets nobody in without credentials: allow this host to read'
          : 'check the path and port: this may be another web server';
  throw new Refusal(`${url} answered with HTTP status ${status}`, [], hint);
}

function attempt<T>(step: () => T): T | undefined {
  try {
    return step();
  } catch {
    // Only the status counts then, and the caller tells it.
    return undefined;
  }
}

function refusal({ errors }: ErrorDocument, url: URL): Refusal {
  const texts = errors.map(({ code, text }) => `${text || 'no reason given'} (${code})`);
  return new Refusal(
    `${url}: the agent refuses: ${texts.join('; ') || 'no reason given'}`,
    errors.map(({ code }) => code),
    errors.some(({ code }) => code === 'NO_DEVICE') ? 'check `device`, and the path of `url`' : undefined,
  );
}

type Kind = MtconnectDocument['kind'];

function expect<K extends Kind>(document: MtconnectDocument, kind: K, url: URL): MtconnectDocument & { kind: K } {
  if (document.kind === kind) return document as MtconnectDocument & { kind: K };
  if (document.kind === 'error') throw refusal(document, url);
  throw new Fault('machine', `${url} answered with a document of ${document.kind} where ${kind} were asked for`);
}
