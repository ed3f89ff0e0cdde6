import { type NodeId, resolveNodeId } from 'node-opcua-client';
import { messageOf } from '../../errors.ts';
import { type Address, advance, begin, type Progress, parsePath, type Segment } from './address.ts';
import type { Browser } from './browse.ts';
import { type Item, watchOf } from './items.ts';
import type { FolderSettings, OpcuaSettings } from './settings.ts';

const ROOT = 'i=84';
/** The server's own object: its diagnostics are no signals of the machine. */
const SERVER = 'ns=0;i=2253';
/** Nodes that are named when a path fits several. */
const SHOWN_NODES = 3;

/** A node that a path has led to. */
interface Place {
  readonly nodeId: NodeId;
  /** Names from where the walk began. */
  readonly path: readonly string[];
  readonly isVariable: boolean;
}

export interface ResolveOptions {
  readonly browser: Browser;
  readonly settings: OpcuaSettings;
  /** The server's namespace array. */
  readonly namespaces: readonly string[];
}

/**
 * The nodes of all signals, in an order that stays as long as neither the config nor the address space changes. Signals
 * without a node come with the reason.
 * @throws what browsing throws; the abort reason
 */
export async function resolve(options: ResolveOptions, signal: AbortSignal): Promise<Item[]> {
  const { settings } = options;
  const items: Item[] = [];
  for (const [name, own] of Object.entries(settings.signals)) {
    const { unit, scale, offset, node } = own;
    const found = await locate(node, options, signal);
    items.push({ signal: name, source: node.text, ...found, unit, scale, offset, watch: watchOf(own, settings) });
  }
  const taken = new Map(items.map((item) => [item.signal, item]));
  const nodes = new Set(items.flatMap(({ nodeId }) => nodeId?.toString() ?? []));
  for (const folder of settings.folders) {
    for (const { nodeId, signal: name, source, problem } of await list(folder, options, signal)) {
      if (nodeId !== undefined && nodes.has(nodeId.toString())) continue;
      if (items.length - Object.keys(settings.signals).length >= settings.limit)
        return [...items, tooMany(folder, settings)];
      const reason = problem ?? reserved(name, taken, settings);
      if (nodeId !== undefined) nodes.add(nodeId.toString());
      const item: Item = {
        signal: name,
        source,
        nodeId: reason === undefined ? nodeId : undefined,
        ...(reason === undefined ? {} : { problem: reason }),
        watch: watchOf(folder, settings),
      };
      items.push(item);
      if (reason === undefined) taken.set(name, item);
    }
  }
  return items;
}

function tooMany({ node, ...own }: FolderSettings, settings: OpcuaSettings): Item {
  const problem = `folders give more than ${settings.limit} signals: raise limit, or name the folders more exactly`;
  return { signal: node.text, source: 'limit', nodeId: undefined, problem, watch: watchOf({ node, ...own }, settings) };
}

function reserved(name: string, taken: ReadonlyMap<string, Item>, { state }: OpcuaSettings): string | undefined {
  if (name === 'available' || (name === 'state' && state !== undefined))
    return 'the gateway gives a signal of this name itself';
  const other = taken.get(name);
  return other === undefined
    ? undefined
    : `another node has the same name (${other.source}): set prefix, or exclude one`;
}

/** The single variable at an address. */
async function locate(
  address: Address,
  options: ResolveOptions,
  signal: AbortSignal,
): Promise<{ nodeId: NodeId | undefined; problem?: string }> {
  if (address.kind === 'id') return identify(address, options.namespaces);
  const places = (await walk(address.segments, options, signal)).filter(({ isVariable }) => isVariable);
  const [first, second] = places;
  if (first === undefined) return { nodeId: undefined, problem: 'no variable is at this path' };
  if (second === undefined) return { nodeId: first.nodeId };
  const shown = places.slice(0, SHOWN_NODES).map(({ path }) => `/${path.join('/')}`);
  const more = places.length > shown.length ? ' …' : '';
  return { nodeId: undefined, problem: `the path fits ${places.length} variables: ${shown.join(', ')}${more}` };
}

function identify(
  { namespace, identifier }: Extract<Address, { kind: 'id' }>,
  namespaces: readonly string[],
): { nodeId: NodeId | undefined; problem?: string } {
  const index = typeof namespace === 'number' ? namespace : namespaces.indexOf(namespace);
  if (index < 0) return { nodeId: undefined, problem: `the server has no namespace ${namespace}` };
  try {
    return { nodeId: resolveNodeId(`ns=${index};${identifier}`) };
  } catch (error) {
    return { nodeId: undefined, problem: messageOf(error) };
  }
}

/** Every node that a path leads to, from the root. */
async function walk(segments: readonly Segment[], { browser }: ResolveOptions, signal: AbortSignal): Promise<Place[]> {
  interface Step extends Place {
    readonly progress: Progress;
  }
  const found = new Map<string, Place>();
  // `**` does not lead into the server's own object, only its name does.
  const isBarred = !segments.some((segment) => segment !== 'any' && segment.name === 'Server');
  const seen = new Set<string>();
  let front: Step[] = [{ nodeId: resolveNodeId(ROOT), path: [], isVariable: false, progress: begin(segments) }];
  while (front.length > 0) {
    const lists = await browser.children(
      front.map(({ nodeId }) => nodeId),
      signal,
    );
    const next: Step[] = [];
    for (const [i, { path, progress }] of front.entries()) {
      for (const { nodeId, name, namespace, isVariable } of lists[i] ?? []) {
        const advanced = advance(segments, progress, name, namespace);
        const key = `${nodeId.toString()} ${advanced?.next.join()}`;
        // The same node by another way: loops end here.
        if (advanced === undefined || seen.has(key) || (isBarred && nodeId.toString() === SERVER)) continue;
        seen.add(key);
        const step = { nodeId, path: [...path, name], isVariable, progress: advanced };
        if (advanced.isEnd && !found.has(nodeId.toString())) found.set(nodeId.toString(), step);
        if (advanced.next.some((at) => at < segments.length)) next.push(step);
      }
    }
    front = next;
  }
  return [...found.values()];
}

interface Listed {
  readonly signal: string;
  readonly source: string;
  readonly nodeId: NodeId | undefined;
  readonly problem?: string;
}

/** Every variable below a folder, or below each of the folders that a pattern fits. */
async function list(folder: FolderSettings, options: ResolveOptions, signal: AbortSignal): Promise<Listed[]> {
  const roots = await rootsOf(folder.node, options, signal);
  if ('problem' in roots) return [{ signal: folder.node.text, source: folder.node.text, nodeId: undefined, ...roots }];
  const excluded = folder.exclude.map((path) => parsePath(path));
  const listed: Listed[] = [];
  for (const root of roots) {
    const ownPrefix = roots.length > 1 ? `${root.path.at(-1) ?? ''}.` : '';
    const prefix = folder.prefix === undefined ? ownPrefix : `${folder.prefix}${ownPrefix}`;
    for (const { nodeId, path } of await below(root, folder, excluded, options, signal)) {
      listed.push({ signal: `${prefix}${path.join('.')}`, source: nodeId.toString(), nodeId });
      if (listed.length > options.settings.limit) return listed;
    }
  }
  if (listed.length > 0) return listed;
  return [
    { signal: folder.node.text, source: folder.node.text, nodeId: undefined, problem: 'no variable is below it' },
  ];
}

async function rootsOf(
  address: Address,
  options: ResolveOptions,
  signal: AbortSignal,
): Promise<Place[] | { problem: string }> {
  if (address.kind === 'path') {
    const places = await walk(address.segments, options, signal);
    return places.length === 0 ? { problem: 'nothing is at this path' } : places;
  }
  const { nodeId, problem } = identify(address, options.namespaces);
  return nodeId === undefined ? { problem: problem ?? 'not found' } : [{ nodeId, path: [], isVariable: false }];
}

async function below(
  root: Place,
  { depth, properties }: FolderSettings,
  excluded: readonly (readonly Segment[])[],
  { browser, settings }: ResolveOptions,
  signal: AbortSignal,
): Promise<Place[]> {
  interface Step extends Place {
    readonly exclusions: readonly (Progress | undefined)[];
  }
  const variables: Place[] = [];
  const seen = new Set([root.nodeId.toString(), SERVER]);
  let front: Step[] = [{ ...root, path: [], exclusions: excluded.map(begin) }];
  for (let level = 0; level < depth && front.length > 0 && variables.length <= settings.limit; level++) {
    const lists = await browser.children(
      front.map(({ nodeId }) => nodeId),
      signal,
    );
    const next: Step[] = [];
    for (const [i, { path, exclusions }] of front.entries()) {
      for (const { nodeId, name, namespace, isVariable, isProperty } of lists[i] ?? []) {
        if (seen.has(nodeId.toString()) || (isProperty && !properties)) continue;
        const reached = excluded.map((segments, k) => {
          const progress = exclusions[k];
          return progress === undefined ? undefined : advance(segments, progress, name, namespace);
        });
        if (reached.some((progress) => progress?.isEnd)) continue;
        seen.add(nodeId.toString());
        const step = { nodeId, path: [...path, name], isVariable, exclusions: reached };
        if (isVariable) variables.push(step);
        next.push(step);
      }
    }
    front = next;
  }
  return variables;
}
