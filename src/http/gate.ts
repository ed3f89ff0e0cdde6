import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { RateLimit } from './rate-limit.ts';

/** Requests. A page that is opened makes about ten. */
const REQUESTS = { each: { burst: 100, perSecond: 20 }, all: { burst: 300, perSecond: 100 } };
const TOO_MANY = JSON.stringify({ error: 'too many requests: ask less often' });
const MAX_CONNECTIONS_OF_ONE = 128;

/**
 * Whether a request is taken. Who asks too often is told so, at as little cost as can be. Who asks again before he has the answer, on
 * the same connection (pipelining, which no browser does), is cut off: answers that nobody fetches would pile up.
 */
export function requestGate(): (socket: Socket, outgoing: ServerResponse) => boolean {
  const requests = new RateLimit(REQUESTS);
  const busy = new WeakSet<Socket>();
  return (socket, outgoing) => {
    if (busy.has(socket)) {
      socket.destroy();
      return false;
    }
    busy.add(socket);
    outgoing.on('close', () => busy.delete(socket));
    const address = socket.remoteAddress ?? '';
    const now = performance.now();
    const wait = requests.wait(address, now);
    if (wait > 0) {
      outgoing.writeHead(429, { 'content-type': 'application/json', 'retry-after': String(Math.ceil(wait / 1000)) });
      outgoing.end(TOO_MANY);
      return false;
    }
    requests.take(address, now);
    return true;
  };
}

/** Closes what one address opens beyond its share. */
export function connectionGate(): (socket: Socket) => void {
  const open = new Map<string, number>();
  return (socket) => {
    const address = socket.remoteAddress ?? '';
    const count = open.get(address) ?? 0;
    if (count >= MAX_CONNECTIONS_OF_ONE) {
      socket.destroy();
      return;
    }
    open.set(address, count + 1);
    socket.on('close', () => {
      const left = (open.get(address) ?? 0) - 1;
      if (left > 0) open.set(address, left);
      else open.delete(address);
    });
  };
}
