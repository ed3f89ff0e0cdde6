import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { z } from 'zod';

const REFERENCE = /^\$\{(env|file|credential):([^}]+)\}$/;

/** A secret that no log, dump or JSON shows; only `reveal` gives the text. */
export class Secret {
  readonly #text: string;
  /** The reference it came from, e.g. `${env:MQTT_PASSWORD}`: safe to show. */
  readonly reference: string;

  constructor(reference: string, text: string) {
    this.reference = reference;
    this.#text = text;
  }

  reveal(): string {
    return this.#text;
  }

  toJSON(): string {
    return this.reference;
  }

  toString(): string {
    return this.reference;
  }

  [inspect.custom](): string {
    return this.reference;
  }
}

/**
 * The path behind `${credential:NAME}` (systemd LoadCredential, see systemd.exec(5)).
 * @throws Error where the service manager has set no credentials directory
 */
function credentialPath(name: string): string {
  const folder = process.env['CREDENTIALS_DIRECTORY'];
  if (folder === undefined) throw new Error('CREDENTIALS_DIRECTORY is not set: systemd sets it with LoadCredential=');
  return join(folder, name);
}

function resolve(kind: string, name: string): string {
  if (kind === 'env') {
    const text = process.env[name];
    if (text === undefined) throw new Error(`the environment variable ${name} is not set`);
    return text;
  }
  // A file written by an editor or by `echo` ends in a newline that is not part of the secret.
  return readFileSync(kind === 'credential' ? credentialPath(name) : name, 'utf8').replace(/\r?\n$/, '');
}

/** A secret by reference: `${env:NAME}`, `${file:/path}` or `${credential:NAME}`; resolved when the config is loaded. */
export const secret = () =>
  z
    .string()
    .regex(REFERENCE, {
      // The message must not repeat the text: it may be the secret itself.
      error: 'a secret is never written here: refer to it as ${env:NAME}, ${file:/path} or ${credential:NAME}',
    })
    .transform((reference, context) => {
      const [, kind, name] = REFERENCE.exec(reference) as unknown as [string, string, string];
      try {
        return new Secret(reference, resolve(kind, name));
      } catch (error) {
        context.addIssue({ code: 'custom', message: `cannot resolve ${reference}: ${(error as Error).message}` });
        return z.NEVER;
      }
    });

/** Path of a file, or `${credential:NAME}` for one that systemd hands over. */
export const filePath = () =>
  z
    .string()
    .min(1)
    .transform((text, context) => {
      const [, kind, name] = REFERENCE.exec(text) ?? [];
      if (kind === undefined || name === undefined) return text;
      try {
        if (kind === 'credential') return credentialPath(name);
        throw new Error('a path may only refer to ${credential:NAME}');
      } catch (error) {
        context.addIssue({ code: 'custom', message: `cannot resolve ${text}: ${(error as Error).message}` });
        return z.NEVER;
      }
    });
