import { isLoopback } from '../config/http.ts';

/** What of a request's headers says where it comes from. */
export interface Provenance {
  readonly method: string;
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** `Sec-Fetch-Site`, which browsers send to https and to this computer only. */
  readonly site: string | undefined;
}

/** Methods that change nothing. */
const SAFE = new Set(['GET', 'HEAD']);

/**
 * Whether the `Host` header names this computer. A page of the internet whose name resolves to 127.0.0.1 (DNS rebinding)
 * is of the same origin for the browser; only this header tells. Any port will do: it may be that of a tunnel.
 */
export function namesThisComputer(host: string | undefined): boolean {
  const [, name = ''] = /^(\[[0-9a-f:]+\]|[a-z0-9.-]+)(?::\d{1,5})?$/i.exec(host ?? '') ?? [];
  return isLoopback(name.toLowerCase().replace(/^\[|\]$/g, ''));
}

/**
 * Whether a browser sends this on behalf of another site. What has neither `Origin` nor `Sec-Fetch-Site` is no browser's:
 * these send an `Origin` with whatever may change something.
 */
export function isOfAnotherSite({ method, host, origin, site }: Provenance): boolean {
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true;
  if (SAFE.has(method) || origin === undefined) return false;
  return host === undefined || (origin !== `http://${host}` && origin !== `https://${host}`);
}
