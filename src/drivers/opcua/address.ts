/** A node as the config names it. */
export type Address = { readonly text: string } & (
  | { readonly kind: 'id'; readonly namespace: number | string; readonly identifier: string }
  | { readonly kind: 'path'; readonly segments: readonly Segment[] }
);

/** One step of a path: `**` is any number of steps; a name may hold `*` for any characters. */
export type Segment =
  | 'any'
  | { readonly name: string; readonly namespace: number | undefined; readonly isPattern: boolean };

/** Why a text is no address. */
export class AddressError extends Error {
  override name = 'AddressError';
}

const ID =
  /^(?:nsu=(?<uri>[^;]+);|ns=(?<index>\d{1,5});)?(?<identifier>(?:i=\d{1,10}|s=.+|g=[0-9a-fA-F-]{36}|b=[A-Za-z0-9+/]+=*))$/s;

/**
 * Reads `nsu=URI;s=…` or `ns=2;i=…` (OPC UA Part 6, 5.3.1.10), or a browse path such as `/Objects/Mill/Spindle*`:
 * names from the root, with or without a namespace index (`2:Speed`), `*` for any characters of a name and `**` for any
 * number of levels; `&` takes a following `/`, `:`, `*` or `&` as it is.
 * @throws AddressError that says what was expected
 */
export function parseAddress(text: string): Address {
  if (text.startsWith('/')) return { text, kind: 'path', segments: parsePath(text.slice(1)) };
  const { uri, index, identifier } = ID.exec(text)?.groups ?? {};
  if (identifier === undefined) {
    throw new AddressError('expected a node id (nsu=URI;s=Name, ns=2;i=1001) or a path from the root (/Objects/…)');
  }
  return { text, kind: 'id', namespace: uri ?? Number(index ?? 0), identifier };
}

/** Segments of a path without its leading slash, e.g. of `exclude`. @throws AddressError */
export function parsePath(text: string): Segment[] {
  const parts = text.match(/(?:&.|[^/&])+|&$|(?<=\/|^)(?=\/|$)/gs) ?? [''];
  return parts.map((part) => {
    if (part === '') throw new AddressError('expected a name between two slashes');
    if (part === '**') return 'any';
    const [, namespace, name = ''] = /^(?:(\d{1,5}):)?(.+)$/s.exec(part) ?? [];
    return {
      name: name.replace(/&(.)/gs, (all, character) => (character === '*' ? all : character)),
      namespace: namespace === undefined ? undefined : Number(namespace),
      isPattern: /(?<!&)\*/.test(name),
    };
  });
}

/** Whether a browse name fits one step of a path. */
export function fits(segment: Segment, name: string, namespace: number): boolean {
  if (segment === 'any') return true;
  if (segment.namespace !== undefined && segment.namespace !== namespace) return false;
  if (!segment.isPattern) return segment.name.replaceAll('&*', '*') === name;
  return pattern(segment.name).test(name);
}

function pattern(name: string): RegExp {
  const parts = name.split(/(&\*|\*)/).map((part) => {
    if (part === '*') return '.*';
    return quote(part === '&*' ? '*' : part);
  });
  return new RegExp(`^${parts.join('')}$`, 's');
}

function quote(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

/**
 * Where a path has got to: the steps that the next name may fit. A set, since `**` may end at any level. `isEnd` says
 * that the names so far are a whole path.
 */
export interface Progress {
  readonly next: readonly number[];
  readonly isEnd: boolean;
}

export function begin(segments: readonly Segment[]): Progress {
  return progress(segments, [0]);
}

/** One level deeper, by a browse name; undefined where no path goes on from there. */
export function advance(
  segments: readonly Segment[],
  { next }: Progress,
  name: string,
  namespace: number,
): Progress | undefined {
  const reached = next.flatMap((step) => {
    const segment = segments[step];
    if (segment === undefined || !fits(segment, name, namespace)) return [];
    return segment === 'any' ? [step] : [step + 1];
  });
  return reached.length === 0 ? undefined : progress(segments, reached);
}

/** `**` may also stand for no level at all. */
function progress(segments: readonly Segment[], steps: readonly number[]): Progress {
  const all = new Set<number>();
  for (let step of steps) {
    all.add(step);
    while (segments[step] === 'any') all.add(++step);
  }
  return { next: [...all], isEnd: all.has(segments.length) };
}
