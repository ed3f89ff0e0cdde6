import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import {
  DataType,
  type Namespace,
  OPCUACertificateManager,
  OPCUAServer,
  SecurityPolicy,
  StatusCodes,
  type UAObject,
  type UAVariable,
} from 'node-opcua';
import { setErrorLogger, setWarningLogger } from 'node-opcua-client';
import type { Test } from 'tap';

export const MILL = 'http://acme.com/mill';
export const OTHER = 'http://acme.com/other';

export interface ServerOptions {
  /** For keys and certificates. */
  readonly folder: string;
  readonly port?: number;
  /** In this order. */
  readonly namespaces?: readonly string[];
  /** Counters `Counters.c0` … below the mill. */
  readonly counters?: number;
  readonly users?: Readonly<Record<string, string>>;
  readonly maxSessions?: number;
  readonly maxSubscriptions?: number;
  readonly isSecure?: boolean;
}

/** A real OPC UA server with a mill in it, on 127.0.0.1. */
export class MillServer {
  readonly server: OPCUAServer;
  readonly counters: UAVariable[] = [];
  sessionsCreated = 0;
  #mill: UAObject | undefined;
  #namespace: Namespace | undefined;
  readonly #options: ServerOptions;

  constructor(options: ServerOptions, port: number) {
    this.#options = options;
    // What it says is thrown at the client as well.
    setWarningLogger(() => undefined);
    setErrorLogger(() => undefined);
    this.server = new OPCUAServer({
      port,
      host: '127.0.0.1',
      hostname: 'no-such-host.invalid',
      serverCertificateManager: new OPCUACertificateManager({
        rootFolder: join(options.folder, 'pki'),
        automaticallyAcceptUnknownCertificate: true,
        disableFileWatchers: true,
      }),
      securityPolicies: options.isSecure
        ? [SecurityPolicy.None, SecurityPolicy.Basic256Sha256, SecurityPolicy.Aes256_Sha256_RsaPss]
        : [SecurityPolicy.None],
      serverInfo: { applicationUri: 'urn:test:mill' },
      buildInfo: { productName: 'Mill', manufacturerName: 'Acme' },
      serverCapabilities: {
        maxSessions: options.maxSessions ?? 50,
      },
      allowAnonymous: options.users === undefined,
      userManager: { isValidUser: (name: string, password: string) => options.users?.[name] === password },
      discoveryServerEndpointUrl: 'opc.tcp://127.0.0.1:1',
    });
  }

  get url(): string {
    return `opc.tcp://127.0.0.1:${this.port}`;
  }

  get port(): number {
    return this.server.endpoints[0]?.port ?? 0;
  }

  get mill(): UAObject {
    if (this.#mill === undefined) throw new Error('not started');
    return this.#mill;
  }

  get namespace(): Namespace {
    if (this.#namespace === undefined) throw new Error('not started');
    return this.#namespace;
  }

  async start(): Promise<this> {
    const { server } = this;
    await server.initialize();
    const { addressSpace } = server.engine;
    if (addressSpace === null) throw new Error('no address space');
    for (const uri of this.#options.namespaces ?? [MILL, OTHER]) addressSpace.registerNamespace(uri);
    this.#namespace = addressSpace.getNamespace(MILL) as Namespace;
    const machines = this.namespace.addFolder(addressSpace.rootFolder.objects, {
      browseName: 'Machines',
      nodeId: 's=Machines',
    });
    this.#mill = this.namespace.addObject({ componentOf: machines, browseName: 'Mill', nodeId: 's=Mill' });
    const spindle = this.namespace.addObject({
      componentOf: this.mill,
      browseName: 'Spindle',
      nodeId: 's=Mill.Spindle',
    });
    this.add('Speed', DataType.Double, 0, spindle, 's=Mill.Spindle.Speed');
    this.add('Mode', DataType.Int32, 0);
    const counters = this.namespace.addObject({
      componentOf: this.mill,
      browseName: 'Counters',
      nodeId: 's=Mill.Counters',
    });
    for (let i = 0; i < (this.#options.counters ?? 0); i++) {
      this.counters.push(this.add(`c${i}`, DataType.UInt32, 0, counters, `s=Mill.Counters.c${i}`));
    }
    server.on('create_session', () => {
      this.sessionsCreated += 1;
    });
    await server.start();
    const { maxSubscriptions } = this.#options;
    if (maxSubscriptions !== undefined) server.engine.serverCapabilities.maxSubscriptions = maxSubscriptions;
    return this;
  }

  add(
    name: string,
    dataType: DataType,
    value: unknown,
    parent: UAObject = this.mill,
    nodeId = `s=Mill.${name}`,
  ): UAVariable {
    return this.namespace.addVariable({
      componentOf: parent,
      browseName: name,
      nodeId,
      dataType,
      minimumSamplingInterval: 0,
      value: { dataType, value },
    });
  }

  /** Sets a variable, stamped now. */
  set(name: string, value: unknown, status = StatusCodes.Good): void {
    const variable = this.server.engine.addressSpace?.findNode(
      `ns=${this.namespace.index};s=Mill.${name}`,
    ) as UAVariable;
    variable.setValueFromSource({ dataType: variable.dataType.value as DataType, value }, status, new Date());
  }

  /** Every counter goes up by one. */
  tick(): void {
    for (const counter of this.counters) {
      const value = (counter.readValue().value.value as number) + 1;
      counter.setValueFromSource({ dataType: DataType.UInt32, value }, StatusCodes.Good, new Date());
    }
  }

  /** As a server does that has had enough: every session is closed on its side. */
  killSessions(deleteSubscriptions: boolean): void {
    const { engine } = this.server;
    const sessions = Object.values(
      (engine as unknown as { _sessions: Record<string, { authenticationToken: never }> })._sessions,
    );
    for (const { authenticationToken } of sessions)
      engine.closeSession(authenticationToken, deleteSubscriptions, 'Forcing');
  }

  async stop(): Promise<void> {
    await this.server.shutdown(0);
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

/** A server that ends with the test. */
export async function millFor(test: Test, options: Partial<ServerOptions> = {}): Promise<MillServer> {
  const folder = options.folder ?? test.testdir();
  const server = await new MillServer({ folder, ...options }, options.port ?? (await freePort())).start();
  test.teardown(() => server.stop());
  return server;
}
