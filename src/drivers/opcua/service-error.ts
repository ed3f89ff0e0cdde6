import { messageOf } from '../../errors.ts';

/** A request that the server answered with a bad status, e.g. `BadTooManySessions` (OPC UA Part 4, 7.38). */
export class ServiceError extends Error {
  readonly status: string;

  constructor(status: string, request: string, cause?: unknown) {
    super(`${request}: ${status}`, { cause });
    this.name = 'ServiceError';
    this.status = status;
  }
}

/** Name of the status that an error of node-opcua carries: in its response, or only in its text. */
export function statusOf(error: unknown): string | undefined {
  if (error instanceof ServiceError) return error.status;
  const response = (error as { response?: { responseHeader?: { serviceResult?: { name: string } } } } | null)?.response;
  return response?.responseHeader?.serviceResult?.name ?? /\bBad[A-Z]\w+/.exec(messageOf(error))?.[0];
}

/** The session is gone on the server: only a new one helps. */
export const SESSION_GONE: ReadonlySet<string> = new Set([
  'BadSessionIdInvalid',
  'BadSessionClosed',
  'BadSessionNotActivated',
  'BadSecureChannelIdInvalid',
  'BadIdentityTokenInvalid',
  'BadNonceInvalid',
  'BadApplicationSignatureInvalid',
]);
