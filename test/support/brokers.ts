import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Server as HttpServer } from 'node:http';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Aedes, type AedesOptions } from 'aedes';
import { createWebSocketStream, WebSocketServer } from 'ws';

const READY_MS = 5000;

const mosquittoPath = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin']
  .map((folder) => join(folder, 'mosquitto'))
  .find((file) => existsSync(file));

/**
 * Reason to skip a test: false, or that there is no mosquitto (Debian package `mosquitto`). With REQUIRE_MOSQUITTO=1 in
 * the environment nothing is skipped, so that its absence is a failure.
 */
export const noMosquitto: string | false =
  mosquittoPath !== undefined || process.env['REQUIRE_MOSQUITTO'] === '1' ? false : 'no mosquitto';

/** A running Mosquitto, on 127.0.0.1. */
export interface Mosquitto extends AsyncDisposable {
  /** Stays the same over restarts. */
  readonly port: number;
  /** Folder of its config. */
  readonly folder: string;
  /** What it has logged. */
  readonly log: string;
  /** Ends it: with SIGKILL as a power cut would, else in an orderly way. */
  stop(signal?: 'SIGKILL' | 'SIGTERM'): Promise<void>;
  /** Starts it again on the same port, as another config says if one is given. */
  start(config?: readonly string[]): Promise<void>;
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Lines that let anybody in. */
export const OPEN: readonly string[] = ['allow_anonymous true'];

/**
 * Starts a Mosquitto whose config is the listener and `config`; files that it needs (ACL, passwords) are given by name
 * with their content. Resolves when it accepts connections.
 */
export async function startMosquitto(
  config: readonly string[] = OPEN,
  files: Readonly<Record<string, string>> = {},
): Promise<Mosquitto> {
  if (mosquittoPath === undefined) throw new Error('there is no mosquitto: apt-get install mosquitto');
  const folder = mkdtempSync(join(tmpdir(), 'mosquitto-'));
  const port = await freePort();
  let lines = config;
  let child: ChildProcess | undefined;
  let log = '';
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content, { mode: 0o600 });

  const start = async (next = lines) => {
    lines = next;
    const file = join(folder, 'mosquitto.conf');
    const user = process.getuid?.() === 0 ? ['user root'] : [];
    writeFileSync(file, [`listener ${port} 127.0.0.1`, ...user, ...lines, ''].join('\n'));
    child = spawn(mosquittoPath, ['-c', file, '-v'], { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const output of [child.stdout, child.stderr]) output?.on('data', (text) => (log += text));
    await ready(port, child, () => log);
  };
  const stop = async (signal: 'SIGKILL' | 'SIGTERM' = 'SIGTERM') => {
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    child.kill(signal);
    await once(child, 'exit');
  };
  await start();
  return {
    port,
    folder,
    get log() {
      return log;
    },
    stop,
    start,
    async [Symbol.asyncDispose]() {
      await stop('SIGKILL');
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function ready(port: number, child: ChildProcess, log: () => string): Promise<void> {
  const deadline = Date.now() + READY_MS;
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`mosquitto ended at once: ${log()}`);
    const socket = connect(port, '127.0.0.1');
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
    await sleep(10);
  }
  throw new Error(`mosquitto does not accept connections: ${log()}`);
}

/** An embedded broker that knows only MQTT 3.1.1. */
export interface EmbeddedBroker extends AsyncDisposable {
  readonly port: number;
  readonly aedes: Aedes;
}

type Listen = (handle: Aedes['handle']) => Server;

/** Serves MQTT over the WebSockets of an HTTP or HTTPS server that does not listen yet. */
export function webSocketListener(server: HttpServer): Listen {
  return (handle) => {
    const webSockets = new WebSocketServer({ server });
    webSockets.on('connection', (socket, request) => handle(createWebSocketStream(socket), request));
    return server;
  };
}

/** Starts aedes on 127.0.0.1: over TCP, or whatever `listen` makes of it. */
export async function startAedes(
  options: AedesOptions = {},
  listen: Listen = (handle) => createServer(handle),
): Promise<EmbeddedBroker> {
  const aedes = await Aedes.createBroker(options);
  const server = listen(aedes.handle);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    aedes,
    async [Symbol.asyncDispose]() {
      await new Promise<void>((resolve) => aedes.close(resolve));
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
