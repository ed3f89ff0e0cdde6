import type { Table } from './tables.ts';

export type ValueType =
  | 'bool'
  | 'int16'
  | 'uint16'
  | 'int32'
  | 'uint32'
  | 'int64'
  | 'uint64'
  | 'float32'
  | 'float64'
  | 'bcd16'
  | 'bcd32'
  | 'string';

/** ABCD: high word and high byte first. CDAB: words turned. BADC: bytes turned. DCBA: both. */
export type Order = 'ABCD' | 'CDAB' | 'BADC' | 'DCBA';

/** Where and how a unit holds a value; the names are those of a gateway's config. */
export interface Point {
  readonly table: Table;
  /** Of the first register or bit, counted from 0. */
  readonly address: number;
  readonly type: ValueType;
  readonly order?: Order;
  /** The value is raw × scale: 0.1, 0.01 … */
  readonly scale?: number;
  readonly unit?: string;
  /** Characters of a string. */
  readonly length?: number;
}

export type PointValue = number | bigint | boolean | string;

/** What a table holds for a value, bits as one 0 or 1, and the value that a correct reader makes of it. */
export interface Encoded {
  readonly raw: number[];
  readonly value: PointValue;
}

export function encode(point: Point, value: PointValue): Encoded {
  if (point.type === 'bool') return { raw: [value ? 1 : 0], value: Boolean(value) };
  if (point.type === 'string') return text(point, String(value));
  const factor = Math.round(1 / (point.scale ?? 1));
  const isFloat = point.type === 'float32' || point.type === 'float64';
  const raw = isFloat || typeof value === 'bigint' ? (value as number) : Math.round(Number(value) * factor);
  const bytes = bytesOf(point.type, raw);
  const read = point.type === 'float32' ? bytes.readFloatBE() : factor === 1 ? raw : Number(raw) / factor;
  return { raw: registers(arrange(bytes, point.order ?? 'ABCD')), value: read };
}

/** Highest byte first. */
function bytesOf(type: ValueType, value: number | bigint): Buffer {
  const bytes = Buffer.alloc({ '16': 2, '32': 4, '64': 8 }[type.slice(-2)] ?? 0);
  switch (type) {
    case 'float32':
      bytes.writeFloatBE(Number(value));
      break;
    case 'float64':
      bytes.writeDoubleBE(Number(value));
      break;
    case 'bcd16':
    case 'bcd32':
      bytes.write(String(value).padStart(bytes.length * 2, '0'), 'hex');
      break;
    default: {
      const hex = BigInt.asUintN(bytes.length * 8, BigInt(value)).toString(16);
      bytes.write(hex.padStart(bytes.length * 2, '0'), 'hex');
    }
  }
  return bytes;
}

function arrange(bytes: Buffer, order: Order): Buffer {
  const areWordsTurned = order === 'CDAB' || order === 'DCBA';
  const areBytesTurned = order === 'BADC' || order === 'DCBA';
  const words = registers(bytes);
  const turned = Buffer.from((areWordsTurned ? words.reverse() : words).flatMap((word) => [word >> 8, word & 0xff]));
  return areBytesTurned ? turned.swap16() : turned;
}

function text({ length = 0, order = 'ABCD' }: Point, value: string): Encoded {
  const bytes = Buffer.alloc(Math.ceil(length / 2) * 2);
  bytes.write(value.slice(0, length), 'latin1');
  if (order === 'BADC' || order === 'DCBA') bytes.swap16();
  return { raw: registers(bytes), value: value.slice(0, length) };
}

function registers(bytes: Buffer): number[] {
  return Array.from({ length: bytes.length / 2 }, (_, index) => bytes.readUInt16BE(index * 2));
}
