import type { ModbusSettings, Order, SignalSettings, Table, ValueType } from './settings.ts';

/** Addresses 0…65,535 of each table (Modbus Application Protocol 1.1b3, 4.4). */
const TABLE_SIZE = 65_536;
/** The first digit of the Modicon notation. */
const MODICON: readonly Table[] = ['coil', 'discrete', 'input', 'input', 'holding'];
/** Written by the driver itself. */
const OWN_NAMES: Readonly<Record<string, string>> = {
  available: 'the driver itself says whether the machine answers: take another name',
  state: 'it follows from the other signals: write the key `state` beside `signals`, and take another name here',
};

const REGISTERS: Readonly<Record<Exclude<ValueType, 'string' | 'bool'>, 1 | 2 | 4>> = {
  int16: 1,
  uint16: 1,
  bcd16: 1,
  int32: 2,
  uint32: 2,
  float32: 2,
  bcd32: 2,
  int64: 4,
  uint64: 4,
  float64: 4,
};

/** A signal of the config with everything that was implied written out. */
export interface ModbusSignal {
  readonly name: string;
  readonly table: Table;
  /** As it is sent: counted from 0. */
  readonly address: number;
  /** Registers, or 1 for a coil or discrete input. */
  readonly size: number;
  readonly type: ValueType;
  /** Characters of a string. */
  readonly length?: number;
  /** Bits that are cut out of the number: the lowest, and how many; none at all for the whole number. */
  readonly cut?: { readonly low: number; readonly count: number; readonly asBool: boolean };
  readonly order: Order;
  readonly scale: number;
  readonly offset: number;
  readonly unit?: string;
  readonly sentinels: readonly (number | bigint)[];
  /** Poll interval in milliseconds. */
  readonly every: number;
}

/** What does not go together in the settings of a signal. */
export interface SignalProblem {
  readonly signal: string;
  readonly key?: keyof SignalSettings;
  readonly message: string;
}

/** Whether a table holds bits instead of registers of 16 bits. */
export function isBitTable(table: Table): boolean {
  return table === 'coil' || table === 'discrete';
}

/** The signals of a machine in the order of the config, as far as they can be read, and what is wrong with the others. */
export function resolveSignals(settings: ModbusSettings): { signals: ModbusSignal[]; problems: SignalProblem[] } {
  const signals: ModbusSignal[] = [];
  const problems: SignalProblem[] = [];
  for (const [name, own] of Object.entries(settings.signals)) {
    const resolved = resolve(name, own, settings);
    if ('message' in resolved) problems.push({ signal: name, ...resolved });
    else signals.push(resolved);
  }
  return { signals, problems };
}

type Problem = Omit<SignalProblem, 'signal'>;

function resolve(name: string, own: SignalSettings, settings: ModbusSettings): ModbusSignal | Problem {
  const reserved = Object.hasOwn(OWN_NAMES, name) ? OWN_NAMES[name] : undefined;
  if (reserved !== undefined) return { message: reserved };
  const place = locate(own, settings.addressing);
  if ('message' in place) return place;
  const ofBits = isBitTable(place.table);
  const type = own.type ?? (ofBits ? 'bool' : 'uint16');
  const wrong = misfit(own, type, ofBits);
  if (wrong !== undefined) return wrong;
  const size = ofBits || type === 'bool' ? 1 : type === 'string' ? Math.ceil((own.length ?? 0) / 2) : REGISTERS[type];
  if (place.address + size > TABLE_SIZE) {
    return { key: 'address', message: `its ${size} registers reach beyond the end of the table, 65535 counted from 0` };
  }
  const bits = size * 16;
  const odd = own.sentinels?.find(
    (raw) => BigInt(raw) >= 2n ** BigInt(bits) || BigInt(raw) < -(2n ** BigInt(bits - 1)),
  );
  if (odd !== undefined) return { key: 'sentinels', message: `${odd} does not fit into the ${bits} bits of ${type}` };
  const limit = ofBits ? settings.maxBits : settings.maxRegisters;
  if (size > limit)
    return { key: 'type', message: `takes ${size} registers, and maxRegisters lets only ${limit} be read at once` };
  const order = own.order ?? (type === 'string' ? stringOrder(settings.order) : settings.order);
  return {
    name,
    ...place,
    size,
    type,
    ...(own.length === undefined ? {} : { length: own.length }),
    ...(own.bit === undefined && own.bits === undefined
      ? {}
      : { cut: { low: own.bit ?? 0, count: own.bits ?? 1, asBool: own.bits === undefined } }),
    order,
    scale: own.scale ?? 1,
    offset: own.offset ?? 0,
    ...(own.unit === undefined ? {} : { unit: own.unit }),
    sentinels: own.sentinels ?? [],
    every: own.every ?? settings.poll,
  };
}

/** The words of a text are never turned; its bytes are where the machine turns those of its numbers. */
function stringOrder(order: Order): Order {
  return order === 'BADC' || order === 'DCBA' ? 'BADC' : 'ABCD';
}

function locate(
  { address, table }: SignalSettings,
  addressing: ModbusSettings['addressing'],
): { table: Table; address: number } | Problem {
  if (addressing !== 'modicon') {
    const from = addressing === 'one' ? 1 : 0;
    const last = TABLE_SIZE - 1 + from;
    if (address >= from && address <= last) return { table: table ?? 'holding', address: address - from };
    const hint = address > last ? ' (for 40001 and the like write addressing: modicon)' : '';
    return { key: 'address', message: `expected ${from} to ${last}, as addressing is ${addressing}${hint}` };
  }
  const base = address > 65_536 || address > 49_999 ? 100_000 : 10_000;
  const digit = Math.floor(address / base);
  const number = address % base;
  const implied = digit === 2 ? undefined : MODICON[digit];
  if (implied === undefined || number < 1 || number > TABLE_SIZE) {
    const message =
      'expected the modicon notation: 00001 coils, 10001 discrete inputs, 30001 input and 40001 holding registers, or with six digits';
    return { key: 'address', message };
  }
  if (table !== undefined && table !== implied)
    return { key: 'table', message: `the address names the ${implied} table` };
  return { table: implied, address: number - 1 };
}

/** Settings that have no meaning for the type. */
function misfit(own: SignalSettings, type: ValueType, ofBits: boolean): Problem | undefined {
  if (ofBits && type !== 'bool') return { key: 'type', message: 'a coil or discrete input is a bool' };
  if (type === 'string' && own.length === undefined)
    return { key: 'type', message: 'a string needs its `length` in characters' };
  if (type !== 'string' && own.length !== undefined) return { key: 'length', message: 'only a string has a length' };
  if (own.bit !== undefined || own.bits !== undefined) {
    const width = type === 'bool' || type === 'uint16' ? 16 : type === 'uint32' ? 32 : 0;
    const key = own.bit === undefined ? 'bits' : 'bit';
    if (ofBits || width === 0) return { key, message: 'bits are cut out of uint16 and uint32 registers only' };
    if (type === 'bool' && own.bits !== undefined)
      return { key: 'type', message: 'several bits are a number: uint16 or uint32' };
    const last = (own.bit ?? 0) + (own.bits ?? 1) - 1;
    if (last >= width) return { key, message: `reaches bit ${last}, and the highest of ${type} is ${width - 1}` };
  }
  const isFlag = type === 'bool' || ((own.bit ?? -1) >= 0 && own.bits === undefined);
  for (const key of ['scale', 'offset', 'sentinels'] as const) {
    if (own[key] !== undefined && (isFlag || type === 'string'))
      return { key, message: `${isFlag ? 'a bit' : 'a string'} has none` };
  }
  if (own.scale === 0) return { key: 'scale', message: 'would make every value the same' };
  if (type === 'string' && (own.order === 'CDAB' || own.order === 'DCBA'))
    return { key: 'order', message: 'the words of a string are never turned: expected ABCD, or BADC for turned bytes' };
  return undefined;
}

/** What stands in a table, for a person. */
export const NOTATION: Readonly<Record<Table, string>> = {
  holding: 'holding register',
  input: 'input register',
  coil: 'coil',
  discrete: 'discrete input',
};

/** Where a signal is read, for a person, e.g. `holding register 100`, counted from 0. */
export function sourceText({ table, address, cut }: ModbusSignal): string {
  return `${NOTATION[table]} ${address}${cut === undefined ? '' : `.${cut.low}`}`;
}
