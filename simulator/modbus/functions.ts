import { type Identity, identify } from './identification.ts';
import type { Table, Tables } from './tables.ts';

export type { Identity } from './identification.ts';

/** Exception codes (Modbus Application Protocol 1.1b3, 7). */
const ILLEGAL_FUNCTION = 1;
const ILLEGAL_ADDRESS = 2;
const ILLEGAL_VALUE = 3;
const TABLE_SIZE = 65_536;
const MAX_READ_REGISTERS = 125;
const MAX_READ_BITS = 2000;
const MAX_WRITTEN_REGISTERS = 123;
const MAX_WRITTEN_BITS = 1968;
/** Of function 23 (6.17). */
const MAX_EXCHANGED_REGISTERS = 121;
const ON = 0xff00;

export interface Abilities {
  readonly identity?: Identity;
  readonly functions?: readonly number[];
  readonly maxRegisters?: number;
  readonly maxBits?: number;
}

/** Why a request is refused. */
class Refused extends Error {
  readonly code: number;

  constructor(code: number) {
    super(`exception ${code}`);
    this.code = code;
  }
}

/** The response PDU to a request PDU (Modbus Application Protocol 1.1b3, 6). Writes change the tables. */
export function answer(pdu: Buffer, tables: Tables, abilities: Abilities): Buffer {
  const code = pdu[0] as number;
  try {
    const handle = HANDLERS[code];
    if (handle === undefined || abilities.functions?.includes(code) === false) throw new Refused(ILLEGAL_FUNCTION);
    return Buffer.concat([Buffer.of(code), handle(pdu, tables, abilities)]);
  } catch (error) {
    // A request that is shorter than its function needs.
    const refusal = error instanceof RangeError ? ILLEGAL_VALUE : error instanceof Refused ? error.code : undefined;
    if (refusal === undefined) throw error;
    return Buffer.of(code | 0x80, refusal);
  }
}

/** Gives what follows the function code of the response. */
type Handler = (pdu: Buffer, tables: Tables, abilities: Abilities) => Buffer;

const HANDLERS: Readonly<Record<number, Handler>> = {
  1: (pdu, tables, abilities) => readBits('coil', pdu, tables, abilities),
  2: (pdu, tables, abilities) => readBits('discrete', pdu, tables, abilities),
  3: (pdu, tables, abilities) => readRegisters('holding', pdu, tables, abilities),
  4: (pdu, tables, abilities) => readRegisters('input', pdu, tables, abilities),
  5: writeCoil,
  6: writeRegister,
  15: writeCoils,
  16: writeRegisters,
  17: (_pdu, _tables, { identity }) => serverId(identity),
  22: maskRegister,
  23: exchangeRegisters,
  43: (pdu, _tables, { identity }) => identification(pdu, identity),
};

function readBits(table: Table, pdu: Buffer, tables: Tables, { maxBits = MAX_READ_BITS }: Abilities): Buffer {
  const bits = read(table, pdu.readUInt16BE(1), quantity(pdu.readUInt16BE(3), maxBits), tables);
  return counted(packed(bits));
}

function readRegisters(
  table: Table,
  pdu: Buffer,
  tables: Tables,
  { maxRegisters = MAX_READ_REGISTERS }: Abilities,
): Buffer {
  const registers = read(table, pdu.readUInt16BE(1), quantity(pdu.readUInt16BE(3), maxRegisters), tables);
  return counted(bytesOf(registers));
}

function writeCoil(pdu: Buffer, tables: Tables): Buffer {
  const [address, value] = [pdu.readUInt16BE(1), pdu.readUInt16BE(3)];
  if (value !== ON && value !== 0) throw new Refused(ILLEGAL_VALUE);
  write('coil', address, [value === ON ? 1 : 0], tables);
  return pdu.subarray(1, 5);
}

function writeRegister(pdu: Buffer, tables: Tables): Buffer {
  write('holding', pdu.readUInt16BE(1), [pdu.readUInt16BE(3)], tables);
  return pdu.subarray(1, 5);
}

function writeCoils(pdu: Buffer, tables: Tables): Buffer {
  const count = quantity(pdu.readUInt16BE(3), MAX_WRITTEN_BITS);
  const bytes = payload(pdu, 5, Math.ceil(count / 8));
  const bits = Array.from({ length: count }, (_, at) => ((bytes[at >> 3] as number) >> (at & 7)) & 1);
  write('coil', pdu.readUInt16BE(1), bits, tables);
  return pdu.subarray(1, 5);
}

function writeRegisters(pdu: Buffer, tables: Tables): Buffer {
  const count = quantity(pdu.readUInt16BE(3), MAX_WRITTEN_REGISTERS);
  write('holding', pdu.readUInt16BE(1), words(payload(pdu, 5, count * 2)), tables);
  return pdu.subarray(1, 5);
}

function maskRegister(pdu: Buffer, tables: Tables): Buffer {
  const [address, and, or] = [pdu.readUInt16BE(1), pdu.readUInt16BE(3), pdu.readUInt16BE(5)];
  const [current] = read('holding', address, 1, tables) as [number];
  write('holding', address, [(current & and) | (or & ~and)], tables);
  return pdu.subarray(1, 7);
}

/** The write comes before the read (6.17). */
function exchangeRegisters(pdu: Buffer, tables: Tables): Buffer {
  const readCount = quantity(pdu.readUInt16BE(3), MAX_READ_REGISTERS);
  const writeCount = quantity(pdu.readUInt16BE(7), MAX_EXCHANGED_REGISTERS);
  const values = words(payload(pdu, 9, writeCount * 2));
  read('holding', pdu.readUInt16BE(1), readCount, tables);
  write('holding', pdu.readUInt16BE(5), values, tables);
  return counted(bytesOf(read('holding', pdu.readUInt16BE(1), readCount, tables)));
}

/** Report Server ID (6.13): the id and the run indicator. */
function serverId(identity: Identity | undefined): Buffer {
  if (identity?.serverId === undefined) throw new Refused(ILLEGAL_FUNCTION);
  return counted(Buffer.concat([Buffer.from(identity.serverId, 'latin1'), Buffer.of(0xff)]));
}

function identification(pdu: Buffer, identity: Identity | undefined): Buffer {
  if (identity?.objects === undefined || pdu.readUInt8(1) !== 0x0e) throw new Refused(ILLEGAL_FUNCTION);
  const found = identify(identity.objects, pdu.readUInt8(2), pdu.readUInt8(3));
  if (found === 'no such object') throw new Refused(ILLEGAL_ADDRESS);
  if (found === 'no such code') throw new Refused(ILLEGAL_VALUE);
  return found;
}

function quantity(count: number, max: number): number {
  if (count < 1 || count > max) throw new Refused(ILLEGAL_VALUE);
  return count;
}

function read(table: Table, address: number, count: number, tables: Tables): number[] {
  const values = address + count > TABLE_SIZE ? undefined : tables.get(table, address, count);
  if (values === undefined) throw new Refused(ILLEGAL_ADDRESS);
  return values;
}

/** Only what exists can be written. */
function write(table: Table, address: number, values: readonly number[], tables: Tables): void {
  read(table, address, values.length, tables);
  tables.set(table, address, values);
}

/** The bytes behind their count, which must be as many as the quantity needs. */
function payload(pdu: Buffer, countAt: number, length: number): Buffer {
  const bytes = pdu.subarray(countAt + 1);
  if (pdu.readUInt8(countAt) !== length || bytes.length !== length) throw new Refused(ILLEGAL_VALUE);
  return bytes;
}

function counted(bytes: Buffer): Buffer {
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
}

function packed(bits: readonly number[]): Buffer {
  const bytes = Buffer.alloc(Math.ceil(bits.length / 8));
  for (const [at, bit] of bits.entries()) bytes[at >> 3] = (bytes[at >> 3] as number) | (bit << (at & 7));
  return bytes;
}

function bytesOf(registers: readonly number[]): Buffer {
  return Buffer.from(registers.flatMap((register) => [register >> 8, register & 0xff]));
}

function words(bytes: Buffer): number[] {
  return Array.from({ length: bytes.length / 2 }, (_, at) => bytes.readUInt16BE(at * 2));
}
