import { BadAnswer, ModbusException, NoAnswer } from '../errors.ts';
import type { Session } from './session.ts';

/** Read Device Identification (Modbus Application Protocol 1.1b3, 6.21). */
const IDENTIFY = 0x2b;
const MEI = 0x0e;
/** Read code: basic and regular objects as a stream. A device that has only the basic ones gives those. */
const REGULAR = 2;
/** Before its list of objects: function, MEI type, read code, conformity, more follows, next object, count. */
const HEADER_BYTES = 7;
/** A device that never ends is left. */
const MAX_PARTS = 8;
const REPORT_SERVER_ID = 0x11;
/** Object ids (6.21, table). */
const NAMES: Readonly<Record<number, string>> = {
  0: 'manufacturer',
  1: 'product',
  2: 'version',
  3: 'website',
  4: 'name',
  5: 'model',
  6: 'application',
};

/** What a unit says of itself, by function 43/14 or else 17; empty for one that says nothing. @throws LinkDown, Fault */
export async function identification(
  session: Session,
  unit: number,
  timeout: number,
): Promise<Readonly<Record<string, string>>> {
  const objects = await orNothing(deviceIdentification(session, unit, timeout));
  if (objects !== undefined && Object.keys(objects).length > 0) return objects;
  const id = await orNothing(serverId(session, unit, timeout));
  return id === undefined || id === '' ? {} : { 'server id': id };
}

/** What a person calls the device. */
export function nameOf(facts: Readonly<Record<string, string>>): string | undefined {
  const { manufacturer, product, model, name } = facts;
  const parts = [manufacturer, model ?? product ?? name].filter((part) => part !== undefined);
  return parts.length > 0 ? parts.join(' ') : facts['server id'];
}

async function deviceIdentification(session: Session, unit: number, timeout: number): Promise<Record<string, string>> {
  const facts: Record<string, string> = {};
  let next = 0;
  for (let part = 0; part < MAX_PARTS; part++) {
    const pdu = await session.ask(unit, Buffer.of(IDENTIFY, MEI, REGULAR, next), timeout);
    Object.assign(facts, objectsOf(pdu));
    const [more, follows = 0] = pdu.subarray(4);
    if (more !== 0xff || follows <= next) break;
    next = follows;
  }
  return facts;
}

/** The objects of one answer that have a text. @throws BadAnswer */
export function objectsOf(pdu: Buffer): Record<string, string> {
  const count = pdu[HEADER_BYTES - 1];
  if (pdu[1] !== MEI || count === undefined) throw new BadAnswer('an identification without its header came');
  const facts: Record<string, string> = {};
  let at = HEADER_BYTES;
  for (let left = count; left > 0; left--) {
    const [id, length] = pdu.subarray(at);
    if (id === undefined || length === undefined) throw new BadAnswer('an identification was cut short');
    const text = printable(pdu.subarray(at + 2, at + 2 + length));
    const name = NAMES[id];
    if (name !== undefined && text !== '') facts[name] = text;
    at += 2 + length;
  }
  return facts;
}

/** What is text of it: the form is the vendor's own (6.13). */
async function serverId(session: Session, unit: number, timeout: number): Promise<string> {
  const pdu = await session.ask(unit, Buffer.of(REPORT_SERVER_ID), timeout);
  return printable(pdu.subarray(2, 2 + (pdu[1] ?? 0)));
}

function printable(bytes: Buffer): string {
  return bytes
    .toString('latin1')
    .replace(/[^\x20-\x7e\xa0-\xfe]/g, '')
    .trim();
}

/** A device that will not tell is none the worse. */
async function orNothing<T>(question: Promise<T>): Promise<T | undefined> {
  try {
    return await question;
  } catch (error) {
    if (error instanceof ModbusException || error instanceof NoAnswer || error instanceof BadAnswer) return undefined;
    throw error;
  }
}
