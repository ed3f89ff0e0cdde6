import { BadAnswer, ModbusException, NoAnswer } from '../errors.ts';
import type { LinkAddress } from '../url.ts';
import type { Session } from './session.ts';

/** Over TCP a device is 1 or, as the specification wants it, 255 or 0 (Messaging on TCP/IP 1.0b, 4.4.2.1). */
const USUAL_TCP = [1, 255, 0];
const LAST_UNIT = 247;
/** A device answers within some tens of milliseconds; a gateway has a serial line behind it. */
const SCAN_MS = { rtu: 120, tcp: 300, rtutcp: 300 } as const;
/** Where nothing answers in a row, the line is said to be silent rather than looked through, until so many. */
export const FIRST_UNITS = 10;
const TELL_EVERY = 25;

export type Presence = 'answers' | 'silent' | 'behind a gateway that cannot reach it' | 'garbled';

/**
 * Whether a unit answers a read of holding register 0: an exception is an answer, too, except where a gateway makes it.
 * @throws LinkDown, Fault of the machine; the abort reason
 */
export async function presence(session: Session, unit: number, timeout: number): Promise<Presence> {
  try {
    await session.read(unit, { table: 'holding', address: 0, size: 1 }, timeout);
    return 'answers';
  } catch (error) {
    if (error instanceof NoAnswer) return 'silent';
    if (error instanceof BadAnswer) return 'garbled';
    if (error instanceof ModbusException) {
      return error.isOfGateway ? 'behind a gateway that cannot reach it' : 'answers';
    }
    throw error;
  }
}

/** The ids under which a device over the network is usually found, else those of a serial line. */
export function usualUnits(kind: LinkAddress['kind']): readonly number[] {
  return kind === 'tcp' ? USUAL_TCP : range(1, FIRST_UNITS);
}

/** All ids, the usual ones first. */
export function allUnits(kind: LinkAddress['kind']): readonly number[] {
  return [...new Set([...usualUnits(kind), ...range(1, LAST_UNIT)])];
}

/**
 * The units that answer, in the order in which they were asked. Ends early where `isEnough` says so.
 * @param ms no more is begun after so long
 */
export async function findUnits(
  session: Session,
  kind: LinkAddress['kind'],
  units: readonly number[],
  { tell, ms, isEnough = () => false }: FindOptions,
): Promise<{ readonly units: number[]; readonly isComplete: boolean }> {
  const deadline = performance.now() + ms;
  const found: number[] = [];
  for (const [index, unit] of units.entries()) {
    if (performance.now() > deadline) return { units: found, isComplete: false };
    if (index > 0 && index % TELL_EVERY === 0)
      tell(`${index} of ${units.length} unit ids asked, ${found.length} answer`);
    if ((await presence(session, unit, SCAN_MS[kind])) !== 'answers') continue;
    tell(`unit ${unit} answers`);
    found.push(unit);
    if (isEnough(found)) break;
  }
  return { units: found, isComplete: true };
}

export interface FindOptions {
  readonly tell: (line: string) => void;
  readonly ms: number;
  readonly isEnough?: (found: readonly number[]) => boolean;
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}
