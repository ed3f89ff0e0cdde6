import { z } from 'zod';
import { ID_PATTERN } from '../wire/contract.ts';
import { filePath, secret } from './secrets.ts';
import { duration, size } from './units.ts';

/**
 * The one source of what a config may say: validation, types, defaults, JSON Schema (config/edge-gateway.schema.json)
 * and the reference in docs/config.md come from here.
 */

const ID_HELP = 'expected 1 to 64 letters, digits, dots, dashes or underscores';
const id = () => z.string().regex(ID_PATTERN, ID_HELP);
/** `_gateway` and its like are the gateway's own. */
const machineId = () =>
  id().refine((text) => !text.startsWith('_'), 'ids that start with an underscore are the gateway’s own');

const gateway = z.strictObject({
  id: id().describe('Name of this gateway, unique within the tenant'),
  tenant: id().describe('Owner of the data: the second level of every topic'),
  site: z.string().optional().describe('Where it stands; told in the status message'),
  dataDir: z
    .string()
    .default(() => process.env['STATE_DIRECTORY'] ?? 'edge-gateway-data')
    .describe('Folder of the outbox; default $STATE_DIRECTORY (systemd), else ./edge-gateway-data'),
});

const uplink = z.strictObject({
  url: z
    .url({ protocol: /^(mqtts?|wss?)$/, error: 'expected mqtt://, mqtts://, ws:// or wss:// with a host' })
    .refine((text) => !/\/\/[^/]*@/.test(text), 'user and password do not belong in the URL: use auth')
    .describe('Broker: mqtt://, mqtts://, ws:// or wss://'),
  version: z
    .enum(['auto', '5', '3.1.1'])
    .default('auto')
    .describe('MQTT version; auto tries 5 and falls back to 3.1.1 where the broker refuses it'),
  clientId: z.string().min(1).max(128).optional().describe('Default {tenant}-{gateway}'),
  auth: z
    .strictObject({
      username: z.string().optional(),
      password: secret().optional().describe('Reference to the password'),
      token: secret().optional().describe('Reference to a token, sent in the place of the password'),
    })
    .refine((auth) => auth.password === undefined || auth.token === undefined, 'give a password or a token, not both')
    .optional(),
  tls: z
    .strictObject({
      ca: filePath().optional().describe('PEM file of the CA; default: the CAs of the system'),
      cert: filePath().optional().describe('PEM file of the client certificate'),
      key: filePath().optional().describe('PEM file of its private key'),
      serverName: z.string().optional().describe('Name that the server’s certificate must carry; default: the host'),
    })
    .refine((tls) => (tls.cert === undefined) === (tls.key === undefined), 'cert and key belong together')
    .optional(),
  keepalive: duration().prefault('15s').describe('Silence after which the link is probed'),
  connectTimeout: duration().prefault('10s'),
  ackTimeout: duration().prefault('20s').describe('A link on which a batch waits longer for its PUBACK is dropped'),
  window: z.int().min(1).max(65_535).default(64).describe('Batches under way; the broker’s Receive Maximum caps it'),
  backoff: z
    .strictObject({ min: duration().prefault('1s'), max: duration().prefault('1m') })
    .refine(({ min, max }) => min <= max, 'min must not be above max')
    .prefault({})
    .describe('Exponential with full jitter'),
  compression: z.enum(['none', 'gzip', 'zstd']).default('none').describe('Of the payload'),
});

const buffer = z.strictObject({
  flushInterval: duration().prefault('1s').describe('How often batches are committed: what a power cut can cost'),
  maxBytes: size()
    .prefault('2GiB')
    .describe('Room for the outbox; acknowledged batches are kept as history until then'),
  maxAge: duration().prefault('7d').describe('How long acknowledged batches are kept'),
});

const log = z.strictObject({
  level: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  format: z
    .enum(['auto', 'json', 'text'])
    .default('auto')
    .describe('auto: text on a terminal, one JSON object a line elsewhere'),
});

/** What every machine entry has, whatever its driver. */
const machineBase = {
  id: machineId().describe('Name of the machine, unique within the gateway'),
  labels: z.record(z.string(), z.string()).default({}).describe('Free labels, e.g. line or cell'),
};

/** The settings of each driver by its name, as the registry has them. */
export type DriverSettings = Readonly<Record<string, z.ZodObject>>;

/** Builds the schema of the whole config for the drivers that there are. */
export function configSchema(drivers: DriverSettings) {
  const entries = Object.entries(drivers).map(([name, settings]) =>
    z.strictObject({ ...machineBase, driver: z.literal(name), ...settings.shape }),
  );
  const [first, ...rest] = entries;
  if (first === undefined) throw new Error('there is no driver');
  return z.strictObject({
    gateway,
    machines: z.array(z.discriminatedUnion('driver', [first, ...rest])).min(1, 'at least one machine is needed'),
    uplink,
    buffer: buffer.prefault({}),
    log: log.prefault({}),
  });
}

export type GatewayConfig = z.output<typeof gateway>;
export type UplinkConfig = z.output<typeof uplink>;
export type BufferConfig = z.output<typeof buffer>;
export type LogConfig = z.output<typeof log>;
export type MachineConfig = { id: string; driver: string; labels: Record<string, string> } & Record<string, unknown>;

export interface Config {
  readonly gateway: GatewayConfig;
  readonly machines: readonly MachineConfig[];
  readonly uplink: UplinkConfig;
  readonly buffer: BufferConfig;
  readonly log: LogConfig;
}
