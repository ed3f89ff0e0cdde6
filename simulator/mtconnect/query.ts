import { AgentError, type BadParameter } from './agent-error.ts';

/** What a path and its parameters ask for, before the device and the range are looked at. */
export interface Query {
  readonly kind: 'probe' | 'current' | 'sample' | 'asset';
  /** Name or uuid. */
  readonly device: string | undefined;
  readonly assetIds: readonly string[];
  readonly path: string | undefined;
  readonly from: number | undefined;
  readonly at: number | undefined;
  readonly count: number | undefined;
  /** Milliseconds; asks for a stream. */
  readonly interval: number | undefined;
  /** Milliseconds. */
  readonly heartbeat: number | undefined;
  /** Of assets. */
  readonly type: string | undefined;
}

const KINDS = new Map([
  ['probe', 'probe'],
  ['current', 'current'],
  ['sample', 'sample'],
  ['asset', 'asset'],
  ['assets', 'asset'],
] as const);

function parseTarget(target: string): { url: URL; segments: string[] } {
  try {
    const url = new URL(target, 'http://agent');
    return { url, segments: url.pathname.split('/').filter(Boolean).map(decodeURIComponent) };
  } catch (cause) {
    throw new AgentError('INVALID_URI', `Cannot find handler for: GET ${target} (${(cause as Error).message})`);
  }
}

/**
 * Reads the target of a request, e.g. `/vmc-1/sample?from=12&count=100`.
 * @throws AgentError INVALID_URI for a path, INVALID_PARAMETER_VALUE for a parameter that no agent knows
 */
export function parseQuery(target: string): Query {
  const { url, segments } = parseTarget(target);
  const at = segments.findIndex((segment) => KINDS.has(segment as 'probe'));
  const kind = at === -1 ? 'probe' : (KINDS.get(segments[at] as 'probe') ?? 'probe');
  const before = at === -1 ? segments : segments.slice(0, at);
  const after = at === -1 ? [] : segments.slice(at + 1);
  if (before.length > 1 || after.length > (kind === 'asset' ? 1 : 0)) {
    throw new AgentError('INVALID_URI', `Cannot find handler for: GET ${url.pathname}`);
  }
  const number = (name: string, min = 0) => wholeNumber(url.searchParams.get(name), { name, minimum: min });
  return {
    kind,
    device: before[0] ?? url.searchParams.get('device') ?? undefined,
    assetIds: (after[0] ?? url.searchParams.get('assetId') ?? '').split(';').filter(Boolean),
    path: url.searchParams.get('path') ?? undefined,
    from: number('from'),
    at: number('at'),
    count: number('count', Number.NEGATIVE_INFINITY),
    interval: number('interval'),
    heartbeat: number('heartbeat'),
    type: url.searchParams.get('type') ?? undefined,
  };
}

function wholeNumber(value: string | null, bounds: Omit<BadParameter, 'value'> & { minimum: number }) {
  if (value === null) return undefined;
  if (/^-?\d{1,15}$/.test(value) && Number(value) >= bounds.minimum) return Number(value);
  const { name } = bounds;
  throw new AgentError('INVALID_PARAMETER_VALUE', `cannot convert query parameter '${name}' to integer: '${value}'`, {
    name,
    value,
  });
}

/** @throws AgentError OUT_OF_RANGE unless minimum ≤ value ≤ maximum */
export function checkRange(name: string, value: number, minimum: number, maximum: number): void {
  if (value >= minimum && value <= maximum) return;
  const bound = value < minimum ? `greater than ${minimum - 1}` : `less than ${maximum + 1}`;
  throw new AgentError('OUT_OF_RANGE', `'${name}' must be ${bound}`, { name, value, minimum, maximum });
}
