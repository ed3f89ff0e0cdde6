import type { IncomingMessage, ServerResponse } from 'node:http';
import { AgentError } from './agent-error.ts';
import { type AgentView, Answers, DEFAULT_COUNT } from './answers.ts';
import { ANSWER_FAULTS, DOCUMENT_FAULTS, type Strike, type Target } from './fault.ts';
import { checkRange, parseQuery, type Query } from './query.ts';
import { gone, send } from './send.ts';
import { CurrentStream, SampleStream, type StreamSource } from './stream.ts';
import { atLeast } from './version.ts';

/** As cppagent's. */
const DEFAULT_HEARTBEAT_MS = 10_000;

/** Answers HTTP requests as cppagent does. */
export class Service {
  readonly #agent: AgentView;
  readonly #answers: Answers;

  constructor(agent: AgentView) {
    this.#agent = agent;
    this.#answers = new Answers(agent);
  }

  /** Resolves when the answer is complete or its connection is gone. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const closed = new AbortController();
    response.once('close', () => closed.abort());
    try {
      await this.#answer(request, response, closed.signal);
    } catch (error) {
      if (!closed.signal.aborted) throw error;
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    const uri = request.url ?? '/';
    let target: Target = 'probe';
    try {
      if (request.method !== 'GET') throw new AgentError('UNSUPPORTED', 'Only the HTTP GET request is supported');
      const query = parseQuery(uri);
      target = query.kind;
      const streaming = this.#isStream(query);
      if (streaming) target = 'stream';
      const strike = this.#agent.faults.strike(target, ANSWER_FAULTS);
      if (strike !== undefined && (await this.#spoil(strike, response, signal))) return;
      const contentType = strike?.kind === 'wrongContentType' ? 'application/octet-stream' : undefined;
      if (streaming) {
        await this.#stream(query).run(response, { contentType, faults: this.#agent.faults, signal });
      } else {
        await this.#document(this.#single(query), target, response, contentType, signal);
      }
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      const status = this.#agent.habits.errorsWithStatus200 === true ? 200 : error.status;
      const body = Buffer.from(this.#answers.error(error, target, uri));
      this.#head(response, status, body.length);
      response.end(body);
    }
  }

  #isStream(query: Query): boolean {
    if (query.interval === undefined || (query.kind !== 'sample' && query.kind !== 'current')) return false;
    if (this.#agent.habits.rejectInterval === true) {
      throw new AgentError('UNSUPPORTED', "'interval' is not supported");
    }
    return this.#agent.habits.noStreaming !== true;
  }

  /** @returns whether the request is done with */
  async #spoil({ kind }: Strike, response: ServerResponse, signal: AbortSignal): Promise<boolean> {
    const plain = (status: number, type: string, body: string) => {
      response.writeHead(status, { 'Content-Type': type }).end(body);
      return true;
    };
    switch (kind) {
      case 'reset':
        response.socket?.resetAndDestroy();
        return await gone(signal);
      case 'status500':
        return plain(500, 'text/plain', 'internal error\n');
      case 'notFound':
        return plain(404, 'text/plain', 'not found\n');
      case 'webPage':
        return plain(200, 'text/html', '<!DOCTYPE html><html><body><p>Welcome to the router<br></body></html>\n');
      case 'outOfRange':
        throw new AgentError('OUT_OF_RANGE', `'from' must be less than ${this.#agent.store.nextSequence + 1}`);
      default:
        return false;
    }
  }

  #single(query: Query): string {
    switch (query.kind) {
      case 'probe':
        return this.#answers.probe(query);
      case 'current':
        return this.#answers.current(this.#answers.matcher(query), query.at);
      case 'sample':
        return this.#answers.sample(this.#answers.slice(query, this.#answers.matcher(query)));
      case 'asset':
        return this.#answers.assets(query);
    }
  }

  #stream(query: Query): SampleStream | CurrentStream {
    const matches = this.#answers.matcher(query);
    const source: StreamSource = {
      events: this.#agent.events,
      type: this.#agent.habits.streamType ?? 'multipart/mixed',
      partType: this.#contentType(),
      interval: query.interval ?? 0,
      heartbeat: query.heartbeat ?? DEFAULT_HEARTBEAT_MS,
      store: () => this.#agent.store,
      current: () => this.#answers.current(matches),
      sample: (slice) => this.#answers.sample(slice),
      error: (error) => this.#answers.error(error, 'stream', '/sample'),
    };
    if (query.kind === 'current') {
      if (query.at !== undefined) throw new AgentError('INVALID_REQUEST', "'at' and 'interval' exclude each other");
      return new CurrentStream(source);
    }
    const { store } = this.#agent;
    const from = query.from ?? store.firstSequence;
    const count = query.count ?? DEFAULT_COUNT;
    checkRange('from', from, store.firstSequence, store.nextSequence);
    checkRange('count', count, 1, store.capacity);
    return new SampleStream(source, { from, count, matches });
  }

  #contentType(): string {
    return atLeast(this.#agent.version, '2.0') ? 'application/xml' : 'text/xml';
  }

  async #document(
    xml: string,
    target: Target,
    response: ServerResponse,
    contentType: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const body = Buffer.from(xml);
    const strike = this.#agent.faults.strike(target, DOCUMENT_FAULTS);
    // A cut shows as a length that is not reached; other faults have a length of their own.
    const length = strike === undefined || strike.kind === 'cut' ? body.length : undefined;
    if (strike?.kind !== 'hang') this.#head(response, 200, length, contentType);
    await send(response, body, (bytes) => bytes, strike, signal);
    response.end();
  }

  #head(response: ServerResponse, status: number, length: number | undefined, type = this.#contentType()): void {
    response.writeHead(status, {
      Server: 'MTConnectAgent',
      Expires: '-1',
      'Cache-Control': 'no-store, max-age=0',
      'Content-Type': type,
      ...(length === undefined ? {} : { 'Content-Length': length }),
    });
  }
}
