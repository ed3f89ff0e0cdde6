import { XMLParser } from 'fast-xml-parser';
import { Fault } from '../../errors.ts';

/** Deeper nesting than any device model has. */
const MAX_DEPTH = 64;
const ATTRIBUTES = ':@';
const TEXT = '#text';
const CDATA = '#cdata';

/**
 * An element as fast-xml-parser leaves it in `preserveOrder`: one key is the local name and holds the children, `:@`
 * holds the attributes with `@` before each name, so that no name from outside meets a property of ours.
 */
export type Element = { readonly [key: string]: unknown };

const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '@',
  removeNSPrefix: true,
  // Values stay text: what is a number is decided by the device model, not by the looks of a program name.
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  // Entities are decoded here: the five of XML and character references, and no others.
  processEntities: false,
  cdataPropName: CDATA,
  ignoreDeclaration: true,
  ignorePiTags: true,
  maxNestedTags: MAX_DEPTH,
  jPath: false,
  // Tells where the root ends.
  captureMetaData: true,
});
const META = XMLParser.getMetaDataSymbol() as unknown as keyof Element;

/**
 * The root element of an XML document from an untrusted sender. Namespace prefixes are removed. A document type
 * declaration is refused, so there are no entities to expand (OWASP "XML External Entity Prevention"); the size is
 * capped by whoever received the bytes. It is as lenient as fast-xml-parser (agents send a raw `&` in alarm texts) with
 * one exception: where the tags do not end with the root's, the document has been cut or a raw `<` has shifted its
 * levels, so that elements would be missed in silence. Such a document is refused.
 * @param from what sent it, for messages
 * @throws Fault of the machine where it is no XML
 */
export function parseXml(bytes: Uint8Array, from: string): Element {
  const text = decodeText(bytes);
  if (/^\s*<(!doctype\s+html|html)\b/i.test(text)) {
    throw new Fault('machine', `${from} answered with a web page`, {
      hint: 'check the port: the agent is another one, or a proxy is in between',
    });
  }
  if (/<!doctype/i.test(text)) {
    throw new Fault('machine', `${from} answered with a document type declaration, which is refused as unsafe`);
  }
  const nodes = parseNodes(text, from);
  const root = nodes.find((node) => nameOf(node) !== TEXT);
  if (root === undefined) throw notXml(from, text);
  const end = (root[META] as unknown as { endIndex?: number }).endIndex;
  if (end === undefined || !/^(\s|<!--.*?-->)*$/s.test(text.slice(end))) {
    throw new Fault('machine', `${from} sent a document of ${bytes.length} bytes that is cut off or wrongly nested`);
  }
  return root;
}

function parseNodes(text: string, from: string): Element[] {
  try {
    return parser.parse(text) as Element[];
  } catch (cause) {
    throw notXml(from, text, cause);
  }
}

function notXml(from: string, text: string, cause?: unknown): Fault {
  const start = text.trim().slice(0, 60).replace(/\s+/g, ' ');
  return new Fault('machine', `${from} answered with something that is not XML: ${JSON.stringify(start)}`, {
    hint: 'check that this is the address and port of an MTConnect agent',
    cause,
  });
}

/** UTF-8 unless the XML declaration names another encoding that this platform knows. */
function decodeText(bytes: Uint8Array): string {
  const head = new TextDecoder('latin1').decode(bytes.subarray(0, 120));
  const label = /^[^<]*<\?xml[^>]*\bencoding\s*=\s*["']([\w.-]+)["']/.exec(head)?.[1] ?? 'utf-8';
  return new TextDecoder(isEncoding(label) ? label : 'utf-8').decode(bytes);
}

function isEncoding(label: string): boolean {
  try {
    new TextDecoder(label);
    return true;
  } catch {
    return false;
  }
}

/** Local name of an element. */
export function nameOf(element: Element): string {
  for (const key in element) if (key !== ATTRIBUTES) return key;
  return '';
}

/** Child elements in document order. */
export function childrenOf(element: Element): Element[] {
  return contentOf(element).filter((node) => !(TEXT in node) && !(CDATA in node));
}

/** The first child of that local name. */
export function childOf(element: Element, name: string): Element | undefined {
  return contentOf(element).find((node) => nameOf(node) === name);
}

/** An attribute's value; undefined where it is absent. */
export function attributeOf(element: Element, name: string): string | undefined {
  const attributes = element[ATTRIBUTES] as Record<string, string> | undefined;
  const value = attributes?.[`@${name}`];
  return value === undefined ? undefined : decodeEntities(value).trim();
}

/** The text directly within an element, trimmed. */
export function textOf(element: Element): string {
  let text = '';
  for (const node of contentOf(element)) {
    if (TEXT in node) text += decodeEntities(node[TEXT] as string);
    else if (CDATA in node) text += (node[CDATA] as [Element?])[0]?.[TEXT] ?? '';
  }
  return text.trim();
}

function contentOf(element: Element): Element[] {
  return element[nameOf(element)] as Element[];
}

const NAMED: ReadonlyMap<string, string> = new Map([
  ['amp', '&'],
  ['lt', '<'],
  ['gt', '>'],
  ['quot', '"'],
  ['apos', "'"],
]);

/** What is no reference stays as it is. */
function decodeEntities(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&(?:(\w+)|#(\d{1,7})|#x([\da-f]{1,6}));/gi, (all, name, decimal, hex) => {
    if (name !== undefined) return NAMED.get(name) ?? all;
    const code = hex === undefined ? Number(decimal) : Number.parseInt(hex, 16);
    return code > 0 && code <= 0x10_ff_ff ? String.fromCodePoint(code) : all;
  });
}
