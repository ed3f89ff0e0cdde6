import type { Logger } from 'pino';
import { pino } from 'pino';

/** What a part may do with the log: levelled lines with structured fields. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error' | 'child'>;

export interface LogOptions {
  readonly level: string;
  /** `auto`: text on a terminal, JSON elsewhere. */
  readonly format: 'auto' | 'json' | 'text';
}

/**
 * The root log of a daemon, on standard output: one JSON object a line (as journald, Docker and Loki take it), or text
 * for a person. pino-pretty is loaded for text only.
 */
export async function openLog(options: LogOptions, fields: Record<string, string>): Promise<Logger> {
  const text = options.format === 'text' || (options.format === 'auto' && process.stdout.isTTY === true);
  const settings = { level: options.level, base: fields, timestamp: pino.stdTimeFunctions.isoTime };
  if (!text) return pino(settings, pino.destination({ fd: 1, sync: true }));
  const { PinoPretty } = await import('pino-pretty');
  const stream = PinoPretty({
    sync: true,
    colorize: process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined,
    ignore: 'pid,hostname,tenant,gateway,machine,part',
    messageFormat: '{if machine}{machine}: {end}{if part}{part}: {end}{msg}',
    translateTime: 'SYS:HH:MM:ss',
  });
  return pino(settings, stream);
}
