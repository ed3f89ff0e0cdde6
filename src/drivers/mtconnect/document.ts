import { Fault } from '../../errors.ts';
import type { Element } from './element.ts';
import { parseTimestamp } from './timestamp.ts';
import { parseXml } from './xml.ts';

/** What every document says of its agent. */
export interface Header {
  /** Compared for inequality only (MTConnect Part 1, `instanceId`). */
  readonly instanceId: string;
  /** Of the agent's software. */
  readonly agentVersion: string | undefined;
  /** Of the standard that the document follows, e.g. `2.7`. */
  readonly schemaVersion: string | undefined;
  /** Observations that the agent keeps. */
  readonly bufferSize: number | undefined;
  /** By the agent's clock, in milliseconds since the epoch. */
  readonly creationTime: number | undefined;
  /** From 1.7 on: moves when a device was added, changed or removed. */
  readonly deviceModelChangeTime: string | undefined;
}

/** A streams document also says what the agent's buffer holds and where to go on reading. */
export interface StreamsHeader extends Header {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly nextSequence: number;
}

export type Category = 'SAMPLE' | 'EVENT' | 'CONDITION';

/** One observation as it stands in the document; values are read by `decode`. */
export interface RawObservation {
  readonly category: Category;
  /** Local name, e.g. `RotaryVelocity`, or the level of a condition. */
  readonly type: string;
  readonly element: Element;
}

/** What one device reported. */
export interface DeviceStream {
  readonly name: string | undefined;
  readonly uuid: string | undefined;
  readonly observations: readonly RawObservation[];
}

export interface StreamsDocument {
  readonly kind: 'streams';
  readonly header: StreamsHeader;
  readonly devices: readonly DeviceStream[];
}

export interface DevicesDocument {
  readonly kind: 'devices';
  readonly header: Header;
  /** `Device` and `Agent` elements. */
  readonly devices: readonly Element[];
}

export interface ErrorDocument {
  readonly kind: 'error';
  readonly errors: readonly AgentError[];
}

/** `code` in the words of the standard, e.g. `OUT_OF_RANGE`, whatever the version of the document. */
export interface AgentError {
  readonly code: string;
  readonly text: string;
}

export interface AssetsDocument {
  readonly kind: 'assets';
  readonly assets: readonly { readonly assetId: string | undefined; readonly type: string }[];
}

export type MtconnectDocument = StreamsDocument | DevicesDocument | ErrorDocument | AssetsDocument;

/** What came is no document, or its header is unusable. */
export class NoDocument extends Fault {
  constructor(cause: Fault) {
    super('machine', cause.message, { cause, ...(cause.hint === undefined ? {} : { hint: cause.hint }) });
  }
}

/** A streams document that is no XML, but whose header can be read: where to go on is known. */
export class UnreadableDocument extends NoDocument {
  readonly header: StreamsHeader;

  constructor(cause: Fault, header: StreamsHeader) {
    super(cause);
    this.header = header;
  }
}

/**
 * Reads a document of any version: the root's local name decides, the version in its namespace does not.
 * @param from what sent it, for messages
 * @throws NoDocument where it is no MTConnect document or its header is unusable, an `UnreadableDocument` where only its content is
 */
export function parseDocument(bytes: Uint8Array, from: string): MtconnectDocument {
  try {
    return readDocument(bytes, from);
  } catch (error) {
    if (!(error instanceof Fault)) throw error;
    const found = headerOfUnreadable(bytes);
    throw found === undefined ? new NoDocument(error) : new UnreadableDocument(error, found);
  }
}

/** More than any agent writes before the end of its header. */
const MAX_PROLOGUE = 8 * 1024;

/** The header of a streams document that is no XML as a whole: a raw `<` in an alarm text comes behind it. */
function headerOfUnreadable(bytes: Uint8Array): StreamsHeader | undefined {
  const text = Buffer.from(bytes.subarray(0, MAX_PROLOGUE)).toString('latin1');
  const header = /<(?:[\w.-]+:)?MTConnectStreams\b[\s\S]*?(<(?:[\w.-]+:)?Header\b[^<>]*>)/.exec(text)?.[1];
  if (header === undefined) return undefined;
  const alone = `<MTConnectStreams>${header.replace(/\/?>$/, '/>')}</MTConnectStreams>`;
  try {
    return streamsHeader(parseXml(Buffer.from(alone), 'the header'), 'the header');
  } catch {
    // Then nothing of the document can be used, and its own fault is told.
    return undefined;
  }
}

function readDocument(bytes: Uint8Array, from: string): MtconnectDocument {
  const root = parseXml(bytes, from);
  switch (root.name) {
    case 'MTConnectStreams':
      return {
        kind: 'streams',
        header: streamsHeader(root, from),
        devices: grandchildren(root, 'Streams').map(stream),
      };
    case 'MTConnectDevices':
      return { kind: 'devices', header: header(root, from), devices: grandchildren(root, 'Devices') };
    case 'MTConnectError':
      return { kind: 'error', errors: errors(root) };
    case 'MTConnectAssets':
      return { kind: 'assets', assets: grandchildren(root, 'Assets').map(asset) };
    default:
      throw new Fault('machine', `${from} answered with XML that is not MTConnect: its root is <${root.name}>`, {
        hint: 'check that this is the address and port of an MTConnect agent',
      });
  }
}

function grandchildren(root: Element, container: string): Element[] {
  return root.child(container)?.children ?? [];
}

function header(root: Element, from: string): Header {
  const element = root.child('Header');
  const instanceId = element?.attribute('instanceId');
  if (instanceId === undefined || instanceId === '') throw unusable(from, 'instanceId', instanceId);
  return {
    instanceId,
    agentVersion: element?.attribute('version'),
    schemaVersion: schemaVersion(root),
    bufferSize: wholeNumber(element?.attribute('bufferSize')),
    creationTime: parseTimestamp(element?.attribute('creationTime') ?? '')?.t,
    deviceModelChangeTime: element?.attribute('deviceModelChangeTime'),
  };
}

function streamsHeader(root: Element, from: string): StreamsHeader {
  const sequence = (name: string) => {
    const text = root.child('Header')?.attribute(name);
    const number = wholeNumber(text);
    if (number === undefined) throw unusable(from, name, text);
    return number;
  };
  return {
    ...header(root, from),
    firstSequence: sequence('firstSequence'),
    lastSequence: sequence('lastSequence'),
    nextSequence: sequence('nextSequence'),
  };
}

function unusable(from: string, name: string, text: string | undefined): Fault {
  const what = text === undefined ? `lacks ${name}` : `has ${name}=${JSON.stringify(text.slice(0, 40))}`;
  return new Fault('machine', `${from} sent a document whose header ${what}`, {
    hint: 'the agent does not follow the standard: update it or put a standard agent in front of it',
  });
}

/** 0, 1, 2 … up to what a double counts exactly; anything else is undefined. */
export function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{1,16}$/.test(text)) return undefined;
  const number = Number(text);
  return Number.isSafeInteger(number) ? number : undefined;
}

function schemaVersion(root: Element): string | undefined {
  const location = root.attribute('schemaLocation') ?? '';
  return /urn:mtconnect\.org:MTConnect\w+:(\d+\.\d+)/.exec(location)?.[1];
}

const CATEGORIES: ReadonlyMap<string, Category> = new Map([
  ['Samples', 'SAMPLE'],
  ['Events', 'EVENT'],
  ['Condition', 'CONDITION'],
]);

function stream(device: Element): DeviceStream {
  const observations: RawObservation[] = [];
  for (const component of device.children) {
    for (const list of component.children) {
      const category = CATEGORIES.get(list.name);
      if (category === undefined) continue;
      for (const element of list.children) observations.push({ category, type: element.name, element });
    }
  }
  return { name: device.attribute('name'), uuid: device.attribute('uuid'), observations };
}

/** Up to 2.5 `<Error errorCode="…">text</Error>`; from 2.6 on typed elements; 1.0 has a single one without `Errors`. */
function errors(root: Element): AgentError[] {
  const list = root.child('Errors');
  const elements = list === undefined ? root.children.filter((e) => e.name === 'Error') : list.children;
  return elements.map((element) => {
    const message = element.child('ErrorMessage');
    return {
      code: element.attribute('errorCode') ?? constantCase(element.name),
      text: (message ?? element).text,
    };
  });
}

/** `OutOfRange` → `OUT_OF_RANGE`, `InvalidXPath` → `INVALID_XPATH`: how 2.6 named its elements after the codes. */
function constantCase(name: string): string {
  return name
    .replace('XPath', 'Xpath')
    .replace(/(?<=[a-z])(?=[A-Z])/g, '_')
    .toUpperCase();
}

function asset(element: Element): { assetId: string | undefined; type: string } {
  return { assetId: element.attribute('assetId'), type: element.name };
}
