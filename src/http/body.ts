import type { IncomingMessage } from 'node:http';
import type { z } from 'zod';
import { Refusal } from './refusal.ts';

/** What is asked of a gateway is short. */
const MAX_BODY_BYTES = 16_384;

/** The body of a request, which must be JSON that fits `schema`. @throws Refusal */
export async function readBody<T>(incoming: IncomingMessage, schema: z.ZodType<T>): Promise<T> {
  return fit(parse(await readText(incoming)), schema);
}

/** @throws Refusal that tells the first thing that is wrong */
export function fit<T>(value: unknown, schema: z.ZodType<T>): T {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const [issue] = error.issues;
  const where = issue?.path.join('.') ?? '';
  throw new Refusal(400, `${where === '' ? '' : `${where}: `}${issue?.message}`);
}

async function readText(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = Number(incoming.headers['content-length'] ?? 0);
  if (size > MAX_BODY_BYTES) throw tooLarge();
  size = 0;
  try {
    // The connection stays open, for the answer.
    for await (const chunk of incoming.iterator({ destroyOnReturn: false })) {
      size += chunk.length;
      if (size > MAX_BODY_BYTES) throw tooLarge();
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(400, 'the request ended before its body did');
  }
  return Buffer.concat(chunks).toString('utf8');
}

function tooLarge(): Refusal {
  return new Refusal(413, `a request has at most ${MAX_BODY_BYTES} bytes`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Refusal(400, 'the body is no JSON');
  }
}
