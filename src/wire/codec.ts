import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import type { z } from 'zod';
import { type Instant, instantAt } from '../instant.ts';
import { ZSTD_MAGIC } from '../zstd-header.ts';
import {
  batchSchema,
  batchTopic,
  CONTRACT_VERSION,
  type EventBatch,
  eventSchema,
  type RollupBatch,
  type Status,
  statusSchema,
  statusTopic,
  TEST_KIND,
  type TelemetryBatch,
  type WireBatch,
  type WireEvent,
} from './contract.ts';

/** Largest payload after decompression, in bytes: a bomb of a few kB must not take the memory of a consumer. */
export const MAX_DECODED_BYTES = 64 * 2 ** 20;
/** First bytes of a gzip member (RFC 1952, 2.3.1), little-endian. */
const GZIP_MAGIC = 0x8b1f;

/** What went wrong, in words. */
export interface Problem {
  readonly problem: string;
}

/**
 * What a message turned out to be.
 * - `ignored`: not for a reader of this version (another topic, a later kind, a retained status that was cleared), or a
 *   test message of `doctor`
 * - `problem`: it claims to be of this contract and is not
 */
export type Message =
  | { readonly type: 'batch'; readonly batch: WireBatch }
  | { readonly type: 'status'; readonly status: Status }
  | { readonly type: 'ignored'; readonly reason: string }
  | ({ readonly type: 'problem' } & Problem);

/** One value of a telemetry batch, flattened. */
export interface WireObservation extends Instant {
  readonly signal: string;
  readonly unit: string | undefined;
  readonly v: unknown;
  readonly q: 'good' | 'uncertain' | 'bad';
}

/** One window of a rollup batch, flattened. */
export interface WireWindow {
  readonly signal: string;
  readonly unit: string | undefined;
  /** When it begins, milliseconds since the Unix epoch. */
  readonly t: number;
  /** Its length in milliseconds. */
  readonly window: number;
  /** Observations in it. */
  readonly n: number;
  /** Of the numbers in it; null when there were none. */
  readonly min: number | null;
  readonly max: number | null;
  readonly mean: number | null;
  readonly last: unknown;
}

const kinds: ReadonlySet<string> = new Set(batchSchema.options.map(({ shape }) => shape.kind.value));
const eventTypes: ReadonlySet<string> = new Set(eventSchema.options.map(({ shape }) => shape.type.value));

/**
 * The JSON value of a payload, plain or compressed with zstd or gzip: the first bytes tell which, so that it works
 * under MQTT 3.1.1, which has no properties, and in a file. Never throws.
 */
export function decodePayload(payload: Uint8Array): { readonly value: unknown } | Problem {
  try {
    return { value: JSON.parse(decompress(payload)) };
  } catch (error) {
    return { problem: `carries no JSON: ${(error as Error).message}` };
  }
}

/** Decodes and validates any message of a broker. Never throws. */
export function parseMessage(topic: string, payload: Uint8Array): Message {
  const [root, , , last, kind, ...rest] = topic.split('/');
  if (root === 'plc' && last === 'status' && kind === undefined) {
    if (payload.length === 0) return { type: 'ignored', reason: `${topic}: the retained status was cleared` };
    const result = parseStatus(topic, payload);
    return 'problem' in result ? { type: 'problem', ...result } : { type: 'status', ...result };
  }
  if (root !== 'plc' || kind === undefined || rest.length > 0) {
    return { type: 'ignored', reason: `${topic}: no topic of this contract` };
  }
  if (!kinds.has(kind)) return { type: 'ignored', reason: `${topic}: a kind that this version does not know` };
  const result = parseBatch(topic, payload);
  if (!('problem' in result)) return { type: 'batch', ...result };
  return isTest(payload) ? { type: 'ignored', reason: `${topic}: a test message` } : { type: 'problem', ...result };
}

function isTest(payload: Uint8Array): boolean {
  const decoded = decodePayload(payload);
  const { v, kind } = ('value' in decoded ? (decoded.value as { v?: unknown; kind?: unknown } | null) : null) ?? {};
  return v === CONTRACT_VERSION && kind === TEST_KIND;
}

/** The batch that a message carries, if it is one of contract v1 on its own topic. Never throws. */
export function parseBatch(topic: string, payload: Uint8Array): { readonly batch: WireBatch } | Problem {
  const parsed = parse(batchSchema, topic, payload);
  if ('problem' in parsed) return parsed;
  const batch = parsed.data;
  const uneven = unevenSignal(batch);
  if (uneven !== undefined) return { problem: `${topic} carries columns of different length: ${uneven}` };
  const own = batchTopic(batch.tenant, batch.gateway, batch.machine, batch.kind);
  return own === topic ? { batch } : { problem: `${topic} carries a batch that belongs on ${own}` };
}

/** The status that a message carries, if it is one of contract v1 on its own topic. Never throws. */
export function parseStatus(topic: string, payload: Uint8Array): { readonly status: Status } | Problem {
  const parsed = parse(statusSchema, topic, payload);
  if ('problem' in parsed) return parsed;
  const status = parsed.data;
  const own = statusTopic(status.tenant, status.gateway);
  return own === topic ? { status } : { problem: `${topic} carries a status that belongs on ${own}` };
}

function parse<T>(schema: z.ZodType<T>, topic: string, payload: Uint8Array): { data: T } | Problem {
  const decoded = decodePayload(payload);
  if ('problem' in decoded) return { problem: `${topic} ${decoded.problem}` };
  const version = (decoded.value as { v?: unknown } | null)?.v;
  if (typeof version === 'number' && version !== CONTRACT_VERSION) {
    return { problem: `${topic} is of contract version ${version}; this program reads version ${CONTRACT_VERSION}` };
  }
  try {
    const result = schema.safeParse(decoded.value);
    return result.success ? result : { problem: `${topic} is not as the contract says: ${first(result.error.issues)}` };
  } catch (error) {
    // Values that are nested some thousand levels deep exhaust the stack.
    return { problem: `${topic} cannot be validated: ${(error as Error).message}` };
  }
}

/** The first issue and its place, where a union hides it in its first member. */
function first(issues: readonly z.core.$ZodIssue[], above: readonly PropertyKey[] = []): string {
  const [issue] = issues;
  const path = [...above, ...(issue?.path ?? [])];
  const inner = issue?.code === 'invalid_union' ? issue.errors[0] : undefined;
  if (inner !== undefined && inner.length > 0) return first(inner, path);
  return `${path.join('.') || 'payload'}: ${issue?.message}`;
}

/** Name of a signal whose columns do not belong together. */
function unevenSignal(batch: WireBatch): string | undefined {
  if (batch.kind === 'event' || batch.kind === 'alert') return undefined;
  const uneven =
    batch.kind === 'telemetry'
      ? Object.entries(batch.signals).find(([, { t, v, q = v }]) => isUneven(t, [v, q]))
      : Object.entries(batch.rollups).find(([, { t, n, min, max, mean, last, stddev = n, first = n, time = {} }]) =>
          isUneven(t, [n, min, max, mean, last, stddev, first, ...Object.values(time)]),
        );
  return uneven?.[0];
}

function isUneven(t: readonly unknown[], columns: readonly (readonly unknown[])[]): boolean {
  return columns.some(({ length }) => length !== t.length);
}

function decompress(payload: Uint8Array): string {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const limit = { maxOutputLength: MAX_DECODED_BYTES };
  if (bytes.length >= 4 && bytes.readUInt32LE(0) === ZSTD_MAGIC) return zstdDecompressSync(bytes, limit).toString();
  if (bytes.length >= 2 && bytes.readUInt16LE(0) === GZIP_MAGIC) return gunzipSync(bytes, limit).toString();
  return bytes.toString();
}

/** Of one machine among all: `tenant/gateway/machine`. */
export function machineKey({ tenant, gateway, machine }: Pick<WireBatch, 'tenant' | 'gateway' | 'machine'>): string {
  return `${tenant}/${gateway}/${machine}`;
}

/** Where a batch's numbering belongs: `seq` counts 1, 2, 3 … within it. */
export function channelOf(batch: WireBatch): string {
  return `${machineKey(batch)}/${batch.kind}/${batch.stream}`;
}

/** The identity of a batch for ever: the same key always has the same content. */
export function batchKey(batch: WireBatch): string {
  return `${channelOf(batch)}/${batch.seq}`;
}

/** When the latest entry of a batch was, in milliseconds since the epoch. */
export function latestTime(batch: WireBatch): number {
  let latest = 0;
  if (batch.kind === 'event' || batch.kind === 'alert') {
    for (const { t } of batch.kind === 'event' ? batch.events : batch.alerts) if (t > latest) latest = t;
  } else {
    const columns = batch.kind === 'telemetry' ? batch.signals : batch.rollups;
    for (const { t } of Object.values(columns)) for (const offset of t) if (offset > latest) latest = offset;
  }
  return batch.t0 + latest;
}

/** The observations of a telemetry batch, signal by signal, each signal in its own order. */
export function* observationsOf({ t0, signals }: TelemetryBatch): Generator<WireObservation> {
  for (const [signal, { unit, t, v, q }] of Object.entries(signals)) {
    for (const [i, offset] of t.entries()) {
      yield { signal, unit, ...instantAt(t0, offset), v: v[i], q: q?.[i] ?? 'good' };
    }
  }
}

/** The windows of a rollup batch, signal by signal. A window may come in parts, of several batches, which add up. */
export function* windowsOf({ t0, rollups }: RollupBatch): Generator<WireWindow> {
  for (const [signal, { unit, window, t, n, min, max, mean, last }] of Object.entries(rollups)) {
    for (const [i, offset] of t.entries()) {
      const numbers = { min: min[i] ?? null, max: max[i] ?? null, mean: mean[i] ?? null };
      yield { signal, unit, t: t0 + offset, window, n: n[i] ?? 0, ...numbers, last: last[i] };
    }
  }
}

/** The events of a batch in their order, without those of types that this version does not know. */
export function* eventsOf({ t0, events }: EventBatch): Generator<WireEvent & { readonly at: Instant }> {
  for (const event of events) {
    if (isKnown(event)) yield { ...event, at: instantAt(t0, event.t) };
  }
}

function isKnown(event: EventBatch['events'][number]): event is WireEvent {
  return eventTypes.has(event.type);
}
