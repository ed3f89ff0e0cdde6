import type { Logger } from 'pino';

/** What a part may do with the log: levelled lines with structured fields. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error' | 'child'>;
