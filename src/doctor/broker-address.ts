import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { connect, isIP } from 'node:net';
import { untilAborted } from '../abort.ts';
import { socketError } from '../forwarder/reasons.ts';
import type { Finding } from './check.ts';
import { names, time } from './words.ts';

/** A look-up that takes longer is worth a word: every reconnect waits for it. */
const SLOW_LOOKUP_MS = 1000;
/** The same for a connection: satellite links take 0.6 s. */
const SLOW_CONNECT_MS = 2000;

/** Whether what is sent there stays on this computer. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** Resolves the name of the broker. @throws LinkError; the abort reason */
export async function lookUp(host: string, signal: AbortSignal): Promise<Finding> {
  const name = 'name';
  if (isIP(host) !== 0) return { name, level: 'good', text: `${host} is an address: nothing to look up` };
  const begun = performance.now();
  const found = await untilAborted(lookup(host, { all: true }), signal).catch((error: unknown) => {
    signal.throwIfAborted();
    throw socketError(error, false);
  });
  const took = performance.now() - begun;
  const text = `${host} is ${names(found.map(({ address }) => address))}, found in ${time(took)}`;
  if (took <= SLOW_LOOKUP_MS) return { name, level: 'good', text };
  return { name, level: 'warn', text, hint: 'check the DNS server of this computer (/etc/resolv.conf)' };
}

/** Opens a connection and closes it. @throws LinkError; the abort reason */
export async function reach(host: string, port: number, signal: AbortSignal): Promise<Finding> {
  const name = 'connection';
  const begun = performance.now();
  const socket = connect({ host, port });
  try {
    await once(socket, 'connect', { signal });
  } catch (error) {
    signal.throwIfAborted();
    throw socketError(error, false);
  } finally {
    socket.on('error', () => undefined).destroy();
  }
  const took = performance.now() - begun;
  const text = `port ${port} answers in ${time(took)}`;
  if (took <= SLOW_CONNECT_MS) return { name, level: 'good', text };
  return { name, level: 'warn', text, hint: 'check the network for lost packets' };
}
