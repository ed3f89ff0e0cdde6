import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { SimulatedAgent } from '../../simulator/mtconnect/agent.ts';
import { type FaultyProxy, startProxy } from '../../simulator/proxy.ts';
import { DemoConsumer } from '../../src/demo/demo-consumer.ts';
import { microsOf, Tally } from '../../src/demo/tally.ts';
import { type Mosquitto, OPEN, startMosquitto } from './brokers.ts';
import { createAuthority } from './certificates.ts';

const BIN = join(import.meta.dirname, '../../bin/edge-gateway');
const MACHINE = 'vmc-1';
const WAIT_MS = 30_000;
const POLL_MS = 50;

/** One line of the log. */
export interface LogLine {
  readonly level: number;
  readonly msg: string;
  readonly machine?: string;
}

/** A gateway process and what it logs. */
export interface RunningGateway {
  readonly child: ChildProcess;
  /** What it wrote to standard error has level 0. */
  readonly lines: readonly LogLine[];
  /** Resolves with the exit code, null after a signal. */
  readonly exited: Promise<number | null>;
}

/** Starts `edge-gateway run` on a config file, with `more` in its environment. */
export function runGateway(file: string, more: Readonly<Record<string, string>> = {}): RunningGateway {
  // What tap adds to every Node.js below it, whatever its environment says, would count as the gateway's memory: 20 MB.
  const child = spawn('env', ['-u', 'NODE_OPTIONS', BIN, 'run', '--config', file], {
    env: { ...process.env, ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: LogLine[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(JSON.parse(line)));
  createInterface({ input: child.stderr }).on('line', (msg) => lines.push({ level: 0, msg }));
  const exited = once(child, 'exit').then(([code]) => code as number | null);
  return { child, lines, exited };
}

/** Waits for what no event tells; fails with `what` after half a minute. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, ms = WAIT_MS): Promise<void> {
  const deadline = Date.now() + ms;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${ms / 1000} s in vain: ${what}`);
    await sleep(POLL_MS);
  }
}

export interface PlantOptions {
  /** Without TLS the proxy sees the bytes of MQTT. Default: with TLS and client certificates. */
  readonly secure?: boolean;
  /** More keys of the config's `gateway`, `uplink` and `buffer`. */
  readonly gateway?: object;
  readonly uplink?: object;
  readonly buffer?: object;
}

/**
 * One machine → gateway process → real Mosquitto → reference consumer, counted at both ends. The gateway's way to the
 * broker leads through a proxy.
 */
export class Plant implements AsyncDisposable {
  readonly agent: SimulatedAgent;
  readonly tally = new Tally();
  readonly broker: Mosquitto;
  readonly uplink: FaultyProxy;
  readonly configFile: string;
  consumer!: DemoConsumer;
  #connected = true;
  gateway: RunningGateway | undefined;

  private constructor(agent: SimulatedAgent, broker: Mosquitto, uplink: FaultyProxy, configFile: string) {
    this.agent = agent;
    this.broker = broker;
    this.uplink = uplink;
    this.configFile = configFile;
  }

  /** @param folder for certificates, config and data */
  static async start(folder: string, rate: number, options: PlantOptions = {}): Promise<Plant> {
    const { scheme, lines, tls } = options.secure === false ? PLAIN : tlsFiles(folder);
    const broker = await startMosquitto([...lines, ...OPEN, 'max_queued_messages 0', 'max_inflight_messages 0']);
    const uplink = await startProxy(broker.port);
    let plant: Plant | undefined;
    const agent = new SimulatedAgent({
      devices: [{ name: MACHINE }],
      version: '2.0',
      rate,
      onProduced: ({ device, dataItemId, name, timestamp }) => {
        if (device === MACHINE) plant?.tally.addProduced(device, { id: dataItemId, name }, microsOf(timestamp));
      },
    });
    const configFile = join(folder, 'gateway.yaml');
    plant = new Plant(agent, broker, uplink, configFile);
    await agent.start();
    agent.pause();
    const config = {
      gateway: { id: 'gw-1', tenant: 'acme', dataDir: join(folder, 'data'), ...options.gateway },
      machines: [{ id: MACHINE, driver: 'mtconnect', url: agent.url.href, device: MACHINE }],
      uplink: {
        url: `${scheme}://127.0.0.1:${uplink.port}`,
        ...(tls === undefined ? {} : { tls }),
        backoff: { min: '100ms', max: '1s' },
        ...options.uplink,
      },
      buffer: options.buffer ?? {},
      http: { listen: '127.0.0.1:0' },
      log: { format: 'json' },
    };
    writeFileSync(configFile, stringify(config));
    const pem = (file: string) => readFileSync(file, 'utf8');
    plant.consumer = await DemoConsumer.connect(
      {
        url: `${scheme}://127.0.0.1:${broker.port}`,
        ...(tls === undefined ? {} : { ca: pem(tls.ca), cert: pem(tls.cert), key: pem(tls.key) }),
        onLink: (connected) => {
          plant.#connected = connected;
        },
      },
      plant.tally,
    );
    return plant;
  }

  /** Starts the gateway, and the machine once its first data has come. */
  async begin(): Promise<void> {
    this.gateway = runGateway(this.configFile);
    await this.consumer.firstContact([MACHINE], AbortSignal.timeout(WAIT_MS));
    this.agent.run();
  }

  /** Kills the broker; the gateway finds nothing but refused connections until `brokerBack`. */
  async brokerDies(): Promise<void> {
    this.uplink.mode = 'refuse';
    await this.broker.stop('SIGKILL');
  }

  /** The broker is back; the gateway reaches it once the consumer does, since it keeps no session over a kill. */
  async brokerBack(): Promise<void> {
    await this.broker.start();
    await until('the consumer is connected again', () => this.#connected);
    // The subscription follows the connection at once.
    await sleep(200);
    this.uplink.mode = 'flow';
  }

  /** Stops the machine and waits until everything that it produced has been received. */
  async settle(): Promise<void> {
    this.agent.pause();
    await until('everything produced is received', () => this.tally.missing === 0).catch(() => undefined);
  }

  /** Ends the gateway with SIGTERM; its exit code and how long it took, in milliseconds. */
  async terminate(): Promise<{ code: number | null; ms: number }> {
    const begun = performance.now();
    this.gateway?.child.kill('SIGTERM');
    const code = (await this.gateway?.exited) ?? null;
    return { code, ms: performance.now() - begun };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.gateway?.child.kill('SIGKILL');
    await this.gateway?.exited;
    await this.consumer[Symbol.asyncDispose]();
    await this.agent.stop();
    await this.uplink[Symbol.asyncDispose]();
    await this.broker[Symbol.asyncDispose]();
  }
}

interface Security {
  readonly scheme: string;
  /** Of the broker's config. */
  readonly lines: readonly string[];
  /** Paths for its clients. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string };
}

const PLAIN: Security = { scheme: 'mqtt', lines: [] };

/** A CA, and what it has issued to the broker and its clients. */
function tlsFiles(folder: string): Security {
  const { ca, issue } = createAuthority(folder);
  const server = issue('server');
  const { cert, key } = issue('gateway');
  const lines = [`cafile ${ca}`, `certfile ${server.cert}`, `keyfile ${server.key}`, 'require_certificate true'];
  return { scheme: 'mqtts', lines, tls: { ca, cert, key } };
}

/** Resident memory of a process in MB (10⁶ bytes). */
export function residentMb(child: ChildProcess): number {
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8');
  return (Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024) / 1e6;
}
