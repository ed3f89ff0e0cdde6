import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import type { Strike } from './fault.ts';

const SLOW_MS = 1000;
const HUGE_BYTES = 32 * 1024 * 1024;
const DEEP = 100_000;
const GARBAGE_BYTES = 512;

/** Puts around a document what it needs in a stream: a part's boundary and headers. */
export type Framing = (body: Buffer) => Buffer;

/**
 * Sends a document or part, or spoils it as the strike says. Resolves when the socket takes more; an aborted signal or a
 * closed connection rejects with the abort reason.
 * @returns whether the client got the document whole
 */
export async function send(
  response: ServerResponse,
  body: Buffer,
  frame: Framing,
  strike: Strike | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  switch (strike?.kind) {
    case 'hang':
      return await gone(signal);
    case 'cut': {
      const framed = frame(body);
      // Not before it has left: destroying throws away what is still queued.
      response.write(framed.subarray(0, framed.length / 2), () => response.destroy());
      return await gone(signal);
    }
    case 'garbage':
      await write(response, randomBytes(GARBAGE_BYTES), signal);
      return false;
    case 'notXml':
      await write(response, frame(Buffer.from('this agent is being serviced')), signal);
      return false;
    case 'doctype':
      await write(response, frame(Buffer.from(entityBomb())), signal);
      return false;
    case 'deep':
      await write(response, frame(Buffer.from(`${'<a>'.repeat(DEEP)}${'</a>'.repeat(DEEP)}`)), signal);
      return false;
    case 'huge':
      await write(response, frame(padded(body, strike.bytes ?? HUGE_BYTES)), signal);
      return false;
    case 'slow':
      await sleep(strike.ms ?? SLOW_MS, undefined, { signal });
      break;
    case 'trickle':
      await trickle(response, frame(body), strike.ms ?? 0, signal);
      return true;
    default:
      break;
  }
  await write(response, frame(body), signal);
  return true;
}

/** Waits until the connection is gone; rejects then. */
export async function gone(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) await once(signal, 'abort');
  throw signal.reason;
}

async function write(response: ServerResponse, bytes: Uint8Array, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  if (!response.write(bytes)) await once(response, 'drain', { signal });
}

async function trickle(response: ServerResponse, bytes: Buffer, ms: number, signal: AbortSignal): Promise<void> {
  for (let at = 0; at < bytes.length; at += 1) {
    await write(response, bytes.subarray(at, at + 1), signal);
    if (ms > 0) await sleep(ms, undefined, { signal });
    else await turn();
  }
}

/** Nine levels of ten references each: 10⁹ words for a parser that expands entities. */
function entityBomb(): string {
  const levels = Array.from({ length: 9 }, (_, level) => {
    const references = level === 0 ? 'machine' : `&l${level - 1};`.repeat(10);
    return `<!ENTITY l${level} "${references}">`;
  });
  return `<?xml version="1.0"?>\n<!DOCTYPE MTConnectStreams [${levels.join('')}]>\n<MTConnectStreams>&l8;</MTConnectStreams>`;
}

/** The document with a comment that makes it `bytes` long. */
function padded(body: Buffer, bytes: number): Buffer {
  const end = body.lastIndexOf('</');
  const room = Math.max(0, bytes - body.length - 7);
  return Buffer.concat([
    body.subarray(0, end),
    Buffer.from('<!--'),
    Buffer.alloc(room, 'x'),
    Buffer.from('-->'),
    body.subarray(end),
  ]);
}
