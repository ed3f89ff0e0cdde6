import { ID_PATTERN } from '../wire/contract.ts';

const MAX_LENGTH = 64;
/** Room for the number of one that would else be taken. */
const SUFFIX_LENGTH = 5;

/**
 * A machine id that the config accepts and that is not yet `taken`, as near to the suggestion as can be. Adds it.
 * Ids that begin with an underscore are the gateway's own.
 */
export function uniqueId(suggestion: string, taken: Set<string>): string {
  const plain = suggestion
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .replace(/[^A-Za-z0-9._-]+/g, '-')
    .replace(/^[._-]+|[-.]+$/g, '')
    .slice(0, MAX_LENGTH);
  const base = plain || 'machine';
  let id = base;
  for (let n = 2; taken.has(id); n++) id = `${base.slice(0, MAX_LENGTH - SUFFIX_LENGTH)}-${n}`;
  taken.add(id);
  return id;
}

/** What is wrong with a machine id that a person typed, or undefined. */
export function machineIdError(id: string, taken: ReadonlySet<string>): string | undefined {
  if (!ID_PATTERN.test(id)) return 'expected 1 to 64 letters, digits, dots, dashes or underscores';
  if (id.startsWith('_')) return 'ids that start with an underscore are the gateway’s own';
  return taken.has(id) ? 'another machine has this id' : undefined;
}
