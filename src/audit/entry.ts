import { hash } from 'node:crypto';

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

/** A line of the audit log, without its hash. */
export interface AuditEntry {
  /** Milliseconds since the epoch. */
  readonly t: number;
  /** Who has written the line: one process from its start to its end. */
  readonly writer: string;
  /** 1, 2, 3 … of a writer. */
  readonly seq: number;
  readonly what: Audited;
  /** Who did it, as far as that is known: `uid 0 (sudo: pi)`, `mqtt`, `watchdog`. */
  readonly who: string;
  /** Never a secret: names of keys, not their values. */
  readonly detail: Readonly<Record<string, unknown>>;
  /** Bytes of a line that a power cut has torn, right before this one. */
  readonly torn?: number;
  /** Lines that could not be written before this one. */
  readonly missed?: number;
  /** Hash of the newest line that its writer found there, whoever wrote it. `''`: there was none. */
  readonly prev: string;
}

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
    return { ...(JSON.parse(`${body}}`) as AuditEntry), hash: digest };
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
