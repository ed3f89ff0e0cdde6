import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { z } from 'zod';
import { codeOf, messageOf } from '../errors.ts';
import type { Finding } from './finding.ts';
import { checkKey, isPair, judgeCertificates } from './pem.ts';
import { readBounded } from './read-file.ts';
import { REFERENCE, type ReferenceKind, references, Secret } from './secrets.ts';
import { type Path, pathText, visit } from './visit.ts';

/** A token or password is short, a certificate bundle is not. */
const MAX_FILE_BYTES = 1024 * 1024;
/** Mode bit of a file that every user of the computer may read. */
const READABLE_BY_OTHERS = 0o004;

/** The environment that references are resolved in. */
export interface Surroundings {
  /** Absolute folder that relative paths start from. */
  readonly folder: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Milliseconds since the epoch, to judge certificates by. */
  readonly now: number;
}

/** What takes the place of a reference in the config. */
export interface Resolved {
  readonly path: Path;
  readonly value: Secret | string;
}

/** Resolves every secret and path of the data, which need not fit the schema otherwise. Reads files; changes nothing. */
export function resolveReferences(
  schema: z.ZodType,
  data: unknown,
  surroundings: Surroundings,
): { resolved: Resolved[]; findings: Finding[] } {
  const resolved: Resolved[] = [];
  const findings: Finding[] = [];
  const contents = new Map<string, Buffer>();
  for (const { schema: leaf, value, path } of visit(schema, data)) {
    const { kind, least } = references.get(leaf) ?? {};
    if (kind === undefined || typeof value !== 'string' || !isWellFormed(kind, value)) continue;
    try {
      const outcome = resolveOne(kind, value, surroundings);
      if (outcome.value instanceof Secret) checkLength(outcome.value, least);
      resolved.push({ path, value: outcome.value });
      findings.push(...outcome.warnings.map((message) => ({ path, message, level: 'warning' as const })));
      if (outcome.content !== undefined) contents.set(pathText(path), outcome.content);
    } catch (error) {
      findings.push({ path, message: messageOf(error), level: error instanceof Absent ? 'absent' : 'error' });
      // Known by its reference, for a check on another computer.
      if (kind === 'secret') resolved.push({ path, value: new Secret(value) });
    }
    // By convention a certificate and its key are the neighbours `cert` and `key`.
    const cert = contents.get(pathText([...path.slice(0, -1), 'cert']));
    const key = contents.get(pathText(path));
    if (kind === 'key' && cert !== undefined && key !== undefined && !isPair(cert, key)) {
      findings.push({ path, message: 'this private key does not belong to the certificate in cert' });
    }
  }
  return { resolved, findings };
}

/** What a reference names is not here. */
class Absent extends Error {}

interface Outcome {
  readonly value: Secret | string;
  readonly warnings: readonly string[];
  /** Of a certificate or key. */
  readonly content?: Buffer;
}

/** What is not, the schema tells. */
function isWellFormed(kind: ReferenceKind, text: string): boolean {
  if (kind === 'secret') return REFERENCE.test(text);
  return text !== '' && (!text.startsWith('${') || text.startsWith('${credential:'));
}

function resolveOne(kind: ReferenceKind, text: string, surroundings: Surroundings): Outcome {
  if (kind === 'secret') return resolveSecret(text, surroundings);
  const [, source, name] = REFERENCE.exec(text) ?? [];
  const credential = source === 'credential' && name !== undefined;
  const path = credential ? credentialPath(name, surroundings) : resolve(surroundings.folder, text);
  if (kind === 'folder') return { value: path, warnings: [] };
  const content = read(path);
  if (kind === 'file') return { value: path, warnings: [] };
  if (kind === 'certificate') return { value: path, warnings: judgeCertificates(content, surroundings.now), content };
  checkKey(content);
  return { value: path, warnings: judgeMode(path, 'private key'), content };
}

function resolveSecret(reference: string, surroundings: Surroundings): Outcome {
  const [, source, name] = REFERENCE.exec(reference) as unknown as [string, string, string];
  if (source === 'env') {
    const text = surroundings.env[name];
    if (text === undefined) throw new Absent(`the environment variable ${name} is not set`);
    if (text === '') throw new Absent(`the environment variable ${name} is empty`);
    return { value: new Secret(reference, text), warnings: [] };
  }
  const path = source === 'credential' ? credentialPath(name, surroundings) : resolve(surroundings.folder, name);
  // A file written by an editor or by `echo` ends in a newline that is not part of the secret.
  const text = read(path)
    .toString('utf8')
    .replace(/\r?\n$/, '');
  if (text === '') throw new Absent(`the file ${path} is empty`);
  return { value: new Secret(reference, text), warnings: judgeMode(path, 'secret') };
}

function checkLength(secret: Secret, least = 1): void {
  // What is asked to be long is sent in a header, where a space would end it.
  const isWord = least === 1 || /^\S*$/.test(secret.reveal());
  if (secret.reveal().length >= least && isWord) return;
  const wrong = isWord ? `has fewer than ${least} characters` : 'has a space in it';
  throw new Error(`${wrong}: make one with openssl rand -hex 16`);
}

/** systemd puts what LoadCredential= names into a folder of the service: systemd.exec(5). */
function credentialPath(name: string, { env }: Surroundings): string {
  const folder = env['CREDENTIALS_DIRECTORY'];
  if (folder === undefined) {
    throw new Absent(`systemd has handed over no credentials: add LoadCredential=${name}:PATH to the service`);
  }
  if (name.includes('/')) throw new Error('a credential is a name, not a path');
  return join(folder, name);
}

function read(path: string): Buffer {
  try {
    return readBounded(path, MAX_FILE_BYTES);
  } catch (error) {
    const message = `cannot read ${path}: ${messageOf(error)}`;
    const code = codeOf(error);
    throw code === 'ENOENT' || code === 'ENOTDIR' ? new Absent(message) : new Error(message);
  }
}

function judgeMode(path: string, what: string): string[] {
  const open = (statSync(path).mode & READABLE_BY_OTHERS) !== 0;
  return open ? [`every user of this computer may read this ${what}: chmod o-r ${path}`] : [];
}
