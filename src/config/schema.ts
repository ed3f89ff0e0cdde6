import { z } from 'zod';
import { ID_PATTERN } from '../wire/contract.ts';
import { alertsSchema } from './alerts.ts';
import { anomalySchema } from './anomaly.ts';
import { channelsSchema } from './channels.ts';
import { featuresSchema } from './features.ts';
import { httpSchema } from './http.ts';
import { oeeSchema } from './oee.ts';
import { always } from './pieces.ts';
import { rollupsSchema } from './rollups.ts';
import { filePath, folderPath, secret } from './secrets.ts';
import { duration, size } from './units.ts';

/**
 * The one source of what a config may say: validation, types, defaults, JSON Schema (config/edge-gateway.schema.json)
 * and the reference in docs/config.md come from here.
 */

const ID_HELP = 'expected 1 to 64 letters, digits, dots, dashes or underscores';
const id = () => z.string().regex(ID_PATTERN, ID_HELP).meta({ title: 'id' });
/** `_gateway` and its like are the gateway's own. */
const machineId = () =>
  id().refine((text) => !text.startsWith('_'), 'ids that start with an underscore are the gateway’s own');

const gateway = z
  .strictObject({
    id: id().describe('Name of this gateway, unique within the tenant'),
    tenant: id().describe('Owner of the data: the second level of every topic'),
    site: z.string().optional().describe('Where it stands; told in the status message'),
    dataDir: folderPath()
      // systemd.exec(5): several folders are separated by colons.
      .prefault(() => process.env['STATE_DIRECTORY']?.split(':')[0] || 'edge-gateway-data')
      .describe('Folder of the outbox. Default: `$STATE_DIRECTORY` (set by systemd), else `edge-gateway-data`'),
    heartbeat: duration({ min: '1s', max: '1h' })
      .prefault('30s')
      .describe('How often the retained status message is sent again, with figures of the computer and the lanes'),
    watchdog: duration({ min: '5s', max: '1h' })
      .prefault('60s')
      .describe('A part that should make progress and makes none for so long is restarted'),
    maxMemory: size({ min: '64MiB' })
      .prefault('512MiB')
      .describe('Memory of the process (RSS) above which it is restarted in an orderly way'),
    quota: z
      .strictObject({
        pointsPerHour: z.int().positive().optional().describe('Observations stored in an hour of the clock'),
        machines: z.int().positive().optional().describe('Machines in the config'),
        alertsPerDay: z.int().positive().optional().describe('Alerts that people are told of, in a day (UTC)'),
      })
      .prefault({})
      .describe('What this gateway may use; see docs/quota.md for what happens at 80 % and 100 %'),
  })
  .describe('Who this gateway is, and where it keeps its data');

const auth = z
  .strictObject({
    username: z.string().min(1).optional().describe('User name, as plain text'),
    password: secret().optional().describe('Reference to the password'),
    token: secret().optional().describe('Reference to a token, sent in the place of the password'),
  })
  .refine(({ password, token }) => password === undefined || token === undefined, {
    ...always,
    path: ['token'],
    error: 'give a password or a token, not both',
  });

const tls = z
  .strictObject({
    ca: filePath('certificate').optional().describe('PEM file of the CA; default: the CAs of the system'),
    cert: filePath('certificate').optional().describe('PEM file of the client certificate'),
    key: filePath('key').optional().describe('PEM file of its private key'),
    serverName: z
      .string()
      .min(1)
      .optional()
      .describe('Name that the server’s certificate must carry; default: the host of the URL'),
  })
  .refine(({ cert, key }) => cert === undefined || key !== undefined, {
    ...always,
    path: ['key'],
    error: 'is missing: expected the private key of cert',
  })
  .refine(({ cert, key }) => key === undefined || cert !== undefined, {
    ...always,
    path: ['cert'],
    error: 'is missing: expected the certificate of key',
  });

const backoff = z
  .strictObject({
    min: duration({ min: '10ms' }).prefault('1s').describe('Most for the first wait'),
    max: duration({ min: '10ms' }).prefault('1m').describe('Most for any wait'),
  })
  // Of two that are not both numbers, the schema has told already.
  .refine(({ min, max }) => !(min > max), { ...always, path: ['max'], error: 'expected no less than min' });

const uplink = z
  .strictObject({
    url: z
      .url({
        protocol: /^(mqtts?|wss?)$/,
        hostname: /./,
        error: 'expected mqtt://, mqtts://, ws:// or wss:// with a host, e.g. mqtts://broker.example.com:8883',
      })
      .refine((text) => !/\/\/[^/]*@/.test(text), 'user and password do not belong in the URL: use uplink.auth')
      .describe('Broker: `mqtt://`, `mqtts://`, `ws://` or `wss://`, host and port'),
    version: z
      .literal(['auto', '5', '3.1.1', 5])
      // In YAML the version 5 is a number.
      .transform((version) => (version === 5 ? '5' : version))
      .prefault('auto')
      .describe('MQTT version; auto tries 5 and falls back to 3.1.1 where the broker refuses it'),
    clientId: z.string().min(1).max(128).optional().describe('Default: `{tenant}-{gateway}`'),
    auth: auth.optional().describe('How the gateway proves who it is, beside a client certificate'),
    tls: tls.optional().describe('For `mqtts://` and `wss://`; certificates that are renewed on disk are taken up'),
    keepalive: duration({ min: '1s', max: '18h' }).prefault('15s').describe('Silence after which the link is probed'),
    connectTimeout: duration({ min: '10ms' }).prefault('10s').describe('For the whole way to the broker’s greeting'),
    ackTimeout: duration({ min: '10ms' })
      .prefault('20s')
      .describe('A link on which batches wait and none is acknowledged for so long is dropped'),
    window: z.int().min(1).max(65_535).default(64).describe('Batches under way; the broker’s Receive Maximum caps it'),
    backoff: backoff.prefault({}).describe('Waits between attempts to connect: exponential, with full jitter'),
    compression: z.enum(['none', 'gzip', 'zstd']).default('none').describe('Of the payload'),
    commands: z
      .boolean()
      .default(false)
      .describe('Whether the cloud may ask for a replay on `plc/{tenant}/{gateway}/command`'),
    backfill: z
      .strictObject({
        order: z.enum(['oldest', 'newest']).default('oldest').describe('Which end of the backlog goes first'),
        rate: size({ min: '1KiB' }).optional().describe('Bytes a second at most, e.g. 100KiB; default: no limit'),
      })
      .prefault({})
      .describe('What has waited for more than 10 s goes out beside the live data, marked `historical`'),
  })
  .describe('The MQTT connection to the cloud');

const whenFull = () => z.enum(['thin', 'dropOldest', 'pause']);

const buffer = z
  .strictObject({
    flushInterval: duration({ min: '10ms', max: '1h' })
      .prefault('1s')
      .describe('How often batches are committed: what a power cut can cost'),
    maxBytes: size({ min: '1MiB' })
      .prefault('2GiB')
      .describe('Room for the outbox; acknowledged batches are kept as history until then'),
    minFreeDisk: size({ min: '0B' })
      .prefault('200MiB')
      .describe('Room that stays free on the disk, whatever `maxBytes` says'),
    whenFull: whenFull()
      .default('thin')
      .describe('When undelivered data needs more: thin the oldest to rollups of a minute, drop it, or stop reading'),
    keep: z
      .array(z.string().min(1))
      .default(['state', 'available'])
      .describe(
        'Signals that go last when room runs out: neither thinned nor dropped while there is anything else; `*` stands for any characters',
      ),
    maxAge: duration({ min: '1s', max: '3650d' }).prefault('7d').describe('How long acknowledged batches are kept'),
  })
  .describe('The outbox on disk');

const log = z
  .strictObject({
    level: z.enum(['debug', 'info', 'warn', 'error']).default('info').describe('The least that is logged'),
    format: z
      .enum(['auto', 'json', 'text'])
      .default('auto')
      .describe('auto: text on a terminal, one JSON object a line elsewhere'),
  })
  .describe('The log on standard output');

const common = {
  id: machineId().describe('Name of the machine, unique within the gateway'),
  whenFull: whenFull().optional().describe('Its own, instead of `buffer.whenFull`'),
  labels: z.record(z.string(), z.string()).default({}).describe('Free labels, e.g. `line` or `cell`'),
};

/** What every machine has, whatever its driver. */
export const machineBase = z.object(common);

/** What the config has to know of a driver; `DriverModule` says more. */
export interface DriverConfig {
  readonly settings: z.ZodObject;
  check?(machines: readonly { readonly id: string; readonly settings: never }[]): readonly DriverFinding[];
}

/** See `SettingsFinding` of the drivers. */
export interface DriverFinding {
  readonly machine: number;
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly level?: 'error' | 'warning';
}

/** The drivers by the name that a machine entry gives, as the registry has them. */
export type Drivers = Readonly<Record<string, DriverConfig>>;

/** Builds the schema of the whole config for the drivers that there are. */
export function configSchema(drivers: Drivers) {
  const entries = Object.entries(drivers).map(([name, { settings }]) =>
    z.strictObject({
      id: common.id,
      driver: z.literal(name).describe('Protocol that the machine speaks'),
      ...settings.shape,
      whenFull: common.whenFull,
      labels: common.labels,
    }),
  );
  const [first, ...rest] = entries;
  if (first === undefined) throw new Error('there is no driver');
  return z.strictObject({
    gateway,
    machines: z
      .array(z.discriminatedUnion('driver', [first, ...rest]))
      .min(1, 'expected at least one machine')
      .describe('The machines to read'),
    uplink,
    buffer: buffer.prefault({}),
    alerts: alertsSchema.default([]),
    channels: channelsSchema.default({}),
    features: featuresSchema.optional(),
    rollups: rollupsSchema.optional(),
    oee: oeeSchema.default([]),
    anomaly: anomalySchema.optional(),
    http: httpSchema.prefault({}),
    log: log.prefault({}),
  });
}

export type GatewayConfig = z.output<typeof gateway>;
export type UplinkConfig = z.output<typeof uplink>;
export type BufferConfig = z.output<typeof buffer>;
export type HttpConfig = z.output<typeof httpSchema>;
export type LogConfig = z.output<typeof log>;
export type MachineConfig = {
  id: string;
  driver: string;
  labels: Record<string, string>;
  whenFull?: BufferConfig['whenFull'] | undefined;
} & Record<string, unknown>;

export interface Config {
  readonly gateway: GatewayConfig;
  readonly machines: readonly MachineConfig[];
  readonly uplink: UplinkConfig;
  readonly buffer: BufferConfig;
  readonly alerts: z.output<typeof alertsSchema>;
  readonly channels: z.output<typeof channelsSchema>;
  readonly features?: z.output<typeof featuresSchema> | undefined;
  readonly rollups?: z.output<typeof rollupsSchema> | undefined;
  readonly oee: z.output<typeof oeeSchema>;
  readonly anomaly?: z.output<typeof anomalySchema> | undefined;
  readonly http: HttpConfig;
  readonly log: LogConfig;
}
