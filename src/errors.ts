/** Who has to act on a fault. `config` faults need a person; the others are retried. */
export type FaultOf = 'config' | 'machine' | 'uplink' | 'disk' | 'us';

/**
 * A fault that is told to a person: what happened, and what to do about it.
 * Parts throw it; the boundary that decides (supervisor, uplink, command line) logs it once.
 */
export class Fault extends Error {
  readonly of: FaultOf;
  /** What to do, as a sentence to the technician. */
  readonly hint: string | undefined;

  constructor(of: FaultOf, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : {});
    this.name = 'Fault';
    this.of = of;
    this.hint = options.hint;
  }
}

/** The text of anything that was thrown, without a stack trace. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What happened and, where it is known, what to do about it: one sentence for a log line or a terminal. */
export function explain(error: unknown): string {
  const hint = error instanceof Fault ? error.hint : undefined;
  return hint === undefined ? messageOf(error) : `${messageOf(error)}: ${hint}`;
}

/** `code` of a Node.js system error such as `ECONNREFUSED`, also where it hides in an AggregateError or a cause. */
export function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  if ('code' in error && typeof error.code === 'string') return error.code;
  if (error instanceof AggregateError) return error.errors.map(codeOf).find((code) => code !== undefined);
  return codeOf(error.cause);
}
