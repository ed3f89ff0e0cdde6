import { z } from 'zod';

export type Path = readonly (string | number)[];

/** A value of the config, the schema that is in charge of it, and where it stands. */
export interface Visited {
  readonly schema: z.core.$ZodType;
  readonly value: unknown;
  readonly path: Path;
}

/**
 * Walks a schema and data side by side, parents first, also where the data does not fit the schema: what cannot be
 * there is not visited. A value that is left out is visited as its default.
 */
export function* visit(schema: z.core.$ZodType, value: unknown, path: Path = []): Generator<Visited> {
  yield { schema, value, path };
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    yield* visit(schema.def.innerType, value === undefined ? schema.def.defaultValue : value, path);
  } else if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable || schema instanceof z.ZodReadonly) {
    yield* visit(schema.def.innerType, value, path);
  } else if (schema instanceof z.ZodPipe) {
    yield* visit(schema.def.in, value, path);
  } else if (schema instanceof z.ZodDiscriminatedUnion) {
    // Its own key picks the option, however wrong the other keys are.
    const { discriminator } = schema.def;
    const name = valueAt(value, [discriminator]);
    const picked = schema.options.find((option) => {
      const literal = option instanceof z.ZodObject ? option.shape[discriminator] : undefined;
      return literal !== undefined && z.safeParse(literal, name).success;
    });
    if (picked !== undefined) yield* visit(picked, value, path);
  } else if (schema instanceof z.ZodUnion) {
    const fitting = schema.options.find((option) => isMeant(option, value));
    if (fitting !== undefined) yield* visit(fitting, value, path);
  } else if (schema instanceof z.ZodArray) {
    if (Array.isArray(value)) for (const [i, item] of value.entries()) yield* visit(schema.element, item, [...path, i]);
  } else if (isMapping(value)) {
    if (schema instanceof z.ZodRecord) {
      for (const [key, item] of Object.entries(value)) yield* visit(schema.valueType, item, [...path, key]);
    } else if (schema instanceof z.ZodObject) {
      for (const [key, item] of Object.entries(schema.shape)) {
        yield* visit(item, Object.hasOwn(value, key) ? value[key] : undefined, [...path, key]);
      }
    }
  }
}

/** Whether the value fits the option, or at least its type. */
function isMeant(option: z.core.$ZodType, value: unknown): boolean {
  const { success, error } = z.safeParse(option, value);
  return success || !error.issues.some(({ code, path }) => code === 'invalid_type' && path.length === 0);
}

export function isMapping(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The value at a path of data of unknown shape; undefined where there is none. */
export function valueAt(data: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, step) => {
    if (Array.isArray(value)) return value[Number(step)];
    return isMapping(value) && Object.hasOwn(value, step) ? value[step] : undefined;
  }, data);
}

/** `machines[0].tls.ca`; empty for the whole file. */
export function pathText(path: Path): string {
  return path.map((step, i) => (typeof step === 'number' ? `[${step}]` : i === 0 ? step : `.${step}`)).join('');
}
