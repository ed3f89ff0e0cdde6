import { z } from 'zod';
import { GAP_CAUSES } from '../observation.ts';

/**
 * Contract v1 of what is published: the one source of types, validation and JSON Schema; docs/contract.md explains it.
 * A consumer passes over keys, kinds and event types that it does not know; none is removed or given another meaning
 * within v1.
 */
export const CONTRACT_VERSION = 1;

/** Ids of tenants, gateways and machines: safe in a topic, a file name and a URL. */
export const ID_PATTERN = /^[A-Za-z0-9._-]{1,64}$/;

/** What a batch can hold. */
export const KINDS = ['telemetry', 'rollup', 'alert', 'event'] as const;
export type Kind = (typeof KINDS)[number];

/** The key of the envelope that holds a kind's body. */
export const PAYLOAD_KEY = {
  telemetry: 'signals',
  rollup: 'rollups',
  alert: 'alerts',
  event: 'events',
} as const satisfies Record<Kind, string>;

const id = z.string().regex(ID_PATTERN);
const offset = z.number().describe('milliseconds after t0; fractions are nanoseconds');

const envelope = {
  v: z.literal(CONTRACT_VERSION),
  tenant: id,
  gateway: id,
  machine: id,
  stream: z.string().min(1).describe('made once with the outbox database'),
  seq: z.int().positive().describe('1, 2, 3 … without holes for each (stream, machine, kind)'),
  t0: z.int().describe('milliseconds since the Unix epoch, UTC'),
  clock: z.enum(['synced', 'unsynced']).describe('whether the gateway knew the time when it made the batch'),
  historical: z
    .literal(true)
    .optional()
    .describe('sent late (backlog after an outage) or once more (replay); not part of the content'),
};

/** Columns of one signal: `t[i]`, `v[i]` and `q[i]` belong together. */
export const signalSchema = z.looseObject({
  unit: z.string().optional(),
  t: z.array(offset),
  v: z.array(z.json()).describe('null where the value is unavailable'),
  q: z
    .array(z.enum(['good', 'uncertain', 'bad']))
    .optional()
    .describe('left out when all are good'),
});

const detail = z.record(z.string(), z.json());

const batchRun = z
  .looseObject({
    kind: z.string(),
    stream: z.string().min(1),
    first: z.int().positive().describe('the lowest seq'),
    last: z.int().positive().describe('the highest seq, included'),
  })
  .refine(({ first, last }) => first <= last, { path: ['last'], error: 'below first' });

const lostBatches = batchRun.describe(
  'a run of batches of this machine that will never come, not necessarily of the stream of this event',
);

export const eventSchema = z.discriminatedUnion('type', [
  z.looseObject({
    type: z.literal('gap').describe('a known loss'),
    t: offset,
    cause: z.string().describe(`${GAP_CAUSES.join(', ')}; later versions add causes`),
    from: z.int().nullable().describe('milliseconds since the epoch of the last observation before it; null: none yet'),
    to: z.int().describe('milliseconds since the epoch by which data flowed again'),
    count: z.int().nullable().describe('observations lost; null: unknown'),
    exact: z.boolean().describe('false: at most count'),
    detail: detail.optional(),
    batches: lostBatches.optional(),
  }),
  z.looseObject({
    type: z.literal('driver').describe('the way of reading the machine changed'),
    t: offset,
    state: z.enum(['streaming', 'polling', 'failed', 'stopped']),
    message: z.string().optional(),
  }),
  z.looseObject({
    type: z.literal('machine').describe('what the machine is and which signals it has'),
    t: offset,
    model: detail,
    signals: z.record(
      z.string(),
      z.looseObject({ unit: z.string().optional(), source: z.string().optional(), type: z.string().optional() }),
    ),
    labels: z.record(z.string(), z.string()).optional().describe('as the gateway’s config has them'),
  }),
  z.looseObject({
    type: z.literal('notice').describe('something a person should know; what was lost is told by gaps'),
    t: offset,
    code: z.string(),
    message: z.string(),
    detail: detail.optional(),
  }),
  z.looseObject({
    type: z.literal('clock').describe('the gateway’s clock was set, or is known to be right at last'),
    t: offset,
    offset: z.int().describe('milliseconds by which it was set forward; negative: back'),
    batches: batchRun.optional().describe('stamped by the clock as it was before; absent: it was set just now'),
    repaired: z
      .boolean()
      .optional()
      .describe('whether the times of batches were moved by offset before they were sent; false: add it to them'),
  }),
]);

const eventTypes = eventSchema.options.map(({ shape }) => shape.type.value);

/** Events of a type that a later program of contract v1 adds: to be passed over, not to be refused. */
const laterEventSchema = z.looseObject({
  type: z
    .string()
    .regex(new RegExp(`^(?!(${eventTypes.join('|')})$)`), { abort: true })
    .describe('unknown to this version: pass over it'),
  t: offset,
}) as unknown as z.ZodType<{ type: '(later)'; t: number }>;

export const telemetrySchema = z.looseObject({
  ...envelope,
  kind: z.literal('telemetry'),
  signals: z.record(z.string(), signalSchema),
});

const windowed = z.array(z.number().nullable()).describe('null where no value of the window is a number');

/** Windows of one signal: `t[i]`, `n[i]` … belong together. A window may come in parts, of other batches, which add up. */
export const windowsSchema = z.looseObject({
  unit: z.string().optional(),
  window: z.int().positive().describe('length of a window, milliseconds'),
  regular: z
    .literal(true)
    .optional()
    .describe('whole windows, as the config wants them; absent: parts, in the place of observations that were thinned'),
  t: z.array(offset).describe('when each window begins'),
  n: z.array(z.int()).describe('observations in it'),
  min: windowed,
  max: windowed,
  mean: windowed,
  last: z.array(z.json()).describe('the last value in it; null where that was unavailable'),
  stddev: windowed.optional().describe('population standard deviation'),
  first: z.array(z.json()).optional().describe('the first value in it'),
  time: z
    .record(z.string(), z.array(z.number()))
    .optional()
    .describe('of a state: seconds of each window that it was in each value'),
});

export const rollupSchema = z.looseObject({
  ...envelope,
  kind: z.literal('rollup'),
  rollups: z.record(z.string(), windowsSchema),
});

export const alertSchema = z.looseObject({
  id: z.string().min(1).describe('of one life of an alert, from pending to resolved'),
  rule: z.string().min(1),
  state: z
    .string()
    .describe('firing, latched, acknowledged, resolved, disabled (the rule failed); later versions add states'),
  severity: z.string().describe('info, warning, critical'),
  t: offset,
  since: offset.describe('when the condition became true, milliseconds after t0; may be negative'),
  summary: z.string().optional(),
  values: z.record(z.string(), z.json()).optional().describe('the signals of the condition at that moment'),
  repeat: z.int().optional().describe('reminders so far'),
  shadow: z.literal(true).optional().describe('of a rule on trial: nobody was told'),
  flapping: z.literal(true).optional().describe('comes and goes so often that its ends are held back'),
  quiet: z.literal(true).optional().describe('within the quiet hours: nobody was told'),
  by: z.string().optional().describe('who acknowledged'),
  reason: z.string().optional().describe('why it was disabled, or resolved other than by its condition'),
});

export const alertBatchSchema = z.looseObject({
  ...envelope,
  kind: z.literal('alert'),
  alerts: z.array(alertSchema),
});

export const eventBatchSchema = z.looseObject({
  ...envelope,
  kind: z.literal('event'),
  events: z.array(z.union([eventSchema, laterEventSchema])),
});

/** Every batch that this version publishes. */
export const batchSchema = z.discriminatedUnion('kind', [
  telemetrySchema,
  rollupSchema,
  alertBatchSchema,
  eventBatchSchema,
]);

const count = z.int().nonnegative();

/** What a heartbeat tells beside who the gateway is. Every key may be absent; later versions add some. */
const heartbeatFigures = {
  since: z.int().optional().describe('when it connected: `t` of the birth'),
  uptime: count.optional().describe('milliseconds since the gateway program was started'),
  clock: envelope.clock.optional(),
  health: z
    .looseObject({
      healthy: z.boolean().describe('false: something makes no progress, or was given up'),
      stalled: z.array(
        z.looseObject({ stage: z.string(), machine: z.string().optional(), message: z.string().optional() }),
      ),
    })
    .optional(),
  machines: z.looseObject({ total: count, up: count.describe('those that are read at this moment') }).optional(),
  lanes: z
    .record(
      z.string(),
      z.looseObject({
        batches: count,
        observations: count,
        bytes: count,
        emptyIn: z.number().nullable().describe('milliseconds until it is empty at the present rate; null: not known'),
      }),
    )
    .optional()
    .describe('what waits in the gateway: `alert`, `live`, `backfill`'),
  buffer: z
    .looseObject({
      bytes: count,
      maxBytes: count,
      fullIn: z
        .number()
        .nullable()
        .describe('milliseconds until it is full if nothing were delivered; null: not known'),
    })
    .optional(),
  alerts: count.optional().describe('alerts that are open'),
  quota: z
    .record(z.string(), z.looseObject({ used: count, limit: count }))
    .optional()
    .describe('`pointsPerHour`, `machines`, `alertsPerDay`: those that are configured'),
  host: z
    .looseObject({
      temperature: z.number().nullable().describe('degrees Celsius'),
      throttled: z.boolean().nullable().describe('a Raspberry Pi that is slowed down for heat or weak power'),
      underVoltage: z.boolean().nullable().describe('its power supply is too weak'),
      load: z.number().nullable().describe('tasks that want to run, averaged over a minute'),
      memory: z.looseObject({ total: count, available: count }).nullable().describe('bytes'),
      process: z.looseObject({
        rss: count.nullable().describe('bytes'),
        cpu: z.number().nullable().describe('share of one core'),
      }),
      disk: z.looseObject({ total: count, free: count }).nullable().describe('bytes'),
      network: z.array(z.looseObject({ name: z.string(), rxBytes: count, txBytes: count })),
    })
    .optional()
    .describe('of the computer; null: it does not tell'),
  audit: z.string().optional().describe('hash of the newest line of the audit log, which proves those before it'),
};

/** The retained message on `plc/{tenant}/{gateway}/status`: birth, heartbeats, orderly end and Last Will. */
export const statusSchema = z.looseObject({
  v: z.literal(CONTRACT_VERSION),
  tenant: id,
  gateway: id,
  status: z.enum(['online', 'offline']),
  reason: z.enum(['birth', 'heartbeat', 'stopped', 'lost']).describe('lost: sent by the broker as Last Will'),
  t: z.int().optional().describe('milliseconds since the epoch; absent in a Last Will'),
  version: z.string().optional().describe('of the gateway program'),
  site: z.string().optional().describe('gateway.site of its config'),
  ...heartbeatFigures,
});

/**
 * Kind of a message that proves the right to publish (`doctor`). It goes out on the topics of batches, is not retained
 * and means nothing: a consumer passes over it.
 */
export const TEST_KIND = 'test';

export const testSchema = z.object({
  v: z.literal(CONTRACT_VERSION),
  tenant: id,
  gateway: id,
  machine: id,
  kind: z.literal(TEST_KIND),
  id: z.string().describe('of this one message, so that its sender knows it again'),
  t: z.int().describe('when it was sent, milliseconds since the epoch'),
});

export type TestMessage = z.infer<typeof testSchema>;
export type WireEvent = z.infer<typeof eventSchema>;
export type TelemetryBatch = z.infer<typeof telemetrySchema>;
export type RollupBatch = z.infer<typeof rollupSchema>;
export type WireAlert = z.infer<typeof alertSchema>;
export type AlertBatch = z.infer<typeof alertBatchSchema>;
export type EventBatch = z.infer<typeof eventBatchSchema>;
export type WireBatch = z.infer<typeof batchSchema>;
export type Status = z.infer<typeof statusSchema>;
/** What a heartbeat tells, but for `since`. */
export type HeartbeatFigures = Pick<Status, Exclude<keyof typeof heartbeatFigures, 'since'>>;

/** `plc/{tenant}/{gateway}/{machine}/{kind}` */
export function batchTopic(tenant: string, gateway: string, machine: string, kind: Kind): string {
  return `plc/${tenant}/${gateway}/${machine}/${kind}`;
}

/** `plc/{tenant}/{gateway}/status`: a machine cannot be called `status` without a kind, so the two never meet. */
export function statusTopic(tenant: string, gateway: string): string {
  return `plc/${tenant}/${gateway}/status`;
}
