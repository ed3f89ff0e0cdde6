import { ANY, type Type } from '../expression/types.ts';
import { isMapping } from './visit.ts';

/** What is known of a machine's signals before it is read. */
export interface MachineSignals {
  readonly id: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly types: ReadonlyMap<string, Type>;
  /** Whether it can have no others. */
  readonly isComplete: boolean;
}

const STATE: Type = { is: 'text', values: ['running', 'idle', 'stopped'] };

/** What every machine may have, whatever its protocol. */
const CANONICAL: readonly (readonly [string, Type])[] = [
  ['rpm', { is: 'number' }],
  ['feed_mm_min', { is: 'number' }],
  ['state', STATE],
  ['available', { is: 'boolean' }],
];

/**
 * The signals of each machine of a config that need not be right. Only Modbus machines, and OPC UA machines without
 * folders, have their signals in the config; others tell them when they are read.
 */
export function machineSignals(machines: unknown): MachineSignals[] {
  if (!Array.isArray(machines)) return [];
  return machines.flatMap((machine: unknown) => {
    if (!isMapping(machine) || typeof machine['id'] !== 'string') return [];
    const { id, labels, driver, folders } = machine;
    const own = isMapping(machine['signals']) ? Object.entries(machine['signals']) : [];
    const isComplete = driver === 'modbus' || (driver === 'opcua' && !(Array.isArray(folders) && folders.length > 0));
    const named = own.map(([name, signal]): [string, Type] => [name, driver === 'modbus' ? modbusType(signal) : ANY]);
    const canonical = CANONICAL.filter(([name]) => !isComplete || name === 'available' || name in machine);
    // A driver that names all its signals may call one as it likes.
    const types = new Map(isComplete ? [...canonical, ...named] : [...named, ...canonical]);
    return [{ id, labels: textsOf(labels), types, isComplete }];
  });
}

function modbusType(signal: unknown): Type {
  if (!isMapping(signal)) return ANY;
  const { type, table, bit, bits } = signal;
  if (type === 'string') return { is: 'text' };
  const isBit =
    type === 'bool' || table === 'coil' || table === 'discrete' || (bit !== undefined && bits === undefined);
  // A coil's bit is only known by its table or its modicon address.
  return isBit ? { is: 'boolean' } : type === undefined ? ANY : { is: 'number' };
}

function textsOf(labels: unknown): Record<string, string> {
  if (!isMapping(labels)) return {};
  return Object.fromEntries(
    Object.entries(labels).flatMap(([key, value]) => (typeof value === 'string' ? [[key, value]] : [])),
  );
}
