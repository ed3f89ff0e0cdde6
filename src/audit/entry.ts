import { hash } from 'node:crypto';
import { z } from 'zod';

/** What is worth a line: whoever changes what the gateway does, and when it ran. */
export const AUDITED = [
  'start',
  'stop',
  'config-load',
  'config-reload',
  'config-refused',
  'command',
  'acknowledge',
  'trust-accept',
  'trust-remove',
  'watchdog-restart',
] as const;
export type Audited = (typeof AUDITED)[number];

/** The last instant that a Date can be (ECMA-262, 21.4.1.1). */
const MAX_TIME = 8.64e15;

const entrySchema = z.object({
  /** Milliseconds since the epoch. */
  t: z.int().nonnegative().max(MAX_TIME),
  /** Who has written the line: one process from its start to its end. */
  writer: z.string(),
  /** 1, 2, 3 … of a writer. */
  seq: z.int().positive(),
  /** One of `AUDITED`; later versions add some. */
  what: z.string(),
  /** Who did it, as far as that is known: `uid 0 (sudo: pi)`, `mqtt`, `watchdog`. */
  who: z.string(),
  /** Never a secret: names of keys, not their values. */
  detail: z.record(z.string(), z.unknown()),
  /** Bytes of a line that a power cut has torn, right before this one. */
  torn: z.int().optional(),
  /** Lines that could not be written before this one. */
  missed: z.int().optional(),
  /** Hash of the newest line that its writer found there, whoever wrote it. `''`: there was none. */
  prev: z.string(),
});

/** A line of the audit log, without its hash. */
export type AuditEntry = Readonly<z.infer<typeof entrySchema>>;

/** A line with its hash, as it was read. */
export type AuditLine = AuditEntry & { readonly hash: string };

const LINE = /^(\{.*),"hash":"([0-9a-f]{64})"\}$/s;

/** The line of an entry, without its end. `hash` is the SHA-256 of the line without itself, in hexadecimal. */
export function lineOf(entry: AuditEntry): { readonly text: string; readonly hash: string } {
  const body = JSON.stringify(entry);
  const digest = hash('sha256', body);
  return { text: `${body.slice(0, -1)},"hash":"${digest}"}`, hash: digest };
}

/** undefined: this is no line of an audit log, or it was changed. */
export function parseLine(text: string): AuditLine | undefined {
  const [, body, digest] = LINE.exec(text) ?? [];
  if (body === undefined || digest === undefined || hash('sha256', `${body}}`) !== digest) return undefined;
  try {
    const { data } = entrySchema.safeParse(JSON.parse(`${body}}`));
    return data === undefined ? undefined : { ...data, hash: digest };
  } catch {
    return undefined;
  }
}

/** Who runs this process. */
export function thisUser(): string {
  const uid = process.getuid?.();
  const sudo = process.env['SUDO_USER'];
  const user = uid === undefined ? 'unknown' : `uid ${uid}`;
  return sudo === undefined ? user : `${user} (sudo: ${sudo})`;
}
