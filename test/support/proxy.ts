import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** A TCP proxy on 127.0.0.1 with the faults of a network. */
export interface FaultyProxy extends AsyncDisposable {
  readonly port: number;
  /** Connections accepted so far. */
  readonly accepted: number;
  /** `flow`: passes on; `blackHole`: swallows what comes, without a word; `refuse`: cuts new connections at once. */
  mode: 'flow' | 'blackHole' | 'refuse';
  /** Milliseconds that each chunk waits on its way. */
  latency: number;
  /** Is shown what the clients of each connection send. */
  watch: ((connection: number, chunk: Buffer) => void) | undefined;
  /** Cuts all connections with RST. */
  cut(): void;
}

/** Starts a proxy in front of a port on 127.0.0.1. */
export async function startProxy(target: number): Promise<FaultyProxy> {
  const sockets = new Set<Socket>();
  let accepted = 0;

  const forward = (from: Socket, to: Socket) => {
    // One chunk after the other, so that the order stays with any latency.
    let previous = Promise.resolve();
    from.on('data', (chunk) => {
      previous = previous.then(async () => {
        if (proxy.latency > 0) await sleep(proxy.latency);
        if (proxy.mode !== 'blackHole' && to.writable) to.write(chunk);
      });
    });
    from.on('close', () => {
      sockets.delete(from);
      if (proxy.mode !== 'blackHole') to.destroy();
    });
    from.on('error', () => to.destroy());
    sockets.add(from);
  };

  const server = createServer((client) => {
    accepted += 1;
    if (proxy.mode === 'refuse') return client.resetAndDestroy();
    const upstream = connect(target, '127.0.0.1');
    const connection = accepted;
    client.on('data', (chunk) => proxy.watch?.(connection, chunk));
    forward(client, upstream);
    forward(upstream, client);
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
    latency: 0,
    watch: undefined,
    cut() {
      for (const socket of sockets) socket.resetAndDestroy();
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return proxy;
}
