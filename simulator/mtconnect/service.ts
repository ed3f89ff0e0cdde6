import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { AgentError } from './agent-error.ts';
import type { AssetStore } from './assets.ts';
import type { Item, SimulatedDevice } from './device.ts';
import { devicesXml, documentXml, streamsXml } from './documents.ts';
import { ANSWER_FAULTS, DOCUMENT_FAULTS, type Faults, type Strike, type Target } from './fault.ts';
import { selectItems } from './path.ts';
import { checkRange, parseQuery, type Query } from './query.ts';
import { send } from './send.ts';
import type { Slice, Store } from './store.ts';
import { CurrentStream, SampleStream, type StreamSource } from './stream.ts';
import { formatSeconds } from './timestamp.ts';
import { atLeast, type Version } from './version.ts';
import { type Attributes, element } from './xml.ts';

/** As cppagent's. */
const DEFAULT_COUNT = 100;
const DEFAULT_HEARTBEAT_MS = 10_000;
const ASSET_CAPACITY = 1024;

/** Ways in which agents differ. */
export interface Habits {
  /** Error documents come with status 200, as 1.x agents send them. */
  readonly errorsWithStatus200?: boolean;
  /** A request with `interval` gets an error, as from some agents of 1.2. */
  readonly rejectInterval?: boolean;
  /** `interval` is ignored: the answer is one document. */
  readonly noStreaming?: boolean;
  readonly streamType?: 'multipart/mixed' | 'multipart/x-mixed-replace';
}

/** What the service answers from; the agent changes it while it runs. */
export interface AgentView {
  readonly version: Version;
  readonly habits: Habits;
  readonly store: Store;
  readonly devices: readonly SimulatedDevice[];
  readonly items: readonly Item[];
  readonly assets: AssetStore;
  readonly faults: Faults;
  readonly instanceId: number;
  readonly deviceModelChangeTime: string;
  /** Emits `observed` after observations were added. */
  readonly events: EventEmitter;
  /** Milliseconds since the epoch, with the skew that was ordered. */
  now(): number;
}

/** Answers HTTP requests as cppagent does. */
export class Service {
  readonly #agent: AgentView;

  constructor(agent: AgentView) {
    this.#agent = agent;
  }

  /** Resolves when the answer is complete or its connection is gone. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    try {
      await this.#answer(request, response, gone.signal);
    } catch (error) {
      if (gone.signal.aborted) return;
      throw error;
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse, signal: AbortSignal): Promise<void> {
    const uri = request.url ?? '/';
    let target: Target = 'probe';
    try {
      if (request.method !== 'GET') throw new AgentError('UNSUPPORTED', 'Only the HTTP GET request is supported');
      const query = parseQuery(uri);
      const streaming = this.#isStream(query);
      target = streaming ? 'stream' : query.kind;
      const strike = this.#agent.faults.strike(target, ANSWER_FAULTS);
      if (strike !== undefined && (await this.#spoil(strike, uri, response, signal))) return;
      const contentType = strike?.kind === 'wrongContentType' ? 'application/octet-stream' : undefined;
      if (streaming) {
        await this.#stream(query).run(response, { contentType, faults: this.#agent.faults, signal });
      } else {
        await this.#document(this.#single(query), target, response, contentType, signal);
      }
    } catch (error) {
      if (!(error instanceof AgentError)) throw error;
      const status = this.#agent.habits.errorsWithStatus200 === true ? 200 : error.status;
      this.#head(response, status, Buffer.byteLength(this.errorXml(error, target, uri)));
      response.end(this.errorXml(error, target, uri));
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
  async #spoil({ kind }: Strike, uri: string, response: ServerResponse, signal: AbortSignal): Promise<boolean> {
    const plain = (status: number, type: string, body: string) => {
      response.writeHead(status, { 'Content-Type': type }).end(body);
      return true;
    };
    switch (kind) {
      case 'reset':
        response.socket?.resetAndDestroy();
        signal.throwIfAborted();
        return true;
      case 'status500':
        return plain(500, 'text/plain', 'internal error\n');
      case 'notFound':
        return plain(404, 'text/plain', 'not found\n');
      case 'webPage':
        return plain(200, 'text/html', '<!DOCTYPE html><html><body><p>Welcome to the router<br></body></html>\n');
      case 'outOfRange':
        checkRange('from', Number.MAX_SAFE_INTEGER, this.#agent.store.firstSequence, this.#agent.store.nextSequence);
        throw new Error(`no range error for ${uri}`);
      default:
        return false;
    }
  }

  #single(query: Query): string {
    switch (query.kind) {
      case 'probe':
        return this.#probeXml(query);
      case 'current':
        return this.#currentXml(this.#matcher(query), query.at);
      case 'sample':
        return this.#sampleXml(this.#slice(query, this.#matcher(query)));
      case 'asset':
        return this.#assetsXml(query);
    }
  }

  #stream(query: Query): SampleStream | CurrentStream {
    const matches = this.#matcher(query);
    const source: StreamSource = {
      events: this.#agent.events,
      type: this.#agent.habits.streamType ?? 'multipart/mixed',
      partType: this.#contentType(),
      interval: query.interval ?? 0,
      heartbeat: query.heartbeat ?? DEFAULT_HEARTBEAT_MS,
      store: () => this.#agent.store,
      current: () => this.#currentXml(matches),
      sample: (slice) => this.#sampleXml(slice),
      error: (error) => this.errorXml(error, 'stream', '/sample'),
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

  /** @throws AgentError NO_DEVICE, INVALID_XPATH */
  #matcher({ device, path }: Query): (item: Item) => boolean {
    const found = device === undefined ? undefined : this.#device(device);
    if (path === undefined) return found === undefined ? () => true : (item) => item.device === found;
    const items = this.#agent.items.filter((item) => found === undefined || item.device === found);
    const selected = selectItems(path, items);
    return (item) => selected.has(item);
  }

  #device(name: string): SimulatedDevice {
    const found = this.#agent.devices.find((device) => device.name === name || device.uuid === name);
    if (found === undefined) throw new AgentError('NO_DEVICE', `Could not find the device '${name}'`);
    return found;
  }

  #slice({ from, count = DEFAULT_COUNT }: Query, matches: (item: Item) => boolean): Slice {
    const { store } = this.#agent;
    if (from !== undefined) checkRange('from', from, store.firstSequence, store.nextSequence);
    checkRange('count', count, -store.capacity, store.capacity);
    if (count === 0) {
      throw new AgentError('OUT_OF_RANGE', "'count' must not be zero(0)", { name: 'count', value: count });
    }
    if (count > 0) return store.forward(from ?? store.firstSequence, count, matches);
    return store.backward(Math.min(from ?? store.lastSequence, store.lastSequence), -count, matches);
  }

  #probeXml(query: Query): string {
    const { devices, version, assets } = this.#agent;
    const chosen = query.device === undefined ? devices : [this.#device(query.device)];
    const header = this.#header({ assetBufferSize: ASSET_CAPACITY, assetCount: assets.count });
    return documentXml('Devices', version, header, devicesXml(chosen, version));
  }

  #currentXml(matches: (item: Item) => boolean, at?: number): string {
    const { store, version } = this.#agent;
    if (at !== undefined) checkRange('at', at, store.firstSequence, store.lastSequence);
    const observations = [...store.state(at).observations()].filter(({ item }) => matches(item));
    return documentXml('Streams', version, this.#bufferHeader(store.nextSequence), streamsXml(observations, version));
  }

  #sampleXml({ observations, next }: Slice): string {
    const { version } = this.#agent;
    return documentXml('Streams', version, this.#bufferHeader(next), streamsXml(observations, version));
  }

  #assetsXml({ assetIds, type, device }: Query): string {
    const { assets, version } = this.#agent;
    const uuid = device === undefined ? undefined : this.#device(device).uuid;
    const header = this.#header({ assetBufferSize: ASSET_CAPACITY, assetCount: assets.count });
    return documentXml('Assets', version, header, element('Assets', {}, assets.toXml({ assetIds, type, uuid })));
  }

  /** An error document in the form of the version. */
  errorXml(error: AgentError, target: Target, uri: string): string {
    const { version } = this.#agent;
    const asked = target === 'probe' ? 'MTConnectDevices' : target === 'asset' ? 'MTConnectAssets' : 'MTConnectStreams';
    const body = element('Errors', {}, error.toXml(version, asked, uri));
    return documentXml('Error', version, this.#header({}), body);
  }

  #header(more: Attributes): Attributes {
    const { version, instanceId, deviceModelChangeTime, store } = this.#agent;
    return {
      creationTime: `${formatSeconds(Math.floor(this.#agent.now() / 1000))}Z`,
      sender: 'simulator',
      instanceId,
      version: `${version}.0.1`,
      deviceModelChangeTime: atLeast(version, '1.7') ? deviceModelChangeTime : undefined,
      ...more,
      bufferSize: store.capacity,
    };
  }

  #bufferHeader(nextSequence: number): Attributes {
    const { firstSequence, lastSequence } = this.#agent.store;
    return { ...this.#header({}), nextSequence, firstSequence, lastSequence };
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
