import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { Line, Throttle } from './proxy-line.ts';

/** `up`: from the client to the server. */
export type Direction = 'up' | 'down';

/** A TCP proxy on 127.0.0.1 with the faults of a network. */
export interface FaultyProxy extends AsyncDisposable {
  readonly port: number;
  /** Connections accepted so far. */
  readonly accepted: number;
  /**
   * `flow`: passes on; `blackHole`: accepts and swallows what comes, without a word; `refuse`: cuts new connections at
   * once. A connection of which something was swallowed stays dead for ever.
   */
  mode: 'flow' | 'blackHole' | 'refuse';
  /** The direction in which what comes is swallowed while the other one works. */
  mute: Direction | undefined;
  /** Milliseconds that all is under way. */
  latency: number;
  /** Milliseconds that come on top at most, drawn anew for whatever comes at once; the order stays. */
  jitter: number;
  /** Bytes a second in each direction, all connections together; `undefined`: no limit. */
  bandwidth: number | undefined;
  /** Is shown what the clients of each connection send. */
  watch: ((connection: number, chunk: Buffer) => void) | undefined;
  /** Cuts all connections with RST. */
  cut(): void;
  /**
   * Lets so many bytes pass in a direction and cuts the connection behind the last one, wherever in a packet that is:
   * the receiver sees an end, the sender a reset. Resolves when it is done; cuts of a direction come one after another.
   */
  cutAfter(bytes: number, direction: Direction): Promise<void>;
  /**
   * One side of all connections is gone and the other one is never told: it sends into nothing. `server`: as when a
   * router forgets them; `client`: as when a computer loses its power and is back before anybody asks.
   */
  vanish(side: 'client' | 'server'): void;
}

export interface ProxyOptions {
  /** Source of the jitter, 0 to 1. */
  readonly random?: () => number;
}

interface Connection {
  readonly client: Socket;
  readonly server: Socket;
  readonly lines: readonly Line[];
}

interface Cut {
  left: number;
  readonly done: () => void;
}

/** Starts a proxy in front of a port on 127.0.0.1. */
export async function startProxy(target: number, { random = Math.random }: ProxyOptions = {}): Promise<FaultyProxy> {
  const connections = new Set<Connection>();
  const throttles: Readonly<Record<Direction, Throttle>> = { up: new Throttle(), down: new Throttle() };
  const cuts: Readonly<Record<Direction, Cut[]>> = { up: [], down: [] };
  let accepted = 0;

  /** How many of so many bytes pass before a cut that was ordered. */
  const allow = (direction: Direction, bytes: number): number => {
    const [cut] = cuts[direction];
    if (cut === undefined) return bytes;
    const allowed = Math.min(bytes, cut.left);
    cut.left -= allowed;
    if (allowed === bytes) return bytes;
    cuts[direction].shift();
    cut.done();
    return allowed;
  };
  const carry = (from: Socket, to: Socket, direction: Direction) =>
    new Line({
      from,
      to,
      throttle: throttles[direction],
      delay: () => proxy.latency + proxy.jitter * random(),
      isLost: () => proxy.mode === 'blackHole' || proxy.mute === direction,
      allow: (bytes) => allow(direction, bytes),
    });

  const server = createServer((client) => {
    accepted += 1;
    if (proxy.mode === 'refuse') return client.resetAndDestroy();
    const upstream = connect(target, '127.0.0.1');
    const number = accepted;
    client.on('data', (chunk) => proxy.watch?.(number, chunk));
    const lines = [carry(client, upstream, 'up'), carry(upstream, client, 'down')];
    const connection = { client, server: upstream, lines };
    connections.add(connection);
    const gone = () => {
      if (client.destroyed && upstream.destroyed) connections.delete(connection);
    };
    client.on('close', gone);
    upstream.on('close', gone);
    return undefined;
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const proxy: FaultyProxy = {
    port: (server.address() as AddressInfo).port,
    get accepted() {
      return accepted;
    },
    mode: 'flow',
    mute: undefined,
    latency: 0,
    jitter: 0,
    get bandwidth() {
      return throttles.up.bytesPerSecond;
    },
    set bandwidth(bytesPerSecond) {
      throttles.up.bytesPerSecond = bytesPerSecond;
      throttles.down.bytesPerSecond = bytesPerSecond;
    },
    watch: undefined,
    cut() {
      for (const { client, server: upstream } of connections) {
        client.resetAndDestroy();
        upstream.resetAndDestroy();
      }
    },
    cutAfter(bytes, direction) {
      const { promise, resolve } = Promise.withResolvers<void>();
      cuts[direction].push({ left: bytes, done: resolve });
      return promise;
    },
    vanish(side) {
      for (const { lines, ...ends } of connections) {
        for (const line of lines) line.kill();
        ends[side].resetAndDestroy();
      }
    },
    async [Symbol.asyncDispose]() {
      for (const { client, server: upstream } of connections) {
        client.destroy();
        upstream.destroy();
      }
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
