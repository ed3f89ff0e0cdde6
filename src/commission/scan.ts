import { lookup } from 'node:dns/promises';
import { connect, isIP } from 'node:net';
import { codeOf, messageOf } from '../errors.ts';
import { compareHosts, type Range } from './addresses.ts';
import type { FoundBy, NamedTools, Toolboxes } from './toolboxes.ts';

/** Connects under way at once. */
export const DEFAULT_CONCURRENCY = 64;
/** Milliseconds for a connect: on a local network an answer takes a few. */
export const DEFAULT_CONNECT_MS = 700;
/** At once to one host: small devices have few sockets, and a burst looks like an attack. */
const PER_HOST = 2;
/** For one driver to identify one port. */
const IDENTIFY_MS = 8000;
/** Codes of a host that is not there: its other ports need not be tried. */
const NO_HOST = ['EHOSTUNREACH', 'EHOSTDOWN', 'ENETUNREACH'];

export interface ScanOptions {
  readonly tools: readonly NamedTools[];
  readonly toolboxes: Toolboxes;
  /** Instead of the drivers' own: each is then shown to all drivers, first to those that claim it. */
  readonly ports?: readonly number[] | undefined;
  readonly concurrency?: number;
  /** Milliseconds. */
  readonly connectTimeout?: number;
  readonly onProgress?: (progress: Progress) => void;
  /** Told what should not have happened. */
  readonly tell?: (line: string) => void;
}

export interface Progress {
  /** Hosts. */
  readonly done: number;
  readonly total: number;
  readonly open: number;
  readonly found: number;
}

/**
 * Connects to each port of each host and lets the drivers that claim an open one identify what is there. One driver at
 * a time looks at a port, after the connect was closed: a Modbus device may take one client only.
 * @returns what was found, sorted by address and port
 * @throws the abort reason
 */
export async function scan(ranges: readonly Range[], options: ScanOptions, signal: AbortSignal): Promise<FoundBy[]> {
  const { tools, concurrency = DEFAULT_CONCURRENCY } = options;
  const ports = [...new Set(options.ports ?? tools.flatMap((one) => one.tools.ports))];
  const total = ranges.reduce((sum, { size }) => sum + size, 0);
  const found: FoundBy[] = [];
  const counts = { done: 0, open: 0 };
  // Shared by all lanes: each takes the next host.
  const hosts = hostsOf(ranges);
  const lane = async () => {
    for (const host of hosts) {
      if (!(await isKnown(host))) options.tell?.(`${host}: the name is unknown`);
      else
        await eachPort(ports, async (port) => {
          const answer = await knock(host, port, options.connectTimeout ?? DEFAULT_CONNECT_MS, signal);
          if (answer !== 'open') return answer;
          counts.open += 1;
          found.push(...(await identify(host, port, options, signal)));
          return answer;
        });
      counts.done += 1;
      options.onProgress?.({ ...counts, total, found: found.length });
    }
  };
  const lanes = Math.max(1, Math.min(total, Math.floor(concurrency / PER_HOST)));
  await Promise.all(Array.from({ length: lanes }, lane));
  return found.sort((a, b) => compareHosts(hostOf(a), hostOf(b)) || portOf(a) - portOf(b) || (a.url < b.url ? -1 : 1));
}

/** Each host once, however often it is named. */
function* hostsOf(ranges: readonly Range[]): Generator<string> {
  const seen = new Set<string>();
  for (const range of ranges) {
    for (const host of range.hosts()) {
      if (!seen.has(host)) yield host;
      seen.add(host);
    }
  }
}

/** A name without an address would look like a host on which nothing runs. */
async function isKnown(host: string): Promise<boolean> {
  if (isIP(host) !== 0) return true;
  try {
    await lookup(host);
    return true;
  } catch {
    // Why does not matter: it is told as unknown.
    return false;
  }
}

/** A few at once; the rest is left out when the host turns out not to be there. */
async function eachPort(ports: readonly number[], visit: (port: number) => Promise<Answer>): Promise<void> {
  const waiting = [...ports];
  const visitor = async () => {
    for (let port = waiting.shift(); port !== undefined; port = waiting.shift()) {
      if ((await visit(port)) === 'no-host') waiting.length = 0;
    }
  };
  await Promise.all(Array.from({ length: PER_HOST }, visitor));
}

type Answer = 'open' | 'closed' | 'no-host';

/** Connects and hangs up. @throws the abort reason */
function knock(host: string, port: number, timeout: number, signal: AbortSignal): Promise<Answer> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const socket = connect({ host, port, timeout });
  const abort = () => reject(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  socket.once('connect', () => resolve('open'));
  socket.once('timeout', () => resolve('closed'));
  socket.once('error', (error) => resolve(NO_HOST.includes(codeOf(error) ?? '') ? 'no-host' : 'closed'));
  return promise.finally(() => {
    signal.removeEventListener('abort', abort);
    socket.on('error', () => undefined).destroy();
  });
}

/**
 * Asks the drivers that claim a port until one knows what is there; the others too where the port was named by a person.
 * @throws the abort reason
 */
export async function identify(
  host: string,
  port: number,
  { tools, toolboxes, ports, tell }: ScanOptions,
  signal: AbortSignal,
): Promise<FoundBy[]> {
  const claims = (one: NamedTools) => one.tools.ports.includes(port);
  const others = ports === undefined ? [] : tools.filter((one) => !claims(one));
  for (const one of [...tools.filter(claims), ...others]) {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(IDENTIFY_MS)]);
    try {
      const found = await (await toolboxes.get(one)).identify(host, port, limit);
      if (found.length > 0) return found.map((each) => ({ ...each, driver: one.driver }));
    } catch (error) {
      signal.throwIfAborted();
      // Too slow an answer is none; anything else is a bug of the driver, which must not end the scan.
      if (!limit.aborted) tell?.(`${one.driver} could not look at ${host}:${port}: ${messageOf(error)}`);
    }
  }
  return [];
}

function hostOf({ url }: FoundBy): string {
  return /^[^:]+:\/\/(\[[^\]]*\]|[^/:?]*)/.exec(url)?.[1] ?? '';
}

function portOf({ url }: FoundBy): number {
  return Number(/^[^:]+:\/\/(?:\[[^\]]*\]|[^/:?]*):(\d+)/.exec(url)?.[1] ?? 0);
}
