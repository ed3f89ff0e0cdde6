import {
  BrowseDirection,
  BrowseNextRequest,
  type BrowseNextResponse,
  BrowseRequest,
  type BrowseResponse,
  type BrowseResult,
  NodeClass,
  NodeClassMask,
  type NodeId,
  resolveNodeId,
} from 'node-opcua-client';
import { Fault } from '../../errors.ts';
import type { Link } from './link.ts';

/** A server that describes itself without end must not fill the memory. */
const MAX_NODES = 200_000;
/** References of a node in one answer; more come by continuation points. */
const MAX_REFERENCES = 1000;
/** Answers in a row that promise more and give none. */
const MAX_EMPTY = 10;
const BROWSE_NAME_AND_CLASS = 0x01 | 0x04 | 0x08;
const HIERARCHICAL_REFERENCES = 'i=33';
const HAS_PROPERTY = 'ns=0;i=46';

/** A node below another one. */
export interface Child {
  readonly nodeId: NodeId;
  readonly name: string;
  readonly namespace: number;
  readonly isVariable: boolean;
  readonly isProperty: boolean;
}

export interface BrowserOptions {
  readonly link: Link;
  /** Nodes in one request. */
  readonly nodesPerCall: number;
  readonly tell?: (line: string) => void;
}

/** Asks for the nodes below others; each is asked for once, as long as the browser lives. */
export class Browser {
  readonly #options: BrowserOptions;
  readonly #known = new Map<string, readonly Child[]>();
  #count = 0;

  constructor(options: BrowserOptions) {
    this.#options = options;
  }

  /**
   * Objects and variables below each of the nodes, in their order; nothing for what cannot be browsed.
   * @throws Fault, ServiceError, Error; the abort reason
   */
  async children(nodes: readonly NodeId[], signal: AbortSignal): Promise<(readonly Child[])[]> {
    const unknown = [...new Map(nodes.map((node) => [node.toString(), node])).values()].filter(
      (node) => !this.#known.has(node.toString()),
    );
    for (let i = 0; i < unknown.length; i += this.#options.nodesPerCall) {
      signal.throwIfAborted();
      const chunk = unknown.slice(i, i + this.#options.nodesPerCall);
      const lists = await this.#browse(chunk);
      for (const [k, node] of chunk.entries()) this.#known.set(node.toString(), lists[k] ?? []);
      this.#countNodes(lists);
    }
    return nodes.map((node) => this.#known.get(node.toString()) ?? []);
  }

  #countNodes(lists: readonly (readonly Child[])[]): void {
    const before = this.#count;
    this.#count += lists.reduce((sum, { length }) => sum + length, 0);
    if (Math.floor(before / 1000) !== Math.floor(this.#count / 1000))
      this.#options.tell?.(`browsed ${this.#count} nodes`);
    if (this.#count <= MAX_NODES) return;
    const hint = 'name the folders and paths more exactly, or give node ids';
    throw new Fault('machine', `more than ${MAX_NODES} nodes would have to be browsed`, { hint });
  }

  async #browse(nodes: readonly NodeId[]): Promise<Child[][]> {
    const results = await this.#first(nodes);
    const lists: Child[][] = [];
    for (const [i, result] of results.entries()) {
      const node = nodes[i];
      // Too many continuation points at once: this one is asked for alone (OPC UA Part 4, 5.8.2).
      const isCrowded = result.statusCode.name === 'BadNoContinuationPoints' && nodes.length > 1 && node !== undefined;
      const whole = isCrowded ? (await this.#first([node]))[0] : result;
      lists.push(whole === undefined ? [] : await this.#rest(whole));
    }
    return lists;
  }

  async #first(nodes: readonly NodeId[]): Promise<BrowseResult[]> {
    const nodesToBrowse = nodes.map((nodeId) => ({
      nodeId,
      browseDirection: BrowseDirection.Forward,
      referenceTypeId: resolveNodeId(HIERARCHICAL_REFERENCES),
      includeSubtypes: true,
      nodeClassMask: NodeClassMask.Object | NodeClassMask.Variable,
      resultMask: BROWSE_NAME_AND_CLASS,
    }));
    const request = new BrowseRequest({ nodesToBrowse, requestedMaxReferencesPerNode: MAX_REFERENCES });
    return (await this.#options.link.request<BrowseResponse>(request)).results ?? [];
  }

  async #rest(first: BrowseResult): Promise<Child[]> {
    const children = childrenOf(first);
    let continuationPoint: Buffer | null = first.continuationPoint;
    for (let empty = 0; continuationPoint && continuationPoint.length > 0 && empty < MAX_EMPTY; ) {
      const request = new BrowseNextRequest({ continuationPoints: [continuationPoint] });
      const [next] = (await this.#options.link.request<BrowseNextResponse>(request)).results ?? [];
      if (next === undefined) break;
      const more = childrenOf(next);
      for (const child of more) children.push(child);
      empty = more.length > 0 ? 0 : empty + 1;
      continuationPoint = children.length > MAX_NODES ? null : next.continuationPoint;
    }
    return children;
  }
}

function childrenOf({ references }: BrowseResult): Child[] {
  return (
    (references ?? [])
      // Nodes of other servers cannot be read here.
      .filter(({ nodeId }) => nodeId.serverIndex === 0)
      .map(({ nodeId, browseName, nodeClass, referenceTypeId }) => ({
        nodeId,
        name: browseName.name ?? '',
        namespace: browseName.namespaceIndex,
        isVariable: nodeClass === NodeClass.Variable,
        isProperty: referenceTypeId.toString() === HAS_PROPERTY,
      }))
  );
}
