import { hash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { Secret } from '../config/secrets.ts';
import { isMapping } from '../config/visit.ts';

/** Keys that are named; those beyond it are only counted. */
const MAX_KEYS = 100;

/** What differs between two configs, for the audit log: `machines.vmc-3.url`. Keys only: a value may be a secret. */
export function changedKeys(before: unknown, after: unknown): { readonly changed: string[]; readonly more?: number } {
  const all = [...differences(before, after, '')];
  const changed = all.slice(0, MAX_KEYS);
  return all.length > MAX_KEYS ? { changed, more: all.length - MAX_KEYS } : { changed };
}

/** SHA-256 of a file in hexadecimal, as `sha256sum` tells it; null where it cannot be read. */
export async function fileHash(path: string): Promise<string | null> {
  // Whoever loads the config tells why it cannot be read.
  return readFile(path).then(
    (bytes) => hash('sha256', bytes),
    () => null,
  );
}

function* differences(a: unknown, b: unknown, path: string): Generator<string> {
  if (a instanceof Secret && b instanceof Secret) {
    if (a.reveal() !== b.reveal()) yield path;
    return;
  }
  const [one, other] = [branches(a), branches(b)];
  if (one === undefined || other === undefined) {
    if (!Object.is(a, b)) yield path;
    return;
  }
  for (const key of new Set([...one.keys(), ...other.keys()])) {
    yield* differences(one.get(key), other.get(key), path === '' ? key : `${path}.${key}`);
  }
}

/** Entries of a list go by their id or name where they have one: then a change of order is none. */
function branches(value: unknown): Map<string, unknown> | undefined {
  if (Array.isArray(value)) return new Map(value.map((item, i) => [nameOf(item) ?? String(i), item]));
  return isMapping(value) ? new Map(Object.entries(value)) : undefined;
}

function nameOf(item: unknown): string | undefined {
  const name = isMapping(item) ? (item['id'] ?? item['name']) : undefined;
  return typeof name === 'string' ? name : undefined;
}
