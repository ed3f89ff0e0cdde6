import { z } from 'zod';
import { filePath, secret } from '../../config/secrets.ts';
import { duration } from '../../config/units.ts';
import { stateRule } from '../state-rule.ts';
import { AddressError, parseAddress } from './address.ts';

export const POLICIES = ['Basic256Sha256', 'Aes128_Sha256_RsaOaep', 'Aes256_Sha256_RsaPss'] as const;

const address = z
  .string()
  .min(1)
  .transform((text, context) => {
    try {
      return parseAddress(text);
    } catch (error) {
      if (!(error instanceof AddressError)) throw error;
      context.addIssue({ code: 'custom', message: error.message });
      return z.NEVER;
    }
  })
  .meta({ title: 'node id or browse path' });

const deadband = z
  .union([z.number().min(0), z.string().regex(/^\d+(\.\d+)? ?%$/, 'expected a number, or a percentage such as 1%')])
  .transform((value) =>
    typeof value === 'number'
      ? { kind: 'absolute' as const, value }
      : { kind: 'percent' as const, value: Number.parseFloat(value) },
  )
  .meta({ title: 'number or percentage' });

const item = {
  samplingInterval: duration({ min: '0ms' }).optional().describe('Its own; 0ms: as fast as the server can'),
  queueSize: z.int().min(1).max(100_000).optional().describe('Its own'),
  discardOldest: z.boolean().optional().describe('Its own'),
  deadband: deadband.optional().describe('Its own'),
};

const detailed = z.strictObject({
  node: address.describe('nsu=URI;s=…, ns=2;i=…, or a browse path'),
  unit: z.string().min(1).optional().describe('Of the scaled value, e.g. rev/min'),
  scale: z.number().optional().describe('The value is raw × scale + offset'),
  offset: z.number().optional().describe('Added after the scale'),
  ...item,
});

const signal = z.union([address.transform((node): z.output<typeof detailed> => ({ node })), detailed]);

const folder = z.strictObject({
  node: address.describe('The folder, or a pattern for several'),
  prefix: z.string().optional().describe('Put before the names of its signals; default: none, or the folder’s name'),
  depth: z.int().min(1).max(100).default(10).describe('Levels below the folder'),
  exclude: z
    .array(
      z
        .string()
        .min(1)
        .refine((text) => !text.startsWith('/'), 'expected a path below the folder, without a slash at its beginning')
        .refine((text) => !text.split('/').includes(''), 'expected a name between two slashes'),
    )
    .default([])
    .describe('Paths below the folder that are left out, e.g. [Diagnostics/**, "**/Raw"]'),
  properties: z.boolean().default(false).describe('Properties (units, ranges …) as well'),
  ...item,
});

export type SignalSettings = z.output<typeof detailed>;
export type FolderSettings = z.output<typeof folder>;
export type ItemSettings = Pick<SignalSettings, keyof typeof item>;

/** The driver's keys of a machine entry; the reference in docs/config.md is generated from here. */
export const settings = z.object({
  url: z
    .string()
    .regex(/^opc\.tcp:\/\/[^/\s@]+(\/[^\s]*)?$/, 'expected the server’s address, e.g. opc.tcp://192.168.0.22:4840')
    .refine((text) => URL.canParse(text), 'expected the server’s address, e.g. opc.tcp://192.168.0.22:4840')
    .describe('Address of the server, port 4840 unless it says another'),
  security: z
    .strictObject({
      mode: z.enum(['none', 'sign', 'signAndEncrypt']).default('signAndEncrypt').describe('Of every message'),
      policy: z.enum(POLICIES).optional().describe('Default: the strongest that the server offers'),
    })
    .default({ mode: 'none' })
    .describe('Left out: none, with a notice where the server offers better; never chosen by itself'),
  auth: z
    .union([
      z.strictObject({
        username: z.string().min(1).describe('Of a user that may read'),
        password: secret().describe('Reference to its password, e.g. ${env:MILL_PASSWORD}'),
      }),
      z.strictObject({
        certificate: filePath('certificate').describe('PEM file of the user’s certificate'),
        key: filePath('key').describe('PEM file of its key'),
      }),
    ])
    .optional()
    .describe('Left out: anonymous'),
  signals: z
    .record(z.string().min(1), signal)
    .default({})
    .describe('Our name → node, e.g. rpm: nsu=http://acme.com/mill;s=Spindle.Speed; or a mapping with more'),
  folders: z
    .array(z.union([address.transform((node) => folder.parse({ node: node.text })), folder]))
    .default([])
    .describe('Every variable below these nodes becomes a signal, named by its path'),
  limit: z.int().min(1).max(100_000).default(10_000).describe('Signals that folders may give'),
  state: stateRule().optional().describe('How `state` follows from the signals'),
  mode: z
    .enum(['auto', 'subscribe', 'poll'])
    .default('auto')
    .describe('auto subscribes, falls back to polling where the server cannot, and tries again later'),
  publishingInterval: duration({ min: '10ms', max: '10m' }).prefault('500ms').describe('The server sends this often'),
  samplingInterval: duration({ min: '0ms' }).prefault('250ms').describe('The server looks at a value this often'),
  queueSize: z
    .int()
    .min(1)
    .max(100_000)
    .optional()
    .describe('Values that the server keeps for a signal; default: enough for `outage`'),
  outage: duration({ min: '1s', max: '1h' })
    .prefault('60s')
    .describe('Time without a link that the server’s queues are asked to hold'),
  discardOldest: z.boolean().default(true).describe('Which value goes when a queue is full'),
  deadband: deadband
    .optional()
    .describe('Smaller changes are not reported: absolute, or percent of the range, e.g. 1%'),
  pollInterval: duration({ min: '10ms' }).prefault('1s').describe('When polling'),
  subscribeRetry: duration()
    .prefault('10m')
    .describe('After a fallback to polling, subscribing is tried again this often'),
  itemsPerCall: z.int().min(1).max(10_000).default(100).describe('Nodes in one request; less where the server says so'),
  sessionTimeout: duration({ min: '10s', max: '24h' }).prefault('2m').describe('The server forgets us after this long'),
  requestTimeout: duration({ min: '100ms', max: '10m' }).prefault('10s').describe('No answer for this long is none'),
  dataAge: duration({ min: '100ms', max: '1h' })
    .prefault('15s')
    .describe('Nothing from the server for this long: reconnect'),
  retryItems: duration({ min: '100ms' })
    .prefault('1m')
    .describe('Signals that the server refuses are tried again this often'),
});

export type OpcuaSettings = z.output<typeof settings>;
