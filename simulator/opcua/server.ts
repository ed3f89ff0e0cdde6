import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  DataType,
  MessageSecurityMode,
  type Namespace,
  OPCUACertificateManager,
  SecurityPolicy,
  type ServerSession,
  StatusCodes,
  type UAVariable,
} from 'node-opcua';
import { SimulatedCnc, type Written } from './cnc.ts';
import { CncNodes } from './cnc-nodes.ts';
import { addDataTypes } from './data-types.ts';
import { FaultyServer, type ServiceTrouble } from './faulty-server.ts';
import type { StatusName } from './leaves.ts';

/** Namespace of the machines. */
export const MACHINES_URI = 'urn:simulator:machines';
/** Namespaces beside it, whose order a restart may change. */
export const OTHER_URIS = ['urn:simulator:vendor', 'http://opcfoundation.org/UA/Machinery/'] as const;

/** A value that a variable was given: told once for each that is written. */
export interface ProducedItem extends Written {
  /** Empty for a counter. */
  readonly machine: string;
  /** Names below the machine, or of the counter. */
  readonly path: string;
  /** With the URI of its namespace: `nsu=…;s=…`. */
  readonly nodeId: string;
}

export interface SimulatedOpcuaOptions {
  /** Default: any that is free, the same after a restart. */
  readonly port?: number;
  readonly host?: string;
  /** What the server calls its host in its endpoints; default `host`. */
  readonly hostname?: string;
  readonly machines?: readonly string[];
  /** Counters `Counters/C0` …, each incremented at `rate` Hz. */
  readonly items?: number;
  /** Steps a second; default 2. */
  readonly rate?: number;
  readonly seed?: number;
  /** Application namespaces in their order, which gives them their indices. */
  readonly namespaces?: readonly string[];
  /** `all`: Sign and SignAndEncrypt beside None. `only`: without None. Default `none`. */
  readonly security?: 'none' | 'all' | 'only';
  /** User names and passwords; with them, nobody is let in without. */
  readonly users?: Readonly<Record<string, string>>;
  /** For its certificates; a temporary one otherwise. */
  readonly folder?: string;
  readonly maxSessions?: number;
  /** E.g. `{ maxNodesPerRead: 10, maxMonitoredItemsPerCall: 20 }`. */
  readonly operationLimits?: Readonly<Record<string, number>>;
  /** Default true; else CreateSubscription is an unknown service. */
  readonly canSubscribe?: boolean;
  readonly onProduced?: (produced: ProducedItem) => void;
}

/**
 * An OPC UA server with CNCs, made with node-opcua. `stop` and `start` are a restart: its sessions are gone, its
 * namespaces may have other indices, its machines and counters have lived on.
 */
export class SimulatedOpcuaServer {
  readonly #options: SimulatedOpcuaOptions;
  readonly #machines: readonly SimulatedCnc[];
  readonly #troubles = new Map<string, ServiceTrouble>();
  readonly #counts: number[];
  readonly #stamps = new Map<string, number>();
  #namespaces: readonly string[];
  #server: FaultyServer | undefined;
  #folder: string | undefined;
  #port: number;
  #counters: UAVariable[] = [];
  #timer: NodeJS.Timeout | undefined;
  #isRunning = false;
  #sessionsBefore = 0;
  /** Milliseconds by which the machines' clocks are wrong. */
  skew = 0;

  constructor(options: SimulatedOpcuaOptions = {}) {
    this.#options = options;
    const { machines = ['cnc-1'], seed = 1, items = 0, canSubscribe = true } = options;
    this.#port = options.port ?? 0;
    this.#namespaces = options.namespaces ?? [MACHINES_URI, ...OTHER_URIS];
    this.#counts = Array.from({ length: items }, () => 0);
    const stamp = (key: string) => this.#stamp(key);
    this.#machines = machines.map(
      (name, i) => new SimulatedCnc(name, seed + i, stamp, (written) => this.#tell(name, written)),
    );
    if (!canSubscribe) this.disturb('CreateSubscription', { kind: 'refuse', status: 'BadServiceUnsupported' });
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

  /** @param namespaces another order of the namespaces from now on. Resolves to the URL */
  async start(namespaces: readonly string[] = this.#namespaces): Promise<string> {
    this.#namespaces = namespaces;
    const server = new FaultyServer(await this.#serverOptions(), this.#troubles);
    await server.initialize();
    const space = server.engine.addressSpace;
    if (space === null) throw new Error('the server has no address space');
    space.installAlarmsAndConditionsService();
    for (const uri of this.#namespaces) space.registerNamespace(uri);
    const namespace = space.getNamespace(MACHINES_URI) as Namespace;
    const types = await addDataTypes(namespace);
    const folder = namespace.addFolder(space.rootFolder.objects, { browseName: 'Machines', nodeId: 's=Machines' });
    const nodes = this.#machines.map(({ name, serial }) => new CncNodes(namespace, folder, types, name, serial));
    this.#addCounters(namespace);
    await server.start();
    this.#server = server;
    this.#port = server.endpoints[0]?.port ?? 0;
    for (const [i, machine] of this.#machines.entries()) machine.attach(nodes[i] as CncNodes);
    if (this.#isRunning) this.#begin();
    return this.url;
  }

  /** Its certificates stay, for the next start. */
  async stop(): Promise<void> {
    this.#halt();
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    this.#sessionsBefore += server.engine.cumulatedSessionCount;
    server.forget();
    await server.shutdown(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    if (this.#folder !== undefined) await rm(this.#folder, { recursive: true, force: true });
    this.#folder = undefined;
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

  /** Lets so many seconds pass at once. */
  step(seconds: number): void {
    for (const machine of this.#machines) machine.step(seconds);
    for (const [i, node] of this.#counters.entries()) this.#count(i, node);
  }

  /** Ends all sessions, as an operator of the server can; their subscriptions as well unless they are to be kept. */
  killSessions({ keepSubscriptions = false } = {}): void {
    const engine = this.#server?.engine;
    for (const { authenticationToken } of this.#openSessions())
      engine?.closeSession(authenticationToken, !keepSubscriptions, 'Terminated');
  }

  /** Ends all subscriptions without a word; the sessions stay. */
  killSubscriptions(): void {
    for (const session of this.#openSessions())
      for (const { id } of [...session.publishEngine.subscriptions]) session.deleteSubscription(id);
  }

  /** A service, e.g. `Read` or `Publish`, does not do what it should until it is `cured`. Restarts do not help. */
  disturb(service: string, trouble: ServiceTrouble): void {
    this.#troubles.set(service, trouble);
  }

  cure(service: string): void {
    this.#troubles.delete(service);
    this.#server?.release(service);
  }

  /** A variable has this status from the next step on, until `heal`. */
  fail(machine: string, path: string, status: StatusName): void {
    this.#machine(machine).fail(path, status);
  }

  heal(machine: string, path: string): void {
    this.#machine(machine).heal(path);
  }

  /** Takes a machine's variable out of the address space. */
  remove(machine: string, path: string): void {
    this.#machine(machine).remove(path);
  }

  /** Puts a variable back that was taken out, under the same id. */
  restore(machine: string, path: string): void {
    this.#machine(machine).restore(path);
  }

  async #serverOptions() {
    const { host = '127.0.0.1', hostname = host, security = 'none', users, maxSessions = 20 } = this.#options;
    if (this.#options.folder === undefined) this.#folder ??= await mkdtemp(join(tmpdir(), 'simulated-opcua-'));
    const certificates = new OPCUACertificateManager({
      rootFolder: this.#options.folder ?? this.#folder ?? '',
      automaticallyAcceptUnknownCertificate: true,
      disableFileWatchers: true,
    });
    const plain = security === 'only' ? [] : [MessageSecurityMode.None];
    const secure = security === 'none' ? [] : [MessageSecurityMode.Sign, MessageSecurityMode.SignAndEncrypt];
    return {
      host,
      hostname,
      port: this.#port,
      serverCertificateManager: certificates,
      userCertificateManager: certificates,
      allowAnonymous: users === undefined,
      userManager: { isValidUser: (name: string, password: string) => users?.[name] === password },
      securityModes: [...plain, ...secure],
      securityPolicies: [
        ...plain.map(() => SecurityPolicy.None),
        ...(security === 'none' ? [] : [SecurityPolicy.Basic256Sha256, SecurityPolicy.Aes128_Sha256_RsaOaep]),
      ],
      serverCapabilities: { maxSessions, operationLimits: { ...this.#options.operationLimits } },
      serverInfo: { applicationName: { text: 'Simulated CNC server' }, productUri: 'urn:simulator:product' },
      buildInfo: {
        productName: 'Simulated CNC server',
        manufacturerName: 'Simulated Machines',
        productUri: 'urn:simulator:product',
        softwareVersion: '1.0',
      },
      // Nobody is told of it.
      discoveryServerEndpointUrl: '',
    };
  }

  #addCounters(namespace: Namespace): void {
    const { objects } = namespace.addressSpace.rootFolder;
    const folder = namespace.addFolder(objects, { browseName: 'Counters', nodeId: 's=Counters' });
    this.#counters = this.#counts.map((value, i) =>
      namespace.addVariable({
        componentOf: folder,
        browseName: `C${i}`,
        nodeId: `s=C${i}`,
        dataType: 'UInt32',
        minimumSamplingInterval: 0,
        value: { dataType: DataType.UInt32, value },
      }),
    );
  }

  /** node-opcua tells its sessions only so. */
  #openSessions(): ServerSession[] {
    const engine = this.#server?.engine as unknown as { _sessions: Record<string, ServerSession> } | undefined;
    return Object.values(engine?._sessions ?? {});
  }

  #machine(name: string): SimulatedCnc {
    const machine = this.#machines.find((one) => one.name === name);
    if (machine === undefined) throw new RangeError(`there is no ${name}`);
    return machine;
  }

  #begin(): void {
    this.#halt();
    const seconds = 1 / (this.#options.rate ?? 2);
    this.#timer = setInterval(() => this.step(seconds), seconds * 1000);
  }

  #halt(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #count(i: number, node: UAVariable): void {
    const value = (this.#counts[i] ?? 0) + 1;
    this.#counts[i] = value;
    const path = `C${i}`;
    const sourceTimestamp = this.#stamp(path);
    node.setValueFromSource({ dataType: DataType.UInt32, value }, StatusCodes.Good, sourceTimestamp);
    this.#tell('', { path, value, status: 'Good', sourceTimestamp });
  }

  #tell(machine: string, written: Written): void {
    const name = machine === '' ? written.path : `${machine}.${written.path.replaceAll('/', '.')}`;
    this.#options.onProduced?.({ machine, nodeId: `nsu=${MACHINES_URI};s=${name}`, ...written });
  }

  /** Now, and never the same twice for a variable. */
  #stamp(key: string): Date {
    const t = Math.max(Date.now() + this.skew, (this.#stamps.get(key) ?? 0) + 1);
    this.#stamps.set(key, t);
    return new Date(t);
  }
}
