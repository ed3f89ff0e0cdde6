import { Fault } from '../../errors.ts';

/** Modbus/TCP, its port at IANA. */
const DEFAULT_PORT = 502;
/** Modbus over Serial Line 1.02, 2.5.1: the default of every device is 19,200 baud with even parity. */
const DEFAULT_LINE: Line = { baud: 19_200, parity: 'even', data: 8, stop: 1 };

/** How the characters of a serial line are made. */
export interface Line {
  /** Bits a second. */
  readonly baud: number;
  readonly parity: 'none' | 'even' | 'odd';
  readonly data: 7 | 8;
  readonly stop: 1 | 2;
}

/** A link to one or many units. `key` is the same for two URLs that mean the same wire. */
export type LinkAddress =
  | { readonly kind: 'tcp' | 'rtutcp'; readonly key: string; readonly host: string; readonly port: number }
  | { readonly kind: 'rtu'; readonly key: string; readonly path: string; readonly line: Line };

/** What a `url` names: one unit behind a link. */
export interface ModbusAddress {
  readonly link: LinkAddress;
  /** 0…255; 1…247 on a serial line, where 0 is a broadcast that nobody answers. */
  readonly unit: number;
}

/**
 * `modbus://host:port/unit` (TCP), `modbus+rtutcp://host:port/unit` (RTU frames over TCP) or
 * `modbus+rtu:///dev/ttyUSB0?baud=19200&parity=even&stop=1&data=8&unit=1`. Port 502 and unit 1 where they are left out.
 *
 * @throws Fault of the config that says what is wrong with it
 */
export function parseModbusUrl(text: string): ModbusAddress {
  if (!URL.canParse(text)) throw wrong('is no URL');
  const url = new URL(text);
  if (url.username !== '' || url.password !== '') throw wrong('has a user or password, and Modbus knows neither');
  if (url.hash !== '') throw wrong(`has a fragment ${url.hash}`);
  if (url.protocol === 'modbus:') return networked('tcp', url);
  if (url.protocol === 'modbus+rtutcp:') return networked('rtutcp', url);
  if (url.protocol === 'modbus+rtu:') return serial(url);
  throw wrong(`begins with ${url.protocol}`);
}

function networked(kind: 'tcp' | 'rtutcp', url: URL): ModbusAddress {
  if (url.hostname === '') throw wrong('names no host');
  if (url.search !== '') throw wrong(`has settings (${url.search}) that only a serial line has`);
  const host = url.hostname.toLowerCase().replace(/^\[(.*)\]$/, '$1');
  const port = url.port === '' ? DEFAULT_PORT : Number(url.port);
  const path = url.pathname.replace(/^\//, '');
  const unit = path === '' ? 1 : integer('unit', path, 0, 255);
  return { link: { kind, key: `${host}:${port}`, host, port }, unit };
}

function serial(url: URL): ModbusAddress {
  if (url.host !== '') throw wrong(`names a host (${url.host}): a device path follows three slashes`);
  const path = decoded(url.pathname);
  if (path.length < 2) throw wrong('names no device');
  const known = ['baud', 'parity', 'data', 'stop', 'unit'];
  for (const name of url.searchParams.keys()) {
    if (!known.includes(name)) throw wrong(`has the unknown setting ${name} (there are ${known.join(', ')})`);
    if (url.searchParams.getAll(name).length > 1) throw wrong(`has ${name} twice`);
  }
  const given = (name: string) => url.searchParams.get(name) ?? undefined;
  const { baud, parity, data, stop } = DEFAULT_LINE;
  const line: Line = {
    baud: integer('baud', given('baud') ?? String(baud), 300, 4_000_000),
    parity: oneOf('parity', given('parity') ?? parity, ['none', 'even', 'odd']),
    data: oneOf('data', given('data') ?? String(data), ['8', '7']) === '7' ? 7 : 8,
    stop: oneOf('stop', given('stop') ?? String(stop), ['1', '2']) === '2' ? 2 : 1,
  };
  return { link: { kind: 'rtu', key: path, path, line }, unit: integer('unit', given('unit') ?? '1', 1, 247) };
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    // URIError, the only one there is.
    throw wrong('has a % that begins no escape (write %25 for the sign itself)');
  }
}

/** A link as a person writes it. */
export function linkText({ link, unit }: ModbusAddress): string {
  return `unit ${unit} at ${link.key}`;
}

function integer(name: string, text: string, min: number, max: number): number {
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw wrong(`has the ${name} ${JSON.stringify(text)}, which is no whole number from ${min} to ${max}`);
}

function oneOf<T extends string>(name: string, text: string, choices: readonly T[]): T {
  const choice = choices.find((one) => one === text);
  if (choice !== undefined) return choice;
  throw wrong(`has the ${name} ${JSON.stringify(text)}, which is none of ${choices.join(', ')}`);
}

function wrong(what: string): Fault {
  return new Fault('config', `the url ${what}`, {
    hint: 'expected modbus://host:port/unit, modbus+rtutcp://host:port/unit or modbus+rtu:///dev/ttyUSB0?baud=19200&parity=even&stop=1&unit=1',
  });
}
