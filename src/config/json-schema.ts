import { z } from 'zod';
import { configSchema, type Drivers } from './schema.ts';

/** The part of JSON Schema that the config's schema makes use of. */
export interface JsonSchema {
  readonly type?: string;
  readonly title?: string;
  readonly description?: string;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly additionalProperties?: JsonSchema | false;
  readonly items?: JsonSchema;
  readonly oneOf?: readonly JsonSchema[];
  readonly anyOf?: readonly JsonSchema[];
}

/** JSON Schema (2020-12) of what a person writes in a config, for editors and for the reference. */
export function configJsonSchema(drivers: Drivers): JsonSchema {
  const schema = z.toJSONSchema(configSchema(drivers), {
    io: 'input',
    override: ({ path, jsonSchema }) => {
      // This default depends on the computer; its description tells it.
      if (path.at(-1) === 'dataDir') delete jsonSchema.default;
    },
  });
  return { title: 'edge-gateway config', ...schema } as JsonSchema;
}
