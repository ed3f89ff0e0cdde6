import { z } from 'zod';
import { CONTRACT_VERSION, ID_PATTERN } from './contract.ts';

const time = z
  .union([z.int(), z.iso.datetime({ offset: true }).transform((text) => Date.parse(text))])
  .describe('milliseconds since the epoch, or ISO 8601 with its zone');

/** What the cloud may ask of a gateway on `plc/{tenant}/{gateway}/command`. */
export const commandSchema = z.looseObject({
  id: z.string().min(1).max(64).describe('chosen by the asker; every reply carries it'),
  command: z.literal('replay').describe('sends delivered batches once more, with the same keys'),
  machine: z.string().regex(ID_PATTERN).optional().describe('default: all'),
  from: time,
  to: time.optional().describe('default: now'),
});

/** What it answers on `plc/{tenant}/{gateway}/reply`, with QoS 0: `accepted` and then `done`, or `refused`. */
export const replySchema = z.looseObject({
  v: z.literal(CONTRACT_VERSION),
  tenant: z.string(),
  gateway: z.string(),
  id: z.string().nullable().describe('of the command; null where it had none that can be read'),
  status: z.enum(['accepted', 'done', 'refused']),
  t: z.int().describe('milliseconds since the epoch'),
  reason: z.string().optional().describe('why it was refused'),
  batches: z.int().optional().describe('acknowledged by the broker'),
  observations: z.int().optional(),
  refused: z.int().optional().describe('batches that the broker refused'),
});

export type Command = z.infer<typeof commandSchema>;
export type Reply = z.infer<typeof replySchema>;

export function commandTopic(tenant: string, gateway: string): string {
  return `plc/${tenant}/${gateway}/command`;
}

export function replyTopic(tenant: string, gateway: string): string {
  return `plc/${tenant}/${gateway}/reply`;
}
