import { AgentError } from './agent-error.ts';
import type { Item } from './device.ts';

/** One element on the way from the root of the probe document to a data item. */
interface Node {
  readonly tag: string;
  readonly attributes: Readonly<Record<string, unknown>>;
}

type Test = (node: Node) => boolean;

interface Step {
  /** `//`: any number of elements may lie between. */
  readonly anywhere: boolean;
  readonly test: Test;
}

const STEP = /^(\/\/?)(\*|[\w:]+)((?:\[[^\]]*\])*)/;
const COMPARISON = /^@([\w:]+)\s*(?:(!?=)\s*(?:"([^"]*)"|'([^']*)'))?$/;

/**
 * The items that a `path` parameter selects: the part of XPath that clients use (`/`, `//`, `*`, predicates of attributes
 * with `=`, `!=`, `and`, `or`; several paths with `|`). An element selects all items beneath it.
 * @throws AgentError INVALID_XPATH for anything else, and where nothing is selected
 */
export function selectItems(path: string, items: readonly Item[]): Set<Item> {
  const alternatives = path.split('|').map((one) => parseSteps(one.trim(), path));
  const selected = new Set(items.filter((item) => alternatives.some((steps) => reaches(steps, nodesOf(item)))));
  if (selected.size === 0) throw invalid(path);
  return selected;
}

function invalid(path: string): AgentError {
  return new AgentError('INVALID_XPATH', `The path could not be parsed. Invalid syntax: ${path}`);
}

function parseSteps(text: string, path: string): Step[] {
  const steps: Step[] = [];
  for (let rest = text; rest !== '' || steps.length === 0; ) {
    const match = STEP.exec(rest);
    if (match === null) throw invalid(path);
    const [all, axis, name, predicates] = match as unknown as [string, string, string, string];
    const tests = [...predicates.matchAll(/\[([^\]]*)\]/g)].map(([, inner]) => parsePredicate(inner as string, path));
    const named: Test = (node) => name === '*' || node.tag === name;
    steps.push({ anywhere: axis === '//', test: (node) => named(node) && tests.every((test) => test(node)) });
    rest = rest.slice(all.length);
  }
  return steps;
}

function parsePredicate(text: string, path: string): Test {
  const any = text.split(/\s+or\s+/).map((part) => part.split(/\s+and\s+/).map((one) => parseComparison(one, path)));
  return (node) => any.some((all) => all.every((test) => test(node)));
}

function parseComparison(text: string, path: string): Test {
  const match = COMPARISON.exec(text.trim());
  if (match === null) throw invalid(path);
  const [, name, operator, double, single] = match as unknown as [string, string, string?, string?, string?];
  if (operator === undefined) return (node) => node.attributes[name] !== undefined;
  const wanted = double ?? single;
  return (node) => (String(node.attributes[name]) === wanted) === (operator === '=');
}

/** As the probe document nests them, containers included. */
function nodesOf(item: Item): Node[] {
  const nodes: Node[] = [
    { tag: 'MTConnectDevices', attributes: {} },
    { tag: 'Devices', attributes: {} },
  ];
  for (const [depth, part] of item.lineage.entries()) {
    const isItem = 'category' in part;
    if (depth > 0) nodes.push({ tag: isItem ? 'DataItems' : 'Components', attributes: {} });
    nodes.push({ tag: isItem ? 'DataItem' : part.element, attributes: { ...part } });
  }
  return nodes;
}

/** Whether the steps lead to one of the nodes. */
function reaches([step, ...rest]: readonly Step[], nodes: readonly Node[]): boolean {
  if (step === undefined) return true;
  const candidates = step.anywhere ? nodes.keys() : [0];
  for (const at of candidates) {
    const node = nodes[at];
    if (node !== undefined && step.test(node) && reaches(rest, nodes.slice(at + 1))) return true;
  }
  return false;
}
