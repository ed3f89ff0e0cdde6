import { untilAborted } from '../abort.ts';
import { driverFolder } from '../drivers/folder.ts';
import type { Probed, ProbeOptions } from '../drivers/toolbox.ts';
import { Fault } from '../errors.ts';
import { parseRange } from './addresses.ts';
import { handOver } from './hand-over.ts';
import { identify, scan } from './scan.ts';
import type { FoundBy, NamedTools, Target, Toolboxes } from './toolboxes.ts';

/** What a probe is made with. */
export interface Probing {
  readonly tools: readonly NamedTools[];
  readonly toolboxes: Toolboxes;
  /** Of the gateway: each driver has its own folder below it. */
  readonly dataDir: string;
  readonly options: Omit<ProbeOptions, 'folder'>;
}

/** What a probe found, and which driver reads it. */
export interface ProbedBy {
  readonly driver: string;
  readonly url: string;
  readonly probed: Probed;
}

/**
 * Probes a URL with its driver, or a host with the driver that knows what is there.
 * @throws Fault of the machine or config that says what to do, also where nothing or several things answer at a host;
 *   the abort reason
 */
export async function probeTarget(target: Target, probing: Probing, signal: AbortSignal): Promise<ProbedBy> {
  const { url, by } = target.kind === 'url' ? target : await only(target, probing, signal);
  const toolbox = await probing.toolboxes.get(by);
  const options = { ...probing.options, folder: driverFolder(probing.dataDir, by.driver) };
  // A driver that does not heed the signal must not keep a person waiting.
  try {
    return { driver: by.driver, url, probed: await untilAborted(toolbox.probe(url, options, signal), signal) };
  } finally {
    handOver(probing.dataDir);
  }
}

type Host = Extract<Target, { kind: 'host' }>;

async function only(host: Host, probing: Probing, signal: AbortSignal): Promise<{ url: string; by: NamedTools }> {
  const found = await look(host, probing, signal);
  const [one] = found;
  const by = probing.tools.find(({ driver }) => driver === one?.driver);
  const where = host.port === undefined ? host.host : `${host.host}:${host.port}`;
  if (one === undefined || by === undefined) {
    throw new Fault('machine', `nothing at ${where} answers in a protocol that is known here`, {
      hint: 'check cable, address and port; a URL such as http://host:port or opc.tcp://host:port says what went wrong',
    });
  }
  if (found.length > 1) {
    throw new Fault('machine', `${found.length} things answer at ${where}`, {
      hint: `probe one of them: ${found.map(({ url }) => url).join(', ')}`,
    });
  }
  probing.options.tell(`${one.url} answers as ${one.driver}`);
  return { url: one.url, by };
}

function look({ host, port }: Host, { tools, toolboxes, options }: Probing, signal: AbortSignal): Promise<FoundBy[]> {
  const scanning = { tools, toolboxes, tell: options.tell };
  if (port !== undefined) return identify(host, port, { ...scanning, ports: [port] }, signal);
  options.tell(`looking at the usual ports of ${host}`);
  return scan([parseRange(host)], scanning, signal);
}
