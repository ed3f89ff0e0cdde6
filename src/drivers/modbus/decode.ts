import type { Value } from '../../observation.ts';
import { isBitTable, type ModbusSignal } from './signals.ts';

/** Reads a signal's value out of the data bytes of a block; null where there is none. */
export type Decoder = (data: Buffer) => Value;

/**
 * The decoder of a signal in a block that begins at `start`. The data bytes are as on the wire: registers high byte
 * first, bits from the lowest of the first byte on.
 */
export function decoderOf(signal: ModbusSignal, start: number): Decoder {
  const place = signal.address - start;
  if (isBitTable(signal.table)) {
    const mask = 1 << (place & 7);
    return (data) => ((data[place >> 3] as number) & mask) !== 0;
  }
  const at = place * 2;
  switch (signal.type) {
    case 'string':
      return (data) => text(arranged(data, at, signal).subarray(0, signal.length));
    case 'int64':
    case 'uint64':
      return whole64(signal, at);
    case 'float32':
    case 'float64':
      return float(signal, at);
    default:
      return whole(signal, at);
  }
}

/** The bytes of a value, highest first. Copies only where the device turns them. */
function arranged(data: Buffer, at: number, { size, order, type }: ModbusSignal): Buffer {
  const bytes = data.subarray(at, at + size * 2);
  if (order === 'ABCD') return bytes;
  const copy = Buffer.from(bytes);
  // Words turned and bytes turned within them: the whole turned.
  if (order === 'DCBA') return copy.reverse();
  if (order === 'BADC') return copy.swap16();
  return type === 'string' ? copy : copy.reverse().swap16();
}

/** Numbers of 16 and 32 bits, bits of them, and BCD. */
function whole(signal: ModbusSignal, at: number): Decoder {
  const { type, cut, size, sentinels } = signal;
  const unsigned = rawReader(signal, at);
  const empty = sentinels.map((raw) => Number(BigInt.asUintN(size * 16, BigInt(raw))));
  const scaled = scaler(signal);
  if (cut !== undefined) {
    const mask = 2 ** cut.count - 1;
    const part = (raw: number) => ((raw >>> cut.low) & mask) >>> 0;
    if (cut.asBool) return (data) => part(unsigned(data)) === 1;
    return (data) => {
      const raw = unsigned(data);
      return empty.includes(raw) ? null : scaled(part(raw));
    };
  }
  if (type === 'bool') return (data) => unsigned(data) !== 0;
  const isBcd = type === 'bcd16' || type === 'bcd32';
  const [top, span] = [2 ** (size * 16 - 1), 2 ** (size * 16)];
  const isSigned = type === 'int16' || type === 'int32';
  return (data) => {
    const raw = unsigned(data);
    if (empty.length > 0 && empty.includes(raw)) return null;
    if (isBcd) return decimal(raw, scaled);
    return scaled(isSigned && raw >= top ? raw - span : raw);
  };
}

/** The unsigned number behind one or two registers; orders without copies, as these are most of what is read. */
function rawReader({ size, order }: ModbusSignal, at: number): (data: Buffer) => number {
  const areBytesTurned = order === 'BADC' || order === 'DCBA';
  if (size === 1) return (data) => (areBytesTurned ? data.readUInt16LE(at) : data.readUInt16BE(at));
  switch (order) {
    case 'ABCD':
      return (data) => data.readUInt32BE(at);
    case 'DCBA':
      return (data) => data.readUInt32LE(at);
    case 'CDAB':
      return (data) => data.readUInt16BE(at + 2) * 65_536 + data.readUInt16BE(at);
    case 'BADC':
      return (data) => data.readUInt16LE(at) * 65_536 + data.readUInt16LE(at + 2);
  }
}

/** Numbers of 64 bits: exact as decimal text where a double cannot hold them, unless they are scaled. */
function whole64(signal: ModbusSignal, at: number): Decoder {
  const empty = signal.sentinels.map((raw) => BigInt.asUintN(64, BigInt(raw)));
  const scaled = scaler(signal);
  const isPlain = signal.scale === 1 && signal.offset === 0;
  return (data) => {
    const raw = arranged(data, at, signal).readBigUInt64BE();
    if (empty.includes(raw)) return null;
    const value = signal.type === 'int64' ? BigInt.asIntN(64, raw) : raw;
    const number = Number(value);
    return isPlain && !Number.isSafeInteger(number) ? String(value) : scaled(number);
  };
}

function float(signal: ModbusSignal, at: number): Decoder {
  const empty = signal.sentinels.map((raw) => BigInt.asUintN(signal.size * 16, BigInt(raw)));
  const scaled = scaler(signal);
  const finite = (value: number) => (Number.isFinite(value) ? scaled(value) : null);
  if (signal.size === 4) {
    return (data) => {
      const bytes = arranged(data, at, signal);
      return empty.includes(bytes.readBigUInt64BE()) ? null : finite(bytes.readDoubleBE());
    };
  }
  const unsigned = rawReader(signal, at);
  const view = new DataView(new ArrayBuffer(4));
  return (data) => {
    const raw = unsigned(data);
    if (empty.length > 0 && empty.includes(BigInt(raw))) return null;
    view.setUint32(0, raw);
    return finite(view.getFloat32(0));
  };
}

/** Digits of four bits each; null where one of them is none. */
function decimal(raw: number, scaled: (value: number) => Value): Value {
  let value = 0;
  for (let left = raw, weight = 1; left > 0; left = Math.floor(left / 16), weight *= 10) {
    const digit = left % 16;
    if (digit > 9) return null;
    value += digit * weight;
  }
  return scaled(value);
}

/** raw × scale + offset; a scale such as 0.1 divides by 10, so that 3 becomes 0.3 and not 0.30000000000000004. */
function scaler({ scale, offset }: ModbusSignal): (raw: number) => Value {
  if (scale === 1 && offset === 0) return (raw) => raw;
  const divisor = Math.round(1 / scale);
  const isFraction = Math.abs(divisor) > 1 && 1 / divisor === scale;
  return (raw) => {
    const value = (isFraction ? raw / divisor : raw * scale) + offset;
    return Number.isFinite(value) ? value : null;
  };
}

/** Up to the first zero byte, without the blanks that fill it up. */
function text(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return bytes.toString('latin1', 0, end === -1 ? bytes.length : end).trimEnd();
}
