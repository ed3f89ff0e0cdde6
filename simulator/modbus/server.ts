import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';

const FLOOD_EVERY_MS = 10;

export interface ServerOptions {
  /** Default 127.0.0.1. */
  readonly host?: string;
  /** Default 0: any that is free. */
  readonly port?: number;
  /** Clients at once; one too many is closed as soon as it was accepted. Default any number. */
  readonly maxClients?: number;
}

/** A TCP listener with what can go wrong with its connections. What is said over them is another's. */
export class ConnectionServer {
  readonly #options: ServerOptions;
  readonly #serve: (socket: Socket) => () => void;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #flood: NodeJS.Timeout | undefined;
  /** What it got at its first start. */
  #port: number | undefined;
  #isFrozen = false;
  #accepted = 0;

  /** @param serve begins to serve a connection and gives what ends it */
  constructor(options: ServerOptions, serve: (socket: Socket) => () => void) {
    this.#options = options;
    this.#serve = serve;
  }

  /** Connections that are open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Connections that were ever accepted, those that were one too many not counted. */
  get accepted(): number {
    return this.#accepted;
  }

  /** Resolves with host:port once it listens; the same port again after `stop`. */
  async start(): Promise<string> {
    const { host = '127.0.0.1', port = 0 } = this.#options;
    const server = createServer({ noDelay: true }, (socket) => this.#accept(socket));
    server.listen(this.#port ?? port, host);
    await once(server, 'listening');
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
    return `${host.includes(':') ? `[${host}]` : host}:${this.#port}`;
  }

  async stop(): Promise<void> {
    clearInterval(this.#flood);
    const server = this.#server;
    if (server === undefined || !server.listening) return;
    const closed = once(server, 'close');
    server.close();
    this.cut();
    await closed;
  }

  /** Breaks every connection. */
  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** As when the power fails behind a switch: connections stay, and nothing is read or said any more. */
  freeze(): void {
    this.#isFrozen = true;
    for (const socket of this.#sockets) socket.pause();
  }

  thaw(): void {
    this.#isFrozen = false;
    for (const socket of this.#sockets) socket.resume();
  }

  /** Sends noise to every client until it is called with 0. */
  flood(bytesPerSecond: number): void {
    clearInterval(this.#flood);
    if (bytesPerSecond === 0) return;
    const portion = Math.ceil((bytesPerSecond * FLOOD_EVERY_MS) / 1000);
    this.#flood = setInterval(() => {
      // A client that does not read is not sent more: the noise must not fill our own memory.
      for (const socket of this.#sockets) if (!socket.writableNeedDrain) socket.write(randomBytes(portion));
    }, FLOOD_EVERY_MS);
  }

  #accept(socket: Socket): void {
    if (this.#sockets.size >= (this.#options.maxClients ?? Number.POSITIVE_INFINITY)) {
      socket.destroy();
      return;
    }
    this.#accepted += 1;
    this.#sockets.add(socket);
    const end = this.#serve(socket);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      end();
    });
    // Clients that vanish are none of its business.
    socket.on('error', () => socket.destroy());
    if (this.#isFrozen) socket.pause();
  }
}
