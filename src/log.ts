import type { Logger } from 'pino';
import { pino } from 'pino';

/** What a part may do with the log: levelled lines with structured fields. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error' | 'child'>;

export interface LogOptions {
  readonly level: string;
  /** `auto`: text on a terminal, JSON elsewhere. */
  readonly format: 'auto' | 'json' | 'text';
}

/** Lines that wait while standard output cannot be written; those beyond it are dropped. */
const MAX_WAITING_CHARACTERS = 1_048_576;

/**
 * The root log of a daemon, on standard output: one JSON object a line (as journald, Docker and Loki take it), or text
 * for a person. pino-pretty is loaded for text only.
 */
export async function openLog(options: LogOptions, fields: Record<string, string>): Promise<Logger> {
  const text = options.format === 'text' || (options.format === 'auto' && process.stdout.isTTY === true);
  const settings = { level: options.level, base: fields, timestamp: pino.stdTimeFunctions.isoTime };
  const output = openOutput();
  if (!text) return pino(settings, output);
  const { PinoPretty } = await import('pino-pretty');
  const stream = PinoPretty({
    destination: output,
    singleLine: true,
    colorize: process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined,
    ignore: 'pid,hostname,tenant,gateway,machine,part',
    messageFormat: '{if machine}{machine}: {end}{if part}{part}: {end}{msg}',
    translateTime: 'SYS:HH:MM:ss',
  });
  return pino(settings, stream);
}

/** Standard output. A log that cannot be written (a full disk) must not stop the gateway: it is told once on stderr. */
function openOutput() {
  const output = pino.destination({ fd: 1, sync: true, maxLength: MAX_WAITING_CHARACTERS });
  let isTold = false;
  output.on('error', (error: Error) => {
    if (!isTold)
      process.stderr.write(`edge-gateway: the log cannot be written: ${error.message}. The gateway goes on.\n`);
    isTold = true;
  });
  return output;
}
