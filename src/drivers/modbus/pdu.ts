import { BadAnswer, ModbusException } from './errors.ts';
import type { Span } from './plan.ts';
import type { Table } from './settings.ts';
import { isBitTable } from './signals.ts';

/** Function codes that read (Modbus Application Protocol 1.1b3, 6.1 to 6.4). */
const FUNCTION: Readonly<Record<Table, number>> = { coil: 1, discrete: 2, holding: 3, input: 4 };
const EXCEPTION_FLAG = 0x80;

/** The request that reads a span: function, address, quantity. */
export function readRequest({ table, address, size }: Span): Buffer {
  const pdu = Buffer.allocUnsafe(5);
  pdu[0] = FUNCTION[table];
  pdu.writeUInt16BE(address, 1);
  pdu.writeUInt16BE(size, 3);
  return pdu;
}

/** Data bytes that the answer to a read holds. */
export function dataBytes({ table, size }: Pick<Span, 'table' | 'size'>): number {
  return isBitTable(table) ? Math.ceil(size / 8) : size * 2;
}

/**
 * The data bytes of an answer.
 * @throws ModbusException where the device refused; BadAnswer where it is none to that request
 */
export function readData(span: Span, answer: Buffer): Buffer {
  checkFunction(FUNCTION[span.table], answer);
  const expected = dataBytes(span);
  if (answer[1] !== expected || answer.length !== 2 + expected) {
    throw new BadAnswer(`${answer.length - 2} bytes of data came where ${expected} were asked for`);
  }
  return answer.subarray(2);
}

/** @throws ModbusException where the device refused; BadAnswer for the answer to another function */
export function checkFunction(code: number, answer: Buffer): void {
  if (answer[0] === (code | EXCEPTION_FLAG) && answer.length === 2) throw new ModbusException(answer[1] as number);
  if (answer[0] !== code || answer.length < 2) throw new BadAnswer(`an answer to function ${answer[0]} came`);
}
