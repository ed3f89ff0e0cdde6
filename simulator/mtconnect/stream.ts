import { randomUUID } from 'node:crypto';
import { type EventEmitter, once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { AgentError } from './agent-error.ts';
import type { Item } from './device.ts';
import { DOCUMENT_FAULTS, type Faults } from './fault.ts';
import { send } from './send.ts';
import type { Slice, Store } from './store.ts';

/** What a stream takes its parts from. */
export interface StreamSource {
  /** Emits `observed` after observations were added. */
  readonly events: EventEmitter;
  readonly type: string;
  readonly partType: string;
  /** Milliseconds. */
  readonly interval: number;
  /** Milliseconds. */
  readonly heartbeat: number;
  /** The store now: another one after a restart. */
  store(): Store;
  current(): string;
  sample(slice: Slice): string;
  error(error: AgentError): string;
}

export interface StreamContext {
  /** Instead of the multipart one. */
  readonly contentType: string | undefined;
  readonly faults: Faults;
  /** Aborts when the connection is gone. */
  readonly signal: AbortSignal;
}

/** One multipart answer: writes the head once and then parts. */
class Parts {
  readonly #response: ServerResponse;
  readonly #source: StreamSource;
  readonly #context: StreamContext;
  readonly #boundary = randomUUID();

  constructor(response: ServerResponse, source: StreamSource, context: StreamContext) {
    this.#response = response;
    this.#source = source;
    this.#context = context;
    response.writeHead(200, {
      Server: 'MTConnectAgent',
      Connection: 'close',
      'Content-Type': context.contentType ?? `${source.type};boundary=${this.#boundary}`,
      Expires: '-1',
      'Cache-Control': 'no-cache, no-store, max-age=0',
    });
    response.flushHeaders();
  }

  /** @returns whether the client got it whole; a part that was spoilt is sent again */
  send(xml: string): Promise<boolean> {
    const { faults, signal } = this.#context;
    return send(this.#response, Buffer.from(xml), this.#frame, faults.strike('stream', DOCUMENT_FAULTS), signal);
  }

  end(): void {
    this.#response.end();
  }

  readonly #frame = (body: Buffer): Buffer => {
    const head = `--${this.#boundary}\r\nContent-Type: ${this.#source.partType}\r\nContent-Length: ${body.length}\r\n\r\n`;
    return Buffer.concat([Buffer.from(head), body, Buffer.from('\r\n')]);
  };
}

/** `current` with an interval: the whole state again and again. */
export class CurrentStream {
  readonly #source: StreamSource;

  constructor(source: StreamSource) {
    this.#source = source;
  }

  /** Ends by rejecting when the connection is gone. */
  async run(response: ServerResponse, context: StreamContext): Promise<void> {
    const parts = new Parts(response, this.#source, context);
    for (;;) {
      await parts.send(this.#source.current());
      await sleep(Math.max(1, this.#source.interval), undefined, { signal: context.signal });
    }
  }
}

/** `sample` with an interval: what is new, at most every `interval`, and an empty document after `heartbeat` of silence. */
export class SampleStream {
  readonly #source: StreamSource;
  readonly #count: number;
  readonly #matches: (item: Item) => boolean;
  #cursor: number;

  constructor(source: StreamSource, range: { from: number; count: number; matches: (item: Item) => boolean }) {
    this.#source = source;
    this.#cursor = range.from;
    this.#count = range.count;
    this.#matches = range.matches;
  }

  /** Ends when the client fell behind the buffer, or by rejecting when the connection is gone. */
  async run(response: ServerResponse, context: StreamContext): Promise<void> {
    const parts = new Parts(response, this.#source, context);
    const { interval, heartbeat } = this.#source;
    let sentAt = performance.now();
    let due = sentAt;
    for (;;) {
      const slice = this.#next();
      if (slice === undefined) return this.#fellBehind(parts);
      if (slice.observations.length > 0 || performance.now() - sentAt >= heartbeat) {
        if (await parts.send(this.#source.sample(slice))) this.#cursor = slice.next;
        sentAt = performance.now();
        due = sentAt + interval;
        // A backlog is replayed as fast as the client takes it.
        if (!slice.atEnd) continue;
        await this.#pause(due, context.signal);
      } else {
        this.#cursor = slice.next;
        await this.#news(sentAt + heartbeat, context.signal);
      }
    }
  }

  #next(): Slice | undefined {
    const store = this.#source.store();
    if (this.#cursor < store.firstSequence) return undefined;
    return store.forward(this.#cursor, this.#count, this.#matches);
  }

  async #fellBehind(parts: Parts): Promise<void> {
    const message = 'Client fell too far behind, disconnecting';
    await parts.send(this.#source.error(new AgentError('OUT_OF_RANGE', message)));
    parts.end();
  }

  async #pause(until: number, signal: AbortSignal): Promise<void> {
    const ms = until - performance.now();
    if (ms > 0) await sleep(ms, undefined, { signal });
  }

  /** Resolves with the next observation of the agent, or when it is time for a heartbeat. */
  async #news(until: number, signal: AbortSignal): Promise<void> {
    const done = new AbortController();
    const either = AbortSignal.any([signal, done.signal]);
    try {
      await Promise.race([
        once(this.#source.events, 'observed', { signal: either }),
        sleep(Math.max(0, until - performance.now()), undefined, { signal: either }),
      ]);
    } finally {
      done.abort();
    }
  }
}
