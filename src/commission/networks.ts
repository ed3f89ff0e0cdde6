import type { NetworkInterfaceInfo } from 'node:os';
import { numberOf, parseRange, type Range } from './addresses.ts';

/** A larger network than a /22 is asked about twice. */
export const LARGE_NETWORK = 1022;

/** Private networks (RFC 1918) and link-local (RFC 3927): the only ones that are scanned without being named. */
const PRIVATE = ['10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16'];

/** A network that this computer is part of. */
export interface LocalNetwork {
  /** Name of the interface, e.g. `eth0`. */
  readonly name: string;
  /** Of this computer. */
  readonly address: string;
  /** Where the network is larger than a /16: the /24 around this computer. */
  readonly range: Range;
}

/** The private IPv4 networks that this computer is part of, each once. */
export function localNetworks(interfaces: NodeJS.Dict<NetworkInterfaceInfo[]>): LocalNetwork[] {
  const networks = new Map<string, LocalNetwork>();
  for (const [name, addresses = []] of Object.entries(interfaces)) {
    for (const { family, internal, address, cidr } of addresses) {
      if (family !== 'IPv4' || internal || cidr === null || !PRIVATE.some((one) => contains(one, address))) continue;
      const bits = Number(cidr.split('/')[1]);
      const range = parseRange(networkText(address, bits < 16 ? 24 : bits));
      if (!networks.has(range.text)) networks.set(range.text, { name, address, range });
    }
  }
  return [...networks.values()];
}

function contains(cidr: string, address: string): boolean {
  const bits = Number(cidr.split('/')[1]);
  return networkText(address, bits) === cidr;
}

function networkText(address: string, bits: number): string {
  const size = 2 ** (32 - bits);
  const base = Math.floor(numberOf(address) / size) * size;
  return `${[24, 16, 8, 0].map((shift) => (base >>> shift) & 255).join('.')}/${bits}`;
}
