import { inspect } from 'node:util';
import { z } from 'zod';
import { Fault } from '../errors.ts';

/** `${env:NAME}`, `${file:/path}` or `${credential:NAME}`: groups 1 and 2 are the kind and the name. */
export const REFERENCE = /^\$\{(env|file|credential):([^}]+)\}$/;

/** A secret that no log, dump or JSON shows; only `reveal` gives the text. */
export class Secret {
  readonly #text: string | undefined;
  /** The reference it came from, e.g. `${env:MQTT_PASSWORD}`: safe to show. */
  readonly reference: string;

  /** Without a text it is known by its reference only. */
  constructor(reference: string, text?: string) {
    this.reference = reference;
    this.#text = text;
  }

  /** Whether the text is known. */
  get isResolved(): boolean {
    return this.#text !== undefined;
  }

  /** @throws Fault of the config where the text is not known on this computer */
  reveal(): string {
    if (this.#text === undefined) {
      throw new Fault('config', `${this.reference} was not resolved`, { hint: 'load the config with its secrets' });
    }
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

/** What a value of the config stands for outside of the file. */
export type ReferenceKind = 'secret' | 'file' | 'certificate' | 'key' | 'folder';

/**
 * The schemas whose values stand for something outside of the file. They only say so; `loadConfig` finds the values by
 * this mark and resolves them, since only it knows the folder that relative paths start from.
 */
export const references = z.registry<{
  kind: ReferenceKind;
  /** Characters that a secret must have at least. */
  least?: number;
}>();

/** A secret by reference: `${env:NAME}`, `${file:PATH}` or `${credential:NAME}`; the text is there after `loadConfig`. */
export const secret = ({ least = 1 }: { readonly least?: number } = {}) =>
  z
    // The message must not repeat the value: it may be the secret itself.
    .string('a secret is never written here: refer to it as ${env:NAME}, ${file:PATH} or ${credential:NAME}')
    .regex(REFERENCE, 'a secret is never written here: refer to it as ${env:NAME}, ${file:PATH} or ${credential:NAME}')
    .register(references, { kind: 'secret', least })
    .transform((reference) => new Secret(reference))
    .meta({ title: 'secret' });

/**
 * Path of a file that must be there when the config is loaded, relative to the config file, or `${credential:NAME}` for
 * one that systemd hands over; absolute after `loadConfig`. A `certificate` or `key` must also be one.
 */
export const filePath = (content: 'file' | 'certificate' | 'key' = 'file') =>
  z
    .string()
    .min(1)
    .refine((text) => !/^\$\{(?!credential:[^}]+\}$)/.test(text), 'expected a path, or ${credential:NAME}')
    .register(references, { kind: content })
    .meta({ title: 'path' });

/** Path of a folder, relative to the config file; absolute after `loadConfig`. It need not be there. */
export const folderPath = () =>
  z
    .string()
    .min(1)
    .refine((text) => !text.startsWith('${'), 'expected a path: references are for secrets and files')
    .register(references, { kind: 'folder' })
    .meta({ title: 'path' });
