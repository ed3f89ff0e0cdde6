import { AddressError, parseRange, type Range } from './addresses.ts';
import { LARGE_NETWORK, type LocalNetwork } from './networks.ts';

/** Asks a person yes or no; undefined where nobody can be asked. */
export type Ask = ((question: string) => Promise<boolean>) | undefined;

/** What to scan, or why nothing is. */
export type Plan = { readonly ranges: readonly Range[] } | { readonly refused: string; readonly isUsage: boolean };

/** The ranges that a person named, or what is wrong with one of them. */
export function namedRanges(texts: readonly string[]): Plan {
  try {
    return { ranges: texts.map(parseRange) };
  } catch (error) {
    if (error instanceof AddressError) return { refused: error.message, isUsage: true };
    throw error;
  }
}

/**
 * The networks that this computer is part of, once a person has agreed to each: to a large one twice. `yes` agrees to
 * all but large ones, which have to be named.
 */
export async function localRanges(networks: readonly LocalNetwork[], yes: boolean, ask: Ask): Promise<Plan> {
  if (networks.length === 0) {
    return { refused: 'this computer is in no private IPv4 network: name a range, e.g. 192.168.0.0/24', isUsage: true };
  }
  const names = networks.map(({ range }) => range.text).join(' ');
  if (!yes && ask === undefined) {
    return { refused: `nobody is there to agree to a scan: name ranges (here: ${names}) or give --yes`, isUsage: true };
  }
  const ranges: Range[] = [];
  for (const { name, address, range } of networks) {
    const isLarge = range.size > LARGE_NETWORK;
    const agrees = async (question: string) => (yes ? !isLarge : await ask?.(question));
    if (!(await agrees(`Scan ${range.text}, ${range.size} addresses (${name}, this computer is ${address})?`)))
      continue;
    if (isLarge && !(await agrees(`${range.text} is large and may belong to others too. Scan all of it?`))) continue;
    ranges.push(range);
  }
  if (ranges.length > 0) return { ranges };
  const isUsage = yes;
  return { refused: yes ? `too large to scan without being named: ${names}` : 'nothing is scanned', isUsage };
}

/** Reads `502`, `502,4840` or `5000-5010`. Undefined for what is no list of ports. */
export function parsePorts(text: string): number[] | undefined {
  const ports = text.split(',').flatMap((part) => {
    const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(part.trim()) ?? [];
    const size = Number(last) - Number(first) + 1;
    return size >= 1 && size <= MAX_PORTS ? Array.from({ length: size }, (_, n) => Number(first) + n) : [Number.NaN];
  });
  return ports.length <= MAX_PORTS && ports.every((port) => port >= 1 && port <= 65_535) ? ports : undefined;
}

/** A list that is longer is a port scan, not a search for machines. */
const MAX_PORTS = 256;
