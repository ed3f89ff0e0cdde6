import { z } from 'zod';
import type { Finding } from './finding.ts';
import { nearest } from './nearest.ts';
import { references } from './secrets.ts';
import { type Path, pathText, valueAt, visit } from './visit.ts';

/** Plain words for the types that a schema expects. */
const TYPES: Readonly<Record<string, string>> = {
  string: 'expected text',
  number: 'expected a number',
  int: 'expected a whole number',
  boolean: 'expected true or false',
  array: 'expected a list: items that start with “- ”',
  object: 'expected a mapping: “key: value” lines',
  record: 'expected a mapping: “key: value” lines',
};

/**
 * Parses data, or tells everything that the schema finds wrong with it in plain words; messages that the schema itself
 * brings are kept.
 */
export function parseWith<Schema extends z.ZodType>(
  schema: Schema,
  data: unknown,
): { output: z.output<Schema> | undefined; findings: Finding[] } {
  const { data: output, error } = schema.safeParse(data, { error: words, reportInput: true });
  const issues = error?.issues ?? [];
  const shapes = issues.some(({ code }) => code === 'unrecognized_keys') ? shapesOf(schema, data) : new Map();
  return { output, findings: issues.flatMap((issue) => toFindings(issue, shapes)) };
}

/** The message of an issue whose schema brings none; `inst` is the schema or check that raised it. */
const words: z.core.$ZodErrorMap = (issue) => {
  switch (issue.code) {
    case 'invalid_type':
      return expectedType(issue.expected, issue.input, issue.inst);
    case 'invalid_value': {
      const values = [...new Set(issue.values.map(String))];
      return `expected ${values.length > 1 ? 'one of ' : ''}${values.join(', ')}${hint(issue.input, values)}`;
    }
    case 'too_small':
      if (issue.origin === 'string')
        return issue.minimum === 1 ? 'is empty' : `expected at least ${issue.minimum} characters`;
      return `expected ${issue.inclusive ? 'at least' : 'more than'} ${issue.minimum}${issue.origin === 'array' ? ' items' : ''}`;
    case 'too_big':
      if (issue.origin === 'string') return `expected at most ${issue.maximum} characters`;
      return `expected ${issue.inclusive ? 'at most' : 'less than'} ${issue.maximum}${issue.origin === 'array' ? ' items' : ''}`;
    case 'not_multiple_of':
      return `expected a multiple of ${issue.divisor}`;
    case 'invalid_format':
      return issue.format === 'regex'
        ? `expected text of the form ${issue.pattern}`
        : `expected a valid ${issue.format}`;
    case 'invalid_key':
      return 'this key is not allowed here';
    case 'invalid_union': {
      if (issue.discriminator === undefined) return 'fits none of the forms that are allowed here';
      const options = issue['options'] as string[];
      return `expected ${options.join(' or ')}${hint(valueAt(issue.input, [issue.discriminator]), options)}`;
    }
    default:
      return 'is not allowed here';
  }
};

function expectedType(expected: string, input: unknown, inst: unknown): string {
  const type = TYPES[expected] ?? `expected ${expected}`;
  if (inst instanceof z.ZodObject) {
    const required = Object.entries(inst.shape).flatMap(([key, { _zod }]) => (_zod.optin === undefined ? [key] : []));
    return required.length > 0 ? `expected a mapping with ${required.join(', ')}` : type;
  }
  if (expected === 'string' && (typeof input === 'number' || typeof input === 'boolean')) {
    return `${type}: put it in quotes`;
  }
  if (input === undefined && inst instanceof z.ZodType && inst.description !== undefined) return `${inst.description}`;
  return type;
}

function hint(input: unknown, candidates: readonly string[]): string {
  if (typeof input !== 'string') return '';
  const meant = nearest(input, candidates);
  return meant === undefined ? '' : `: did you mean ${meant}?`;
}

function toFindings(issue: z.core.$ZodIssue, shapes: Shapes): Finding[] {
  const path = issue.path as Path;
  if (issue.code === 'unrecognized_keys') return unknownKeys(issue.keys, path, shapes.get(pathText(path)) ?? {});
  if (issue.code === 'invalid_union' && issue.discriminator !== undefined) {
    const named = valueAt(issue.input, [issue.discriminator]);
    if (named === undefined) return [{ path, message: `is missing: ${issue.message}` }];
    if (named === null) return [{ path, at: 'key', message: `is empty: ${issue.message}` }];
    return [{ path, message: `there is no such ${issue.discriminator}: ${issue.message}` }];
  }
  if (issue.code === 'invalid_union') {
    // Of several forms, the one that fits by its type is the one that was meant.
    const [meant] = issue.errors.filter((issues) => !issues.some(isOfRoot));
    if (meant !== undefined) {
      return meant.flatMap((inner) =>
        toFindings({ ...inner, path: [...issue.path, ...inner.path] } as z.core.$ZodIssue, shapes),
      );
    }
  }
  if (issue.code === 'invalid_type' || issue.code === 'invalid_value' || issue.code === 'invalid_format') {
    if (issue.input === undefined) return [{ path, message: `is missing: ${issue.message}` }];
    if (issue.input === null) return [{ path, at: 'key', message: `is empty: ${issue.message}` }];
  }
  const character = issue.code === 'custom' ? issue.params?.['character'] : undefined;
  return [{ path, message: issue.message, ...(typeof character === 'number' ? { character } : {}) }];
}

function isOfRoot({ path, code }: z.core.$ZodIssue): boolean {
  return path.length === 0 && code === 'invalid_type';
}

function unknownKeys(keys: readonly string[], path: Path, shape: z.core.$ZodShape): Finding[] {
  const known = Object.keys(shape);
  // Where secrets are expected, what looks like a key may be one.
  const secretive = Object.values(shape).some((value) =>
    [...visit(value, undefined)].some(
      (visited) => visited.path.length === 0 && references.get(visited.schema)?.kind === 'secret',
    ),
  );
  return keys.map((key) => {
    const meant = nearest(key, known);
    const message = meant === undefined ? `expected one of ${known.join(', ')}` : `did you mean ${meant}?`;
    return secretive
      ? { path: [...path, key], at: 'key', unnamed: true, message: `a key that is not known here: ${message}` }
      : { path: [...path, key], at: 'key', message: `unknown key: ${message}` };
  });
}

/** The keys that each mapping of the data may have, by its path. */
type Shapes = ReadonlyMap<string, z.core.$ZodShape>;

function shapesOf(schema: z.ZodType, data: unknown): Shapes {
  const shapes = new Map<string, z.core.$ZodShape>();
  for (const visited of visit(schema, data)) {
    if (visited.schema instanceof z.ZodObject) shapes.set(pathText(visited.path), visited.schema.shape);
  }
  return shapes;
}
