import { decoderOf } from '../decode.ts';
import { ORDERS, type Order, type Table, type ValueType } from '../settings.ts';
import type { ModbusSignal } from '../signals.ts';

/** Registers next to each other as two samples have them, in the bytes of the wire. */
export interface SampledRun {
  readonly table: Extract<Table, 'holding' | 'input'>;
  /** Of the first register, counted from 0. */
  readonly address: number;
  readonly before: Buffer;
  /** As long as `before`, some time later. */
  readonly after: Buffer;
}

/** A way to read a run that shows what was looked for. */
export interface Candidate {
  readonly table: Extract<Table, 'holding' | 'input'>;
  readonly address: number;
  readonly type: ValueType;
  readonly order: Order;
  readonly scale: number;
  /** In the later sample. */
  readonly value: number;
  /** Bits of evidence, less for unusual ways to write a number: so many fewer would have come by chance. */
  readonly score: number;
}

const REGISTERS = {
  uint16: 1,
  int16: 1,
  bcd16: 1,
  float32: 2,
  uint32: 2,
  int32: 2,
  bcd32: 2,
  float64: 4,
  uint64: 4,
  int64: 4,
} as const;
type Numeric = keyof typeof REGISTERS;

/** What each scale costs, in bits: the rarer, the more. 60 turns a number per second into one per minute. */
const WHOLE_SCALES = { 1: 0, 0.1: 1, 0.01: 1.5, 0.001: 2, 10: 2, 100: 3, 1000: 3, 60: 4 };
const FLOAT_SCALES = { 1: 0, 1000: 3, 0.001: 3, 60: 3, 100: 4 };
const ORDER_COST: Readonly<Record<Order, number>> = { ABCD: 0, CDAB: 1, DCBA: 4, BADC: 4 };
const TYPE_COST: Readonly<Record<Numeric, number>> = {
  uint16: 0,
  int16: 0.5,
  bcd16: 5,
  float32: 0,
  uint32: 1,
  int32: 1.5,
  bcd32: 5,
  float64: 2,
  uint64: 2,
  int64: 2.5,
};
/** The machine goes on while the panel is read: as a part of the value, nearer than this counts, for less. */
const NEAR = 0.01;
const NEAR_COST = 4;
/** What changes by more than this part from one sample to the next is not the thing that stands on a panel. */
const STEADY = 0.1;
const EXPONENT_OF_SMALLEST = -149;

/**
 * All ways to read the runs that give `expect`, as a panel shows it: rounded to its last digit. The likeliest first.
 * Of ways that give the same by chance of the value (int16 for a positive uint16) only the plainest is told.
 * @param most registers that the device gives at once
 */
export function search(expect: number, runs: readonly SampledRun[], most = 125): Candidate[] {
  const wanted = { expect, rounding: 0.5 * 10 ** -decimals(expect) };
  const readers = READERS.filter(({ type }) => REGISTERS[type] <= most);
  const found = runs.flatMap((run) => readers.flatMap((reader) => read(run, reader, wanted)));
  return found.toSorted((a, b) => b.score - a.score || a.address - b.address);
}

interface Reader {
  readonly type: Numeric;
  readonly order: Order;
  readonly decode: (bytes: Buffer) => unknown;
}

interface Wanted {
  readonly expect: number;
  readonly rounding: number;
}

const READERS: readonly Reader[] = Object.keys(REGISTERS).flatMap((name) => {
  const type = name as Numeric;
  // A single word has nothing to turn but its bytes.
  const orders = ORDERS.filter((order) => REGISTERS[type] > 1 || order === 'ABCD' || order === 'BADC');
  return orders.map((order) => ({ type, order, decode: decoderOf(plain(type, order), 0) }));
});

function plain(type: Numeric, order: Order): ModbusSignal {
  const size = REGISTERS[type];
  return { name: '', table: 'holding', address: 0, size, type, order, scale: 1, offset: 0, sentinels: [], every: 0 };
}

function read({ table, address, before, after }: SampledRun, reader: Reader, wanted: Wanted): Candidate[] {
  const { type, order, decode } = reader;
  const size = REGISTERS[type] * 2;
  const scales = Object.entries(type.startsWith('float') ? FLOAT_SCALES : WHOLE_SCALES);
  const found: Candidate[] = [];
  for (let at = 0; at + size <= after.length; at += 2) {
    const [first, last] = [decode(before.subarray(at, at + size)), decode(after.subarray(at, at + size))];
    if (typeof first !== 'number' || typeof last !== 'number' || isRedundant(type, last)) continue;
    for (const [text, cost] of scales) {
      const scale = Number(text);
      const [older, value] = [scaled(first, scale), scaled(last, scale)];
      const rest = cost + ORDER_COST[order] + TYPE_COST[type];
      const score = evidence([older, value], wanted, { type, raw: last, scale });
      // No better than chance: of a device that is mostly zero, a search for 0 would give a million.
      if (score === undefined || score < rest) continue;
      found.push({ table, address: address + at / 2, type, order, scale, value, score: score - rest });
    }
  }
  return found;
}

/** A signed number that is not negative reads the same unsigned. */
function isRedundant(type: Numeric, value: number): boolean {
  return type.startsWith('int') && value >= 0;
}

/** The driver's own rounding: a tenth is a division by ten. */
function scaled(raw: number, scale: number): number {
  return scale < 1 ? raw / Math.round(1 / scale) : raw * scale;
}

/** Bits that had to fall into place for the values to be what was looked for; undefined where they are not. */
function evidence(
  values: readonly [older: number, value: number],
  { expect, rounding }: Wanted,
  { type, raw, scale }: { readonly type: Numeric; readonly raw: number; readonly scale: number },
): number | undefined {
  const errors = values.map((value) => Math.abs(value - expect));
  const most = Math.max(STEADY * Math.abs(expect), rounding);
  if (Math.max(...errors) > most + rounding) return undefined;
  const slack = rounding * (1 + 1e-9);
  const isExact = Math.min(...errors) <= slack;
  const reach = isExact ? slack : NEAR * Math.abs(expect);
  if (Math.min(...errors) > reach) return undefined;
  const width = (2 * reach) / scale;
  const codes = Math.max(1, width / (type.startsWith('float') ? spacing(raw, type) : 1));
  return bitsOf(type, raw) - Math.log2(codes) - (isExact ? 0 : NEAR_COST);
}

/** Distance to the next number that the type can hold. */
function spacing(value: number, type: Numeric): number {
  const exponent = value === 0 ? EXPONENT_OF_SMALLEST : Math.floor(Math.log2(Math.abs(value)));
  return 2 ** (exponent - (type === 'float32' ? 23 : 52));
}

/** Words that are only the sign of a small number are no evidence: much of a device is 0. */
function bitsOf(type: Numeric, raw: number): number {
  const size = REGISTERS[type] * 16;
  if (type.startsWith('float')) return raw === 0 ? 0 : size;
  const magnitude = Math.max(1, Math.log2(Math.abs(raw) + 1));
  return raw === 0 ? 0 : Math.min(size, Math.ceil(magnitude / 16) * 16);
}

/** Digits behind the point as they were given. */
function decimals(value: number): number {
  const [mantissa = '', exponent = '0'] = String(value).split('e');
  return Math.max(0, (mantissa.split('.')[1] ?? '').length - Number(exponent));
}
