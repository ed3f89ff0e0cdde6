import type { EventEmitter } from 'node:events';
import { AgentError } from './agent-error.ts';
import type { AssetStore } from './assets.ts';
import type { Item, SimulatedDevice } from './device.ts';
import { devicesXml, documentXml, streamsXml } from './documents.ts';
import type { Faults, Target } from './fault.ts';
import { selectItems } from './path.ts';
import { checkRange, type Query } from './query.ts';
import type { Slice, Store } from './store.ts';
import { formatSeconds } from './timestamp.ts';
import { atLeast, type Version } from './version.ts';
import { type Attributes, element } from './xml.ts';

/** Observations of a sample request that does not say; as cppagent's. */
export const DEFAULT_COUNT = 100;
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

/** The documents that answer queries. Throws `AgentError` for what cannot be answered. */
export class Answers {
  readonly #agent: AgentView;

  constructor(agent: AgentView) {
    this.#agent = agent;
  }

  /**
   * Which items a query is about.
   * @throws AgentError NO_DEVICE, INVALID_XPATH
   */
  matcher({ device, path }: Query): (item: Item) => boolean {
    const found = device === undefined ? undefined : this.#device(device);
    if (path === undefined) return found === undefined ? () => true : (item) => item.device === found;
    const items = this.#agent.items.filter((item) => found === undefined || item.device === found);
    const selected = selectItems(path, items);
    return (item) => selected.has(item);
  }

  /** @throws AgentError OUT_OF_RANGE */
  slice({ from, count = DEFAULT_COUNT }: Query, matches: (item: Item) => boolean): Slice {
    const { store } = this.#agent;
    if (from !== undefined) checkRange('from', from, store.firstSequence, store.nextSequence);
    checkRange('count', count, -store.capacity, store.capacity);
    if (count === 0) {
      throw new AgentError('OUT_OF_RANGE', "'count' must not be zero(0)", { name: 'count', value: count });
    }
    if (count > 0) return store.forward(from ?? store.firstSequence, count, matches);
    return store.backward(Math.min(from ?? store.lastSequence, store.lastSequence), -count, matches);
  }

  /** @throws AgentError NO_DEVICE */
  probe(query: Query): string {
    const { devices, version, assets } = this.#agent;
    const chosen = query.device === undefined ? devices : [this.#device(query.device)];
    const header = this.#header({ assetBufferSize: ASSET_CAPACITY, assetCount: assets.count });
    return documentXml('Devices', version, header, devicesXml(chosen, version));
  }

  /** @throws AgentError OUT_OF_RANGE */
  current(matches: (item: Item) => boolean, at?: number): string {
    const { store, version } = this.#agent;
    if (at !== undefined) checkRange('at', at, store.firstSequence, store.lastSequence);
    const observations = [...store.state(at).observations()].filter(({ item }) => matches(item));
    return documentXml('Streams', version, this.#bufferHeader(store.nextSequence), streamsXml(observations, version));
  }

  sample({ observations, next }: Slice): string {
    const { version } = this.#agent;
    return documentXml('Streams', version, this.#bufferHeader(next), streamsXml(observations, version));
  }

  /** @throws AgentError NO_DEVICE, ASSET_NOT_FOUND */
  assets({ assetIds, type, device }: Query): string {
    const { assets, version } = this.#agent;
    const uuid = device === undefined ? undefined : this.#device(device).uuid;
    const header = this.#header({ assetBufferSize: ASSET_CAPACITY, assetCount: assets.count });
    return documentXml('Assets', version, header, element('Assets', {}, assets.toXml({ assetIds, type, uuid })));
  }

  /** In the form of the version. */
  error(error: AgentError, target: Target, uri: string): string {
    const { version } = this.#agent;
    const asked = target === 'probe' ? 'MTConnectDevices' : target === 'asset' ? 'MTConnectAssets' : 'MTConnectStreams';
    const body = element('Errors', {}, error.toXml(version, asked, uri));
    return documentXml('Error', version, this.#header({}), body);
  }

  #device(name: string): SimulatedDevice {
    const found = this.#agent.devices.find((device) => device.name === name || device.uuid === name);
    if (found === undefined) throw new AgentError('NO_DEVICE', `Could not find the device '${name}'`);
    return found;
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
}
