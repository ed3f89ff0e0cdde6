import { z } from 'zod';
import { commandSchema, replySchema } from './command.ts';
import {
  alertBatchSchema,
  eventBatchSchema,
  rollupSchema,
  statusSchema,
  telemetrySchema,
  testSchema,
} from './contract.ts';

/** What is published and what is asked, by name; docs/contract/ holds each as JSON Schema 2020-12. */
export const WIRE_SCHEMAS = {
  telemetry: telemetrySchema,
  rollup: rollupSchema,
  alert: alertBatchSchema,
  event: eventBatchSchema,
  status: statusSchema,
  test: testSchema,
  command: commandSchema,
  reply: replySchema,
} as const;
export type WireSchemaName = keyof typeof WIRE_SCHEMAS;
export const WIRE_SCHEMA_NAMES = Object.keys(WIRE_SCHEMAS) as readonly WireSchemaName[];

/** The JSON Schema of one of the messages. */
export function wireJsonSchema(name: WireSchemaName): object {
  return { title: `edge-gateway ${name}, contract v1`, ...z.toJSONSchema(WIRE_SCHEMAS[name], { io: 'input' }) };
}
