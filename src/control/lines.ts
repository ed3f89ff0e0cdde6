import type { Socket } from 'node:net';
import { Fault } from '../errors.ts';

/** A request or an answer is never longer. */
const MAX_CHARACTERS = 1_000_000;

/** Objects, one a line of JSON, until the other side ends. Leaves the socket open. @throws Fault for what is none */
export async function* readLines(socket: Socket): AsyncGenerator<Readonly<Record<string, unknown>>> {
  let text = '';
  socket.setEncoding('utf8');
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    text += chunk;
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      yield parsed(text.slice(0, end));
      text = text.slice(end + 1);
    }
    if (text.length > MAX_CHARACTERS) throw new Fault('config', 'a line is too long');
  }
}

function parsed(line: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(line);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch (error) {
    throw new Fault('config', 'a line is no JSON', { cause: error });
  }
  throw new Fault('config', 'a line is no JSON object');
}
