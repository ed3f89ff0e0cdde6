import { isIP, isIPv4 } from 'node:net';

/** Addresses of a /16: more is a scan that nobody waits for. */
const MAX_ADDRESSES = 65_536;

/** What to scan: addresses that need not all exist at once in memory. */
export interface Range {
  /** As it was written. */
  readonly text: string;
  readonly size: number;
  hosts(): Iterable<string>;
}

/** Why a text is no range, for a person. */
export class AddressError extends Error {}

/**
 * Reads `192.168.0.0/24`, `192.168.0.10-192.168.0.20`, `192.168.0.10-20`, an address or a host name. The network and
 * broadcast addresses of a CIDR range are left out (RFC 3021: a /31 has none).
 * @throws AddressError in plain words, also for more than a /16
 */
export function parseRange(text: string): Range {
  const [, network = '', bits] = /^([\d.]+)\/(\d{1,2})$/.exec(text) ?? [];
  if (isIPv4(network)) return cidr(text, network, Number(bits));
  const [, first = '', last = ''] = /^([\d.]+)-([\d.]+)$/.exec(text) ?? [];
  if (isIPv4(first)) {
    const end = isIPv4(last) ? last : first.replace(/\d+$/, last);
    if (isIPv4(end)) return range(text, numberOf(first), numberOf(end));
  }
  if (isIP(text) !== 0) return { text, size: 1, hosts: () => [text] };
  // RFC 1123, 2.1: a host name is not made of numbers alone.
  if (/^(?![\d.-]+$)[A-Za-z0-9_]([A-Za-z0-9._-]{0,252})$/.test(text)) return { text, size: 1, hosts: () => [text] };
  throw new AddressError(
    `${text} is no range: expected one like 192.168.0.0/24, 192.168.0.10-20, an address or a host name`,
  );
}

function cidr(text: string, network: string, bits: number): Range {
  if (bits > 32) throw new AddressError(`${text}: expected /16 to /32`);
  const size = 2 ** (32 - bits);
  const first = Math.floor(numberOf(network) / size) * size;
  return bits >= 31 ? range(text, first, first + size - 1) : range(text, first + 1, first + size - 2);
}

/** Both ends are part of it. */
function range(text: string, first: number, last: number): Range {
  const size = last - first + 1;
  if (size < 1) throw new AddressError(`${text} ends before it begins`);
  if (size > MAX_ADDRESSES) {
    throw new AddressError(`${text} has ${size} addresses: give ranges of at most ${MAX_ADDRESSES} (a /16)`);
  }
  return {
    text,
    size,
    *hosts() {
      for (let address = first; address <= last; address++) yield addressOf(address);
    },
  };
}

/** Addresses as numbers, names last by their letters. */
export function compareHosts(a: string, b: string): number {
  if (isIPv4(a) && isIPv4(b)) return numberOf(a) - numberOf(b);
  if (isIPv4(a) !== isIPv4(b)) return isIPv4(a) ? -1 : 1;
  return a < b ? -1 : Number(a > b);
}

/** An IPv4 address as a number of 32 bits. */
export function numberOf(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

function addressOf(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 255).join('.');
}
