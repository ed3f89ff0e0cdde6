const EXIT_USAGE = 64;
const EXIT_CONFIG = 78;

/** Options that say where a buffer is. */
export interface Place {
  config: string | undefined;
  dataDir: string | undefined;
}

/** How a command of a running gateway is told which one. */
export const PLACE_OPTIONS = {
  config: { type: 'string', requiresArg: true, describe: 'Config file (YAML) of the gateway' },
  dataDir: {
    type: 'string',
    requiresArg: true,
    conflicts: 'config',
    describe: 'Its data folder, instead of --config',
  },
} as const;

/** The folder of the buffer. Undefined when it is not known, which was told by then. */
export async function findBuffer({ config: file, dataDir }: Place) {
  if (dataDir !== undefined) return { dataDir, maxBytes: null };
  if (file === undefined) return wrongUsage('say where the buffer is: --config FILE or --data-dir DIR', undefined);
  const { loadConfigOrTell } = await import('./load-config.ts');
  const config = await loadConfigOrTell(file, { absent: 'warning' });
  if (config === undefined) {
    process.exitCode = EXIT_CONFIG;
    return undefined;
  }
  return { dataDir: config.gateway.dataDir, maxBytes: config.buffer.maxBytes };
}

/** Milliseconds since the epoch. Null for what is no time, which was told by then. */
export function parseTime(text: string | undefined): number | undefined | null {
  const time = text === undefined ? undefined : Date.parse(text);
  if (time === undefined || !Number.isNaN(time)) return time;
  return wrongUsage(`${text} is not a time: write it like 2025-11-20T09:00:00Z`, null);
}

function wrongUsage<T>(message: string, value: T): T {
  process.stderr.write(`edge-gateway: ${message}\n`);
  process.exitCode = EXIT_USAGE;
  return value;
}
