import { Refusal } from './channel.ts';

/** Of an answer that is only read to say why. */
const MAX_REASON = 200;

/**
 * POSTs JSON.
 * @param hidden what must not be repeated in an error, because it is a secret
 * @throws Refusal for an answer that is not 2xx, TypeError when there is none
 */
export async function postJson(
  url: string,
  body: unknown,
  {
    headers = {},
    signal,
    hidden = [],
  }: { headers?: Record<string, string>; signal: AbortSignal; hidden?: readonly string[] },
): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
    redirect: 'error',
    signal,
  });
  const text = (await response.text()).slice(0, MAX_REASON);
  if (response.ok) return;
  const said = hidden.reduce((words, secret) => words.replaceAll(secret, '…'), text.replaceAll(/\s+/g, ' ').trim());
  const why = said === '' ? `HTTP ${response.status}` : `HTTP ${response.status}: ${said}`;
  throw new Refusal(why, { isPassing: isPassing(response.status), retryAfter: retryAfter(response.headers) });
}

/** 408, 425, 429 and 5xx may pass; other refusals wait for a person (RFC 9110, 15.5 and 15.6). */
function isPassing(status: number): boolean {
  return [408, 425, 429].includes(status) || status >= 500;
}

/** In seconds, or a date (RFC 9110, 10.2.3). */
function retryAfter(headers: Headers): number | undefined {
  const text = headers.get('retry-after');
  if (text === null) return undefined;
  const wait = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - Date.now();
  return Number.isFinite(wait) && wait > 0 ? wait : undefined;
}
