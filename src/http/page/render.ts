/**
 * Brings the page to what it should look like, and touches nothing that looks so already: focus, selection and scroll
 * positions stay. Text is only ever set as text, so nothing that a machine says can become markup.
 */

const SVG = 'http://www.w3.org/2000/svg';

type Listener = (event: never) => void;
/** Attributes; `on…` are listeners, `style` goes through the CSSOM, which the content security policy allows. */
export type Props = Readonly<Record<string, string | number | boolean | undefined | Listener | Style>>;
type Style = Readonly<Record<string, string>>;

/** What a node should look like. */
export interface Node {
  readonly tag: string;
  /** Who it is among its siblings; left out, its place says it. */
  readonly key: string | undefined;
  readonly props: Props;
  readonly children: readonly Child[];
  /** Made by somebody else, who also keeps it up to date. */
  readonly own?: Element;
}
/** `undefined` and `false` keep the place of what is not there now. */
export type Child = Node | string | undefined | false;

interface Drawn {
  readonly node: Node | string;
  readonly dom: ChildNode;
  readonly children: Map<string, Drawn>;
}

export function h(tag: string, props: Props = {}, ...children: readonly Child[]): Node {
  return { tag, key: props['key'] as string | undefined, props, children };
}

/** A node that shows an element as it is. */
export function own(element: Element): Node {
  return { tag: '#own', key: undefined, props: {}, children: [], own: element };
}

/** An element whose content nobody else may change. */
export class Root {
  readonly #element: Element;
  #drawn: Map<string, Drawn> = new Map();

  constructor(element: Element) {
    this.#element = element;
  }

  /** Makes `children` its content. */
  render(...children: readonly Child[]): void {
    const focused = document.activeElement;
    this.#drawn = renderChildren(this.#element, this.#drawn, children);
    // An element that was moved among its siblings loses the focus.
    if (focused instanceof HTMLElement && focused !== document.activeElement && focused.isConnected) focused.focus();
  }
}

function renderChildren(
  parent: Element,
  before: ReadonlyMap<string, Drawn>,
  children: readonly Child[],
): Map<string, Drawn> {
  const wanted = children.flatMap((child, index) =>
    child === undefined || child === false ? [] : [{ child, key: keyOf(child, index) }],
  );
  const keys = new Set(wanted.map(({ key }) => key));
  for (const [key, { dom }] of before) if (!keys.has(key)) dom.remove();
  const after = new Map<string, Drawn>();
  let place = parent.firstChild;
  for (const { child, key } of wanted) {
    const drawn = draw(parent, before.get(key), child);
    after.set(key, drawn);
    if (drawn.dom === place) place = place.nextSibling;
    else parent.insertBefore(drawn.dom, place);
  }
  return after;
}

function keyOf(child: Node | string, index: number): string {
  if (typeof child === 'string') return `${index} #text`;
  return child.key === undefined ? `${index} ${child.tag}` : `= ${child.key}`;
}

function draw(parent: Element, old: Drawn | undefined, node: Node | string): Drawn {
  if (typeof node === 'string') return drawText(old, node);
  if (node.own !== undefined) {
    if (old !== undefined && old.dom !== node.own) old.dom.remove();
    return { node, dom: node.own, children: new Map() };
  }
  const same = old !== undefined && typeof old.node !== 'string' && old.node.tag === node.tag;
  if (!same) old?.dom.remove();
  const dom = same ? (old.dom as Element) : create(parent, node.tag);
  setProps(dom, same ? (old.node as Node).props : {}, node.props);
  return { node, dom, children: renderChildren(dom, same ? old.children : new Map(), node.children) };
}

function drawText(old: Drawn | undefined, text: string): Drawn {
  if (old === undefined) return { node: text, dom: document.createTextNode(text), children: new Map() };
  if (old.node !== text) (old.dom as Text).data = text;
  return { node: text, dom: old.dom, children: old.children };
}

function create(parent: Element, tag: string): Element {
  const isSvg = tag === 'svg' || parent.namespaceURI === SVG;
  return isSvg ? document.createElementNS(SVG, tag) : document.createElement(tag);
}

function setProps(element: Element, before: Props, after: Props): void {
  for (const name of Object.keys(before)) if (!(name in after)) setProp(element, name, before[name], undefined);
  for (const [name, value] of Object.entries(after)) setProp(element, name, before[name], value);
}

function setProp(element: Element, name: string, before: Props[string], value: Props[string]): void {
  if (name === 'key' || before === value) return;
  if (typeof value === 'function' || typeof before === 'function') {
    Object.assign(element, { [name]: value ?? null });
  } else if (typeof value === 'object') {
    for (const [property, text] of Object.entries(value)) (element as HTMLElement).style.setProperty(property, text);
  } else if (value === undefined || value === false) {
    element.removeAttribute(name);
  } else {
    element.setAttribute(name, value === true ? '' : String(value));
  }
}
