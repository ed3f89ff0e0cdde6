import type { NodeId } from 'node-opcua-client';
import type { Browser, Child } from '../browse.ts';

/** Levels below Objects that are looked at. */
const MAX_DEPTH = 12;
/** Variables that are looked at in all. */
const MAX_VARIABLES = 5000;
/** Objects of every server (OPC 10000-5), which are no machines. */
const OWN = new Set([
  'Server',
  'Aliases',
  'Locations',
  'DeviceSet Features',
  'DeviceFeatures',
  'NetworkSet',
  'DeviceTopology',
]);
/** Entry point of OPC UA for Machinery (OPC 40001-1, 6.2). */
const MACHINES = 'Machines';

/** A variable below a machine, and where its properties are. */
export interface FoundVariable {
  readonly path: readonly string[];
  readonly nodeId: NodeId;
  readonly properties: ReadonlyMap<string, NodeId>;
}

export interface FoundMachine {
  readonly name: string;
  readonly variables: readonly FoundVariable[];
}

export interface Surveyed {
  readonly machines: readonly FoundMachine[];
  /** Not everything was looked at. */
  readonly isCut: boolean;
}

interface Branch {
  readonly nodeId: NodeId;
  readonly path: readonly string[];
}

/** Finds the machines below Objects: the instances of Machinery's folder, else everything there is as one. */
export async function findMachines(
  browser: Browser,
  objects: NodeId,
  name: string,
  signal: AbortSignal,
): Promise<Surveyed> {
  const [top = []] = await browser.children([objects], signal);
  const folder = top.find((child) => child.name === MACHINES && !child.isVariable);
  const [inside = []] = folder === undefined ? [[]] : await browser.children([folder.nodeId], signal);
  const instances = inside.filter((child) => !child.isVariable);
  const budget = { left: MAX_VARIABLES };
  if (instances.length > 0) {
    const machines: FoundMachine[] = [];
    for (const { nodeId, name: own } of instances) {
      machines.push({ name: own, variables: await below(browser, [{ nodeId, path: [] }], budget, signal) });
    }
    return { machines, isCut: budget.left <= 0 };
  }
  const roots = top.filter(({ name: own, isVariable }) => !isVariable && !OWN.has(own));
  const branches = roots.map(({ nodeId, name: own }) => ({ nodeId, path: roots.length === 1 ? [] : [own] }));
  const single = roots.length === 1 ? (roots[0] as Child).name : name;
  const variables = [
    ...(await below(browser, branches, budget, signal)),
    ...(await withProperties(
      browser,
      top.filter(({ isVariable }) => isVariable).map((child) => ({ nodeId: child.nodeId, path: [child.name] })),
      signal,
    )),
  ];
  return { machines: [{ name: single, variables }], isCut: budget.left <= 0 };
}

/** Level by level, so that a deep corner does not use up what is meant for all. */
async function below(
  browser: Browser,
  from: readonly Branch[],
  budget: { left: number },
  signal: AbortSignal,
): Promise<FoundVariable[]> {
  const found: FoundVariable[] = [];
  const seen = new Set(from.map(({ nodeId }) => nodeId.toString()));
  let level: readonly Branch[] = from;
  for (let depth = 0; depth < MAX_DEPTH && level.length > 0 && budget.left > 0; depth += 1) {
    const lists = await browser.children(
      level.map(({ nodeId }) => nodeId),
      signal,
    );
    const children = lists.flatMap((list, i) =>
      list
        .filter(({ isProperty }) => !isProperty)
        .map((child) => ({ child, path: [...(level[i]?.path ?? []), child.name] })),
    );
    const fresh = children.filter(({ child }) => !seen.has(child.nodeId.toString()));
    for (const { child } of fresh) seen.add(child.nodeId.toString());
    const variables = fresh.filter(({ child }) => child.isVariable).slice(0, Math.max(0, budget.left));
    budget.left -= variables.length;
    found.push(
      ...(await withProperties(
        browser,
        variables.map(({ child, path }) => ({ nodeId: child.nodeId, path })),
        signal,
      )),
    );
    level = fresh.map(({ child, path }) => ({ nodeId: child.nodeId, path }));
  }
  return found;
}

async function withProperties(
  browser: Browser,
  variables: readonly Branch[],
  signal: AbortSignal,
): Promise<FoundVariable[]> {
  const lists = await browser.children(
    variables.map(({ nodeId }) => nodeId),
    signal,
  );
  return variables.map((variable, i) => ({
    ...variable,
    properties: new Map(
      (lists[i] ?? []).filter(({ isProperty }) => isProperty).map(({ name, nodeId }) => [name, nodeId]),
    ),
  }));
}
