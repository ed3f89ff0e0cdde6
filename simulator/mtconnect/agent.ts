import { EventEmitter, once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setInterval } from 'node:timers';
import type { Habits } from './answers.ts';
import { type Asset, AssetStore } from './assets.ts';
import { type CncSpec, cncDevice } from './cnc-device.ts';
import { agentDevice, type Item, itemsOf, type SimulatedDevice } from './device.ts';
import { type FaultOrder, Faults } from './fault.ts';
import { Generator } from './generator.ts';
import { type Produced, Production } from './production.ts';
import { Service } from './service.ts';
import { Store } from './store.ts';
import { formatMicros, type Micros, Stamper, systemMicros } from './timestamp.ts';
import { type AssetValue, isAsset, isCondition, type SimulatedValue, UNAVAILABLE } from './value.ts';
import { atLeast, type Version } from './version.ts';

const DEFAULT_VERSION: Version = '2.0';
/** Observations; cppagent's default. */
const DEFAULT_BUFFER_SIZE = 131_072;
const TICK_MS = 20;

export interface AgentOptions extends Habits {
  /** A CNC by its name, or a whole device of your own, which only `observe` gives values. Default: one CNC `cnc-1`. */
  readonly devices?: readonly (CncSpec | SimulatedDevice)[];
  readonly version?: Version;
  /** Observations that the agent keeps. */
  readonly bufferSize?: number;
  /** Observations a second of each CNC; 0 (default): only what `observe` is told. */
  readonly rate?: number;
  /** Of everything random in the CNCs. */
  readonly seed?: number;
  /** Keep every observation in `produced.list`, not only the counts. */
  readonly record?: boolean;
  /** Called with every observation, at once. */
  readonly onProduced?: (observation: Produced) => void;
  readonly tls?: { readonly key: string; readonly cert: string };
  readonly micros?: () => Micros;
}

/**
 * An MTConnect agent with machines, as a client sees one: HTTP, a bounded buffer, streams, and faults to order.
 * It shares no code with the gateway, so that its books are an independent witness of what was produced.
 */
export class SimulatedAgent {
  readonly #options: AgentOptions;
  readonly #micros: () => Micros;
  readonly #events = new EventEmitter().setMaxListeners(0);
  readonly #faults = new Faults();
  readonly #assets = new AssetStore();
  readonly #stamper = new Stamper();
  readonly #production: Production;
  readonly version: Version;
  #devices: readonly SimulatedDevice[];
  #items: readonly Item[];
  #index: ReadonlyMap<string, Item>;
  readonly #cncs: readonly SimulatedDevice[];
  #store: Store;
  #instanceId = 0;
  #deviceModelChangeTime = '';
  #generator: Generator | undefined;
  #timer: NodeJS.Timeout | undefined;
  #paused = false;
  #server: Server | undefined;
  #address: { port: number; host: string } = { port: 0, host: '127.0.0.1' };
  /** Milliseconds that the agent's clock is ahead of ours, as the headers' creationTime shows it. */
  clockSkew = 0;

  constructor(options: AgentOptions = {}) {
    this.#options = options;
    this.#micros = options.micros ?? systemMicros;
    this.version = options.version ?? DEFAULT_VERSION;
    this.#production = new Production(options.record ?? false, options.onProduced);
    const specs = options.devices ?? [{ name: 'cnc-1' }];
    const devices = specs.map((spec) => ('id' in spec ? spec : cncDevice(spec, this.version)));
    this.#cncs = devices.filter((_, index) => !('id' in (specs[index] as object)));
    this.#devices = atLeast(this.version, '1.7') ? [agentDevice(this.version), ...devices] : devices;
    this.#items = itemsOf(this.#devices);
    this.#index = indexOf(this.#items);
    this.#store = new Store(options.bufferSize ?? DEFAULT_BUFFER_SIZE);
  }

  /** Counts of everything that was observed since the first start, and the list of it with `record`. */
  get produced(): Production {
    return this.#production;
  }

  /** The devices without the agent's own. */
  get machines(): readonly SimulatedDevice[] {
    return this.#devices.filter(({ element }) => element === 'Device');
  }

  get instanceId(): number {
    return this.#instanceId;
  }

  get nextSequence(): number {
    return this.#store.nextSequence;
  }

  get firstSequence(): number {
    return this.#store.firstSequence;
  }

  get url(): URL {
    const scheme = this.#options.tls === undefined ? 'http' : 'https';
    return new URL(`${scheme}://${this.#address.host}:${this.#address.port}/`);
  }

  /** Boots the agent, listens and, with a rate, lets the machines run. Resolves with its address. */
  async start(port = 0, host = '127.0.0.1'): Promise<URL> {
    this.#address = { port, host };
    this.#boot();
    await this.plug();
    if (!this.#paused) this.run();
    return this.url;
  }

  /** Closes everything; the books stay. */
  async stop(): Promise<void> {
    this.#haltMachines();
    await this.unplug();
  }

  /** The agent dies with its buffer, as in a power cut; `restart` brings it back. */
  async crash(): Promise<void> {
    await this.stop();
  }

  /** A new life on the same port: another instanceId, an empty buffer, sequences from 1. */
  async restart(): Promise<void> {
    await this.stop();
    this.#boot();
    await this.plug();
    if (!this.#paused) this.run();
  }

  /** The network cable: nobody reaches the agent, the machines go on. */
  async unplug(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }

  /** Listens again where it did. */
  async plug(): Promise<void> {
    if (this.#server !== undefined) return;
    const service = new Service(this.#view());
    const { tls } = this.#options;
    const server = tls === undefined ? createServer() : createTlsServer(tls);
    server.on('request', (request, response) => void service.handle(request, response));
    server.listen(this.#address.port, this.#address.host);
    await once(server, 'listening');
    this.#server = server;
    this.#address = { ...this.#address, port: (server.address() as AddressInfo).port };
  }

  /** Lets the machines run at the rate of the options, from now on. */
  run(): void {
    this.#paused = false;
    const { rate = 0, seed = 1 } = this.#options;
    if (rate === 0 || this.#timer !== undefined) return;
    this.#generator ??= new Generator(this.#cncs, { rate, seed });
    this.#generator.start(this.#micros());
    this.#timer = setInterval(() => this.tick(), TICK_MS);
  }

  /** Stops the machines until `run`, also when called before `start`; the agent goes on serving what it has. */
  pause(): void {
    this.#paused = true;
    this.#haltMachines();
  }

  #haltMachines(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Makes the observations that are due by now; called by the agent's own timer. */
  tick(): void {
    for (const { device, item, value, micros } of this.#generator?.due(this.#micros()) ?? []) {
      const produced = this.#append(this.#find(device, item), value, micros);
      if (isAsset(value)) this.#keepAsset(device, value, produced.timestamp);
    }
    this.#events.emit('observed');
  }

  /**
   * Adds one observation. `timestamp` is sent as it is given; default: now, made unique within the item.
   * @param device name
   * @param item id or name
   */
  observe(device: string, item: string, value: SimulatedValue, timestamp?: string): Produced {
    const produced = this.#append(this.#find(device, item), value, this.#micros(), timestamp);
    this.#events.emit('observed');
    return produced;
  }

  /** Puts an asset and says so on the device, as an adapter does: `AssetAdded` (from 2.2 on) or `AssetChanged`. */
  putAsset(device: string, asset: Pick<Asset, 'assetId' | 'type' | 'body'>): void {
    const isNew = !this.#assets.has(asset.assetId);
    this.#assets.put({ ...asset, deviceUuid: this.#device(device).uuid, timestamp: formatMicros(this.#micros()) });
    this.#observeAsset(device, isNew && atLeast(this.version, '2.2') ? 'ASSET_ADDED' : 'ASSET_CHANGED', asset);
  }

  removeAsset(device: string, assetId: string): void {
    const asset = this.#assets.remove(assetId);
    if (asset !== undefined) this.#observeAsset(device, 'ASSET_REMOVED', asset);
  }

  /** The document behind an AssetChanged that a CNC spoke of. */
  #keepAsset(device: string, { assetType, assetId }: AssetValue, timestamp: string): void {
    const body = '<CuttingToolLifeCycle><CutterStatus><Status>USED</Status></CutterStatus></CuttingToolLifeCycle>';
    this.#assets.put({ assetId, type: assetType, deviceUuid: this.#device(device).uuid, timestamp, body });
  }

  /** Adds a device, or gives the one of that name another model; both move deviceModelChangeTime. */
  setDevice(device: SimulatedDevice): void {
    const known = this.#devices.some(({ name }) => name === device.name);
    this.#devices = known
      ? this.#devices.map((other) => (other.name === device.name ? device : other))
      : [...this.#devices, device];
    const before = new Set(this.#items.map(({ spec }) => spec.id));
    this.#items = itemsOf(this.#devices);
    this.#index = indexOf(this.#items);
    this.#store.adopt(this.#items);
    this.#deviceModelChangeTime = formatMicros(this.#micros());
    for (const item of this.#items) if (!before.has(item.spec.id)) this.#append(item, UNAVAILABLE, this.#micros());
    if (this.#has('Agent')) this.observe('Agent', known ? 'device_changed' : 'device_added', device.uuid);
  }

  /** Overruns the buffer: so many observations of an item at once, by default one more than the buffer holds. */
  flood(device: string, item: string, count = this.#store.capacity + 1): void {
    const found = this.#find(device, item);
    for (let n = 0; n < count; n += 1) this.#append(found, n, this.#micros());
    this.#events.emit('observed');
  }

  /** Orders a fault; see `FaultKind`. */
  fault(order: FaultOrder): void {
    this.#faults.order(order);
  }

  /** Faults that are under way, such as a hang, last until their connection is closed. */
  clearFaults(): void {
    this.#faults.clear();
  }

  /** As an agent starts: every item is unavailable, then the agent tells of itself. */
  #boot(): void {
    const now = this.#micros();
    // Seconds, as cppagent takes it; two starts within a second must still differ.
    this.#instanceId = Math.max(this.#instanceId + 1, Math.floor(now / 1e6));
    this.#deviceModelChangeTime = formatMicros(now);
    this.#store = new Store(this.#store.capacity);
    this.#generator = undefined;
    for (const item of this.#items) this.#append(item, UNAVAILABLE, now);
    if (!this.#has('Agent')) return;
    this.#append(this.#find('Agent', 'agent_avail'), 'AVAILABLE', now);
    const added = this.#find('Agent', 'device_added');
    for (const { name, uuid } of this.#devices) if (name !== 'Agent') this.#append(added, uuid, now);
  }

  #append(item: Item, value: SimulatedValue, micros: Micros, timestamp?: string): Produced {
    const stamp = timestamp ?? this.#stamper.stamp(item.spec.id, micros);
    const stored = this.#store.append(item, asValueOf(item, value), stamp);
    return this.#production.add(stored, this.#instanceId);
  }

  #observeAsset(device: string, type: string, asset: Pick<Asset, 'assetId' | 'type'>): void {
    const item = this.#items.find((one) => one.device.name === device && one.spec.type === type);
    if (item === undefined) return;
    this.observe(device, item.spec.id, { assetType: asset.type, assetId: asset.assetId });
  }

  #has(device: string): boolean {
    return this.#devices.some(({ name }) => name === device);
  }

  #device(name: string): SimulatedDevice {
    const device = this.#devices.find((one) => one.name === name);
    if (device === undefined) throw new Error(`the agent has no device ${name}`);
    return device;
  }

  #find(device: string, idOrName: string): Item {
    const item = this.#index.get(keyOf(device, idOrName));
    if (item === undefined) throw new Error(`device ${device} has no data item ${idOrName}`);
    return item;
  }

  #view() {
    const agent = this;
    return {
      version: this.version,
      habits: this.#options,
      assets: this.#assets,
      faults: this.#faults,
      events: this.#events,
      get store() {
        return agent.#store;
      },
      get devices() {
        return agent.#devices;
      },
      get items() {
        return agent.#items;
      },
      get instanceId() {
        return agent.#instanceId;
      },
      get deviceModelChangeTime() {
        return agent.#deviceModelChangeTime;
      },
      now: () => agent.#micros() / 1000 + agent.clockSkew,
    };
  }
}

const keyOf = (device: string, idOrName: string) => `${device}\0${idOrName}`;

function indexOf(items: readonly Item[]): Map<string, Item> {
  const entries = items.flatMap((item) => [item.spec.name, item.spec.id].map((key) => [key, item] as const));
  return new Map(entries.flatMap(([key, item]) => (key === undefined ? [] : [[keyOf(item.device.name, key), item]])));
}

/** A condition's level may be given as a word. */
function asValueOf(item: Item, value: SimulatedValue): SimulatedValue {
  if (item.spec.category !== 'CONDITION' || isCondition(value)) return value;
  if (value === 'NORMAL' || value === UNAVAILABLE) return { level: value };
  throw new Error(`${item.spec.id} is a condition: give it { level, nativeCode, … }, NORMAL or UNAVAILABLE`);
}
