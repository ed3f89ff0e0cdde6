import { once } from 'node:events';
import { type IncomingHttpHeaders, type IncomingMessage, get as request } from 'node:http';

/** An answer as the bytes came. */
export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A raw request, so that what the simulator sends is seen without the gateway's code. Rejects when it is cut off. */
export async function get(url: URL | string, path: string): Promise<Answer> {
  const message = await open(url, path);
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk);
  return { status: message.statusCode ?? 0, headers: message.headers, body: Buffer.concat(chunks).toString() };
}

/** The answer with its body still to come. */
export async function open(url: URL | string, path: string): Promise<IncomingMessage> {
  const sent = request(new URL(path, url), { agent: false });
  const [message] = (await once(sent, 'response')) as [IncomingMessage];
  return message;
}

/** The documents of a multipart answer, by their Content-Length. Destroys the connection when the loop is left. */
export async function* parts(message: IncomingMessage): AsyncGenerator<string, void> {
  const boundary = /boundary=(.+)/.exec(message.headers['content-type'] ?? '')?.[1];
  if (boundary === undefined) throw new Error(`not multipart: ${message.headers['content-type']}`);
  let held = Buffer.alloc(0);
  for await (const chunk of message) {
    held = Buffer.concat([held, chunk]);
    for (;;) {
      const head = /^(?:\r\n)?--(\S+)\r\nContent-Type: (\S+)\r\nContent-Length: (\d+)\r\n\r\n/.exec(
        held.toString('latin1'),
      );
      if (head === null) break;
      if (head[1] !== boundary) throw new Error(`boundary ${head[1]} instead of ${boundary}`);
      const end = head[0].length + Number(head[3]);
      if (held.length < end) break;
      yield held.subarray(head[0].length, end).toString();
      held = held.subarray(end);
    }
  }
}

/** The first `count` parts of a stream. */
export async function firstParts(url: URL | string, path: string, count: number): Promise<string[]> {
  const found: string[] = [];
  for await (const part of parts(await open(url, path))) {
    found.push(part);
    if (found.length === count) break;
  }
  return found;
}

/** One observation as it stands in a document. */
export interface Seen {
  readonly element: string;
  readonly dataItemId: string;
  readonly sequence: number;
  readonly attributes: Readonly<Record<string, string>>;
  /** The XML within. */
  readonly content: string;
}

export function observations(xml: string): Seen[] {
  const found = xml.matchAll(/<([\w:]+)((?: [\w:]+="[^"]*")*? dataItemId="[^>]*?)(?:\/>|>(.*?)<\/\1>)/gs);
  return Array.from(found, ([, element = '', text = '', content = '']) => {
    const own = attributesOf(text);
    return {
      element,
      dataItemId: own['dataItemId'] ?? '',
      sequence: Number(own['sequence']),
      attributes: own,
      content,
    };
  });
}

export function header(xml: string): Record<string, string> {
  return attributesOf(/<Header([^>]*?)\/?>/.exec(xml)?.[1] ?? '');
}

function attributesOf(text: string): Record<string, string> {
  return Object.fromEntries(Array.from(text.matchAll(/([\w:]+)="([^"]*)"/g), ([, name, value]) => [name, value]));
}
