import { constants, gzipSync, zstdCompressSync } from 'node:zlib';
import type { UplinkConfig } from '../config/schema.ts';
import type { StoredBatch } from '../outbox/outbox.ts';
import { batchTopic, CONTRACT_VERSION, PAYLOAD_KEY } from '../wire/contract.ts';
import { around } from './around.ts';
import type { PublishProperties } from './mqtt.ts';
import { frameOf } from './zstd-frame.ts';

export type Compression = UplinkConfig['compression'];

/** The part of a batch's identity that is the same for all batches of a gateway. */
export interface Sender {
  readonly tenant: string;
  readonly gateway: string;
}

/** A batch as it goes out. */
export interface Message {
  readonly topic: string;
  readonly payload: Buffer;
  /** For MQTT 5. */
  readonly properties: PublishProperties;
}

/** Properties of everything that this version publishes. */
export const PROPERTIES: PublishProperties = {
  contentType: 'application/json',
  userProperties: { v: String(CONTRACT_VERSION) },
};

/**
 * Puts the envelope around a stored body. The body is JSON text already, so nothing is parsed; the same batch always
 * gives the same bytes (before compression), but for the mark `historical`: it is sent late, or once more.
 * @throws Error when the body is damaged
 */
export function encodeBatch(batch: StoredBatch, sender: Sender, compression: Compression, historical = false): Message {
  const { machine, kind, stream, seq, t0, clock, body, blocks, room = 0 } = batch;
  if (body === undefined) throw new Error('its body is damaged');
  const { tenant, gateway } = sender;
  const mark = historical ? { historical } : {};
  const head = JSON.stringify({ v: CONTRACT_VERSION, tenant, gateway, machine, kind, stream, seq, t0, clock, ...mark });
  const before = Buffer.from(`${head.slice(0, -1)},"${PAYLOAD_KEY[kind]}":`);
  const after = Buffer.from('}');
  const payload =
    compression === 'zstd' && blocks !== undefined
      ? frameOf(before, { blocks, room, contentBytes: body.length }, after)
      : compressed(around(before, body, after, room), compression);
  const topic = batchTopic(tenant, gateway, machine, kind);
  const properties = {
    contentType: PROPERTIES.contentType,
    userProperties: {
      ...PROPERTIES.userProperties,
      ...(historical ? { historical: 'true' } : {}),
      ...(compression === 'none' ? {} : { encoding: compression }),
    },
  };
  return { topic, payload, properties };
}

function compressed(json: Buffer, compression: Compression): Buffer {
  if (compression === 'none') return json;
  return compression === 'gzip' ? gzipSync(json, { level: constants.Z_BEST_SPEED }) : zstdCompressSync(json);
}

/** Bytes of the PUBLISH packet with QoS 1 under MQTT 5 (3.3), to be held against the broker's Maximum Packet Size. */
export function packetSize({ topic, payload, properties }: Message): number {
  const text = (value: string) => 2 + Buffer.byteLength(value);
  const entries = Object.entries(properties.userProperties);
  const properBytes = entries.reduce((sum, [key, value]) => sum + 1 + text(key) + text(value), 0);
  const propertyBytes = 1 + text(properties.contentType) + properBytes;
  const remaining = text(topic) + 2 + variableInt(propertyBytes) + propertyBytes + payload.length;
  return 1 + variableInt(remaining) + remaining;
}

/** Bytes of a Variable Byte Integer (MQTT 5, 1.5.5). */
function variableInt(value: number): number {
  return value < 128 ? 1 : value < 16_384 ? 2 : value < 2_097_152 ? 3 : 4;
}
