import type { ApiHistory, ApiMachineDetail, ApiState, ApiTimeline } from '../api.ts';

/** The gateway has answered, but not with what was asked for. */
export class Refused extends Error {
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }
}

/** Longer than a busy gateway needs; a network that swallows everything must not block the page. */
const TIMEOUT_MS = 20_000;

/** What the page asks of the gateway. All calls throw `Refused`, or what `fetch` throws where nothing answers. */
export const gatewayClient = {
  state: () => get<ApiState>('api/state'),
  machine: (id: string) => get<ApiMachineDetail>(machinePath(id)),
  timeline: (id: string, from: number, to: number) =>
    get<ApiTimeline>(`${machinePath(id)}/timeline?${query({ from, to })}`),
  history: (id: string, signals: readonly string[], from: number, to: number, points: number) => {
    const names = signals.map((signal) => `&signal=${encodeURIComponent(signal)}`).join('');
    return get<ApiHistory>(`${machinePath(id)}/history?${query({ from, to, points })}${names}`);
  },
  acknowledge: (machine: string, rule: string, by: string) => send('POST', 'api/acknowledge', { machine, rule, by }),
  signIn: (token: string) => send('POST', 'api/session', { token }),
  signOut: () => send('DELETE', 'api/session'),
};

/** Relative, so that the page also works below a path of a proxy. */
export function livePath(machine: string | undefined): string {
  return machine === undefined ? 'api/live' : `api/live?machine=${encodeURIComponent(machine)}`;
}

function machinePath(id: string): string {
  return `api/machines/${encodeURIComponent(id)}`;
}

function query(values: Readonly<Record<string, number>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${Math.round(value)}`)
    .join('&');
}

async function get<T>(path: string): Promise<T> {
  const response = await fetch(path, { signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok) throw await refusal(response);
  return (await response.json()) as T;
}

async function send(method: string, path: string, body?: object): Promise<void> {
  const content =
    body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
  const response = await fetch(path, { method, ...content, signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (!response.ok) throw await refusal(response);
}

async function refusal(response: Response): Promise<Refused> {
  const text = await response.text();
  try {
    const { error } = JSON.parse(text) as { error?: unknown };
    if (typeof error === 'string') return new Refused(response.status, error);
  } catch {
    // A proxy in between answers with a page of its own.
  }
  return new Refused(response.status, `${response.status} ${response.statusText}`);
}
