import { networkInterfaces } from 'node:os';
import type { Argv, CommandModule } from 'yargs';
import { parsePorts } from '../commission/discovery.ts';
import { duration } from '../config/units.ts';

interface Arguments {
  range: string[];
  json: boolean;
  yes: boolean;
  ports: string | undefined;
  concurrency: number;
  timeout: string;
}

const MAX_CONCURRENCY = 512;

export const discoverCommand: CommandModule<object, Arguments> = {
  command: 'discover [range..]',
  describe: 'Find machines: scans ranges, or the local networks after asking',
  builder: (yargs) =>
    yargs
      .positional('range', {
        type: 'string',
        array: true,
        default: [],
        describe: '192.168.0.0/24, 192.168.0.10-20, an address or a host name',
      })
      .options({
        json: { type: 'boolean', default: false, describe: 'Print what was found as one JSON object' },
        yes: { type: 'boolean', alias: 'y', default: false, describe: 'Scan the local networks without asking' },
        ports: {
          type: 'string',
          requiresArg: true,
          describe: 'TCP ports instead of the usual ones, e.g. 502,5000-5010; all drivers look at them',
        },
        concurrency: { type: 'number', requiresArg: true, default: 64, describe: 'Connects under way at once' },
        timeout: { type: 'string', requiresArg: true, default: '700ms', describe: 'For one connect' },
      })
      .check((args) => usageError(args as never) ?? true) as unknown as Argv<Arguments>,
  handler: async (args) => {
    const { endSoon, interruption } = await import('../commission/interrupt.ts');
    const stop = interruption();
    try {
      await discover(args, stop);
    } catch (error) {
      if (!stop.aborted && (error as Error).name !== 'Stopped') throw error;
      process.exitCode = 1;
    } finally {
      endSoon();
    }
  },
};

function usageError({ ports, concurrency, timeout }: Arguments): string | undefined {
  if (ports !== undefined && parsePorts(ports) === undefined) {
    return '--ports: expected at most 256 ports, e.g. 502,5000-5010';
  }
  if (!(Number.isInteger(concurrency) && concurrency >= 1 && concurrency <= MAX_CONCURRENCY)) {
    return `--concurrency: expected a whole number from 1 to ${MAX_CONCURRENCY}`;
  }
  return duration({ min: '10ms', max: '30s' }).safeParse(timeout).success
    ? undefined
    : '--timeout: expected 10ms to 30s, with the unit';
}

/** @throws the abort reason */
async function discover(args: Arguments, stop: AbortSignal): Promise<void> {
  const [{ scan }, { Toolboxes, toolsOf }, { namedRanges, localRanges }, { localNetworks }, { drivers }] =
    await Promise.all([
      import('../commission/scan.ts'),
      import('../commission/toolboxes.ts'),
      import('../commission/discovery.ts'),
      import('../commission/networks.ts'),
      import('../drivers/registry.ts'),
    ]);
  const plan =
    args.range.length > 0
      ? namedRanges(args.range.map(String))
      : await localRanges(localNetworks(networkInterfaces()), args.yes, await questions(stop));
  if ('refused' in plan) {
    process.stderr.write(`edge-gateway: ${plan.refused}\n`);
    process.exitCode = plan.isUsage ? 64 : 0;
    return;
  }
  const [{ ProgressLine }, { serialHint, serialPorts }] = await Promise.all([
    import('../commission/progress-line.ts'),
    import('../commission/serial-ports.ts'),
  ]);
  const line = new ProgressLine(process.stderr);
  const tools = toolsOf(drivers);
  const found = await scan(
    plan.ranges,
    {
      tools,
      toolboxes: new Toolboxes(),
      ports: args.ports === undefined ? undefined : parsePorts(args.ports),
      concurrency: args.concurrency,
      connectTimeout: duration().parse(args.timeout),
      onProgress: ({ done, total, open, found: count }) =>
        line.show(`${done} of ${total} addresses, ${open} open ports, ${count} found`),
      tell: (text) => line.say(text),
    },
    stop,
  ).finally(() => line.clear());
  process.exitCode = found.length > 0 ? 0 : 1;
  if (args.json) {
    process.stdout.write(`${JSON.stringify({ found, serialPorts: serialPorts() }, null, 2)}\n`);
    return;
  }
  const { foundTable } = await import('../commission/report.ts');
  if (found.length > 0) process.stdout.write(`${foundTable(found).join('\n')}\n`);
  const next =
    found[0] === undefined
      ? 'Nothing was found. Other ports: --ports; slow links: --timeout 3s.'
      : `\nNext: edge-gateway probe ${found[0].url}`;
  process.stderr.write(`${[next, ...serialHint(tools)].join('\n')}\n`);
}

/** Asks on the terminal; undefined where there is none. */
async function questions(signal: AbortSignal): Promise<((message: string) => Promise<boolean>) | undefined> {
  if (process.stdin.isTTY !== true || process.stderr.isTTY !== true) return undefined;
  const { Prompts } = await import('../commission/prompts.ts');
  const prompts = new Prompts(signal, process.stderr);
  return (question) => prompts.confirm(question);
}
