import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import type { z } from 'zod';
import {
  batchSchema,
  batchTopic,
  KINDS,
  type Status,
  statusSchema,
  statusTopic,
  type TelemetryBatch,
  type WireBatch,
} from './contract.ts';

/** Largest payload after decompression, in bytes: a bomb of a few kB must not take the memory of a consumer. */
const MAX_DECODED_BYTES = 64 * 1024 * 1024;
const ZSTD_MAGIC = 0xfd2fb528;
const GZIP_MAGIC = 0x8b1f;

/** What a message turned out to be; `problem` says in words why it is none of them. */
export type Message =
  | { readonly type: 'batch'; readonly batch: WireBatch }
  | { readonly type: 'status'; readonly status: Status }
  | { readonly type: 'problem'; readonly problem: string };

/** One value of a telemetry batch, flattened. */
export interface WireObservation {
  readonly signal: string;
  readonly unit: string | undefined;
  /** Whole milliseconds since the Unix epoch. */
  readonly t: number;
  /** Nanoseconds within that millisecond. */
  readonly ns: number;
  readonly v: unknown;
  readonly q: 'good' | 'uncertain' | 'bad';
}

/** Decodes and validates a message from any broker. Never throws: what is wrong comes back as a problem. */
export function parseMessage(topic: string, payload: Uint8Array): Message {
  const levels = topic.split('/');
  const isStatus = levels.length === 4 && levels[3] === 'status';
  if (levels[0] !== 'plc' || (!isStatus && levels.length !== 5)) return problem(topic, 'is no topic of this contract');
  let json: unknown;
  try {
    json = JSON.parse(decompress(payload));
  } catch (error) {
    return problem(topic, `carries no JSON: ${(error as Error).message}`);
  }
  return isStatus ? parseStatus(topic, json) : parseBatch(topic, json);
}

function parseBatch(topic: string, json: unknown): Message {
  const kind = (json as { kind?: unknown } | null)?.kind;
  if (!(KINDS as readonly unknown[]).includes(kind)) return problem(topic, `carries the unknown kind ${kind}`);
  const parsed = batchSchema.safeParse(json);
  if (!parsed.success) return problem(topic, `carries an invalid batch: ${firstIssue(parsed.error)}`);
  const batch = parsed.data;
  const uneven = batch.kind === 'telemetry' ? unevenSignal(batch) : undefined;
  if (uneven !== undefined) return problem(topic, `carries columns of different length: ${uneven}`);
  const own = batchTopic(batch.tenant, batch.gateway, batch.machine, batch.kind);
  if (own !== topic) return problem(topic, `carries a batch that belongs on ${own}`);
  return { type: 'batch', batch };
}

function parseStatus(topic: string, json: unknown): Message {
  const parsed = statusSchema.safeParse(json);
  if (!parsed.success) return problem(topic, `carries an invalid status: ${firstIssue(parsed.error)}`);
  const own = statusTopic(parsed.data.tenant, parsed.data.gateway);
  return own === topic ? { type: 'status', status: parsed.data } : problem(topic, `carries a status for ${own}`);
}

/** Name of a signal whose `t`, `v` and `q` do not belong together. */
function unevenSignal({ signals }: TelemetryBatch): string | undefined {
  const isUneven = ({ t, v, q }: TelemetryBatch['signals'][string]) =>
    t.length !== v.length || (q !== undefined && q.length !== v.length);
  return Object.entries(signals).find(([, columns]) => isUneven(columns))?.[0];
}

function problem(topic: string, what: string): Message {
  return { type: 'problem', problem: `${topic} ${what}` };
}

function firstIssue(error: z.ZodError): string {
  const [issue] = error.issues;
  return issue === undefined ? 'no reason' : `${issue.path.join('.') || 'payload'}: ${issue.message}`;
}

/** JSON text of a payload; the compression is told by its first bytes, so that MQTT 3.1.1 needs no properties. */
function decompress(payload: Uint8Array): string {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const limit = { maxOutputLength: MAX_DECODED_BYTES };
  if (bytes.length >= 4 && bytes.readUInt32LE(0) === ZSTD_MAGIC) return zstdDecompressSync(bytes, limit).toString();
  if (bytes.length >= 2 && bytes.readUInt16LE(0) === GZIP_MAGIC) return gunzipSync(bytes, limit).toString();
  return bytes.toString();
}

/** Where a batch's numbering belongs: `seq` counts 1, 2, 3 … within it. */
export function channelOf({ tenant, gateway, machine, kind, stream }: WireBatch): string {
  return `${tenant}/${gateway}/${machine}/${kind}/${stream}`;
}

/** The identity of a batch for ever: the same key always has the same content. */
export function batchKey(batch: WireBatch): string {
  return `${channelOf(batch)}/${batch.seq}`;
}

/** The observations of a telemetry batch, signal by signal, each signal in its own order. */
export function* observationsOf({ t0, signals }: TelemetryBatch): Generator<WireObservation> {
  for (const [signal, { unit, t, v, q }] of Object.entries(signals)) {
    for (const [i, offset] of t.entries()) {
      const whole = Math.floor(offset);
      const ns = Math.round((offset - whole) * 1e6);
      yield { signal, unit, t: t0 + whole, ns, v: v[i], q: q?.[i] ?? 'good' };
    }
  }
}
