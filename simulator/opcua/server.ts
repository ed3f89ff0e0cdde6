import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DataType,
  MessageSecurityMode,
  type Namespace,
  OPCUACertificateManager,
  OPCUAServer,
  SecurityPolicy,
  StatusCodes,
  type UAVariable,
  VariantArrayType,
} from 'node-opcua';
import { CncModel, type Produced } from './model.ts';

/** Namespace of the machines. */
export const MACHINES_URI = 'urn:simulator:machines';
/** Namespaces beside it, whose order a restart may change. */
const OTHERS = ['urn:simulator:vendor', 'http://opcfoundation.org/UA/Machinery/'];

/** A value that a variable was given. */
export interface ProducedItem {
  /** Empty for a counter. */
  readonly machine: string;
  /** Names below the machine, or of the counter. */
  readonly path: string;
  /** With the URI of its namespace: `nsu=…;s=…`. */
  readonly nodeId: string;
  readonly value: Produced;
  readonly sourceTimestamp: Date;
}

export interface SimulatedOpcuaOptions {
  /** Default: any that is free, the same after a restart. */
  readonly port?: number;
  readonly host?: string;
  readonly machines?: readonly string[];
  /** Counters `Counters/C0` …, each incremented at `rate` Hz. */
  readonly items?: number;
  readonly rate?: number;
  readonly seed?: number;
  /** Application namespaces in their order, which gives them their indices. */
  readonly namespaces?: readonly string[];
  /** `all`: Sign and SignAndEncrypt beside None. Default `none`. */
  readonly security?: 'none' | 'all';
  /** User names and passwords; with them, nobody is let in without. */
  readonly users?: Readonly<Record<string, string>>;
  readonly maxSessions?: number;
  readonly onProduced?: (produced: ProducedItem) => void;
}

/** An OPC UA server with CNCs, made with node-opcua. `stop` and `start` are a restart: another session, other indices if wanted. */
export class SimulatedOpcuaServer {
  readonly #options: SimulatedOpcuaOptions;
  #namespaces: readonly string[];
  #server: OPCUAServer | undefined;
  #folder: string | undefined;
  #port: number;
  #models: CncModel[] = [];
  #counters: UAVariable[] = [];
  readonly #counts: number[];
  #timers: NodeJS.Timeout[] = [];
  #isRunning = false;
  #sessionsBefore = 0;
  readonly #latest = new Map<string, string>();
  readonly #stamps = new Map<string, number>();
  readonly #faults = new Map<string, 'BadSensorFailure' | 'BadDeviceFailure' | 'UncertainLastUsableValue'>();
  /** Milliseconds by which the machines' clocks are wrong. */
  skew = 0;

  constructor(options: SimulatedOpcuaOptions = {}) {
    this.#options = options;
    this.#port = options.port ?? 0;
    this.#namespaces = options.namespaces ?? [MACHINES_URI, ...OTHERS];
    this.#counts = Array.from({ length: options.items ?? 0 }, () => 0);
  }

  /** opc.tcp://host:port */
  get url(): string {
    return `opc.tcp://${this.#options.host ?? '127.0.0.1'}:${this.#port}`;
  }

  /** Since the first start. */
  get sessionsCreated(): number {
    return this.#sessionsBefore + (this.#server?.engine.cumulatedSessionCount ?? 0);
  }

  get sessions(): number {
    return this.#server?.engine.currentSessionCount ?? 0;
  }

  get subscriptions(): number {
    return this.#server?.engine.currentSubscriptionCount ?? 0;
  }

  /** @param namespaces another order of the namespaces from now on */
  async start(namespaces: readonly string[] = this.#namespaces): Promise<string> {
    this.#namespaces = namespaces;
    const {
      host = '127.0.0.1',
      machines = ['cnc-1'],
      security = 'none',
      users,
      maxSessions = 20,
      seed = 1,
    } = this.#options;
    this.#folder ??= await mkdtemp(join(tmpdir(), 'simulated-opcua-'));
    const certificates = new OPCUACertificateManager({
      rootFolder: this.#folder,
      automaticallyAcceptUnknownCertificate: true,
      disableFileWatchers: true,
    });
    const isSecure = security === 'all';
    const server = new OPCUAServer({
      host,
      hostname: host,
      port: this.#port,
      serverCertificateManager: certificates,
      userCertificateManager: certificates,
      allowAnonymous: users === undefined,
      ...(users === undefined
        ? {}
        : { userManager: { isValidUser: (name: string, password: string) => users[name] === password } }),
      securityModes: isSecure
        ? [MessageSecurityMode.None, MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt]
        : [MessageSecurityMode.None],
      securityPolicies: isSecure
        ? [SecurityPolicy.None, SecurityPolicy.Basic256Sha256, SecurityPolicy.Aes128_Sha256_RsaOaep]
        : [SecurityPolicy.None],
      serverCapabilities: { maxSessions },
      buildInfo: {
        productName: 'Simulated CNC server',
        manufacturerName: 'Simulated Machines',
        productUri: 'urn:simulator:product',
        softwareVersion: '1.0',
      },
    } as never);
    await server.initialize();
    const space = server.engine.addressSpace;
    if (space === null) throw new Error('the server has no address space');
    for (const uri of this.#namespaces) space.registerNamespace(uri);
    const namespace = space.getNamespace(MACHINES_URI) as Namespace;
    const folder = namespace.addFolder(space.rootFolder.objects, { browseName: 'Machines', nodeId: 's=Machines' });
    this.#models = machines.map((name, i) => new CncModel(namespace, folder, name, seed + i));
    const counters = namespace.addFolder(space.rootFolder.objects, { browseName: 'Counters', nodeId: 's=Counters' });
    this.#counters = this.#counts.map((_, i) =>
      namespace.addVariable({
        componentOf: counters,
        browseName: `C${i}`,
        nodeId: `s=C${i}`,
        dataType: 'UInt32',
        minimumSamplingInterval: 0,
        value: { dataType: DataType.UInt32, value: 0 },
      }),
    );
    await server.start();
    this.#server = server;
    this.#port = Number(new URL(server.getEndpointUrl()).port);
    for (const model of this.#models) this.#write(model, 0, true);
    if (this.#isRunning) this.#begin();
    return this.url;
  }

  async stop(): Promise<void> {
    this.#halt();
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    this.#sessionsBefore += server.engine.cumulatedSessionCount;
    await server.shutdown(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
  }

  /** Lets the machines work until `pause`. */
  run(): void {
    this.#isRunning = true;
    if (this.#server !== undefined) this.#begin();
  }

  pause(): void {
    this.#isRunning = false;
    this.#halt();
  }

  /** Ends all sessions and their subscriptions, as an operator of the server can. */
  killSessions(): void {
    const engine = this.#server?.engine;
    for (const session of Object.values(
      (engine as unknown as { _sessions: Record<string, { authenticationToken: never }> })?._sessions ?? {},
    )) {
      engine?.closeSession(session.authenticationToken, true, 'Terminated');
    }
  }

  /** A variable gives this status from now on, until `heal`. */
  fail(
    machine: string,
    path: string,
    status: 'BadSensorFailure' | 'BadDeviceFailure' | 'UncertainLastUsableValue',
  ): void {
    this.#faults.set(`${machine}/${path}`, status);
    this.#latest.delete(`${machine}/${path}`);
  }

  heal(machine: string, path: string): void {
    this.#faults.delete(`${machine}/${path}`);
    this.#latest.delete(`${machine}/${path}`);
  }

  /** Takes a machine's variable out of the address space. */
  remove(machine: string, path: string): void {
    const model = this.#models.find(({ name }) => name === machine);
    const item = model?.items.get(path);
    if (model === undefined || item === undefined) throw new Error(`there is no ${machine}/${path}`);
    item.node.addressSpace.deleteNode(item.node);
    model.forget(path);
  }

  #begin(): void {
    this.#halt();
    const { rate = 2 } = this.#options;
    const every = 1000 / rate;
    this.#timers = [
      setInterval(() => {
        for (const model of this.#models) this.#write(model, every / 1000, false);
        for (const [i, node] of this.#counters.entries()) this.#count(i, node);
      }, every),
    ];
  }

  #halt(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
  }

  #count(i: number, node: UAVariable): void {
    const value = (this.#counts[i] ?? 0) + 1;
    this.#counts[i] = value;
    const path = `C${i}`;
    const sourceTimestamp = this.#stamp(path);
    node.setValueFromSource({ dataType: DataType.UInt32, value }, StatusCodes.Good, sourceTimestamp);
    this.#options.onProduced?.({ machine: '', path, nodeId: `nsu=${MACHINES_URI};s=${path}`, value, sourceTimestamp });
  }

  /** Writes what has changed, each with a time of its own. */
  #write(model: CncModel, seconds: number, all: boolean): void {
    for (const [path, value] of Object.entries(model.step(seconds))) {
      const item = model.items.get(path);
      if (item === undefined) continue;
      const key = `${model.name}/${path}`;
      const fault = this.#faults.get(key);
      const text = JSON.stringify([value, fault]);
      if (!all && this.#latest.get(key) === text) continue;
      this.#latest.set(key, text);
      const sourceTimestamp = this.#stamp(key);
      const variant = {
        dataType: item.dataType,
        value,
        ...(Array.isArray(value) ? { arrayType: VariantArrayType.Array, value: Float64Array.from(value) } : {}),
      };
      item.node.setValueFromSource(variant as never, StatusCodes[fault ?? 'Good'], sourceTimestamp);
      this.#options.onProduced?.({
        machine: model.name,
        path,
        nodeId: `nsu=${MACHINES_URI};s=${key.replaceAll('/', '.')}`,
        value,
        sourceTimestamp,
      });
    }
  }

  /** Now, and never the same twice for a variable. */
  #stamp(key: string): Date {
    const t = Math.max(Date.now() + this.skew, (this.#stamps.get(key) ?? 0) + 1);
    this.#stamps.set(key, t);
    return new Date(t);
  }
}
