import { type Block, plan, type Span } from '../plan.ts';
import { isBitTable } from '../signals.ts';
import type { Survey } from './survey.ts';

const MAX_REGISTERS = 125;
const MAX_BITS = 2000;
/** Registers, or sixteen bits, of which values are taken: a device that mirrors its memory has all 65,536. */
const MAX_SAMPLED = 6000;

/** A run with what it read, twice. */
export interface Sampled extends Span {
  readonly before: Buffer;
  readonly after: Buffer;
}

/** What can be read at once, in pieces that fit, of the lowest addresses where it is too much. */
export function pieces({ runs, maxRegisters = MAX_REGISTERS, maxBits = MAX_BITS }: Survey): {
  readonly blocks: readonly Span[];
  readonly left: number;
} {
  let room = MAX_SAMPLED;
  let left = 0;
  const spans = runs.flatMap(({ table, address, size }) => {
    const unit = isBitTable(table) ? 16 : 1;
    const most = isBitTable(table) ? maxBits : maxRegisters;
    const taken = Math.min(size, room * unit);
    room -= Math.ceil(taken / unit);
    left += size - taken;
    return Array.from({ length: Math.ceil(taken / most) }, (_, index) => ({
      table,
      address: address + index * most,
      size: Math.min(most, taken - index * most),
    }));
  });
  return { blocks: plan(spans, { maxRegisters, maxBits, bridge: 0 }), left };
}

/**
 * Joins blocks of registers that lie next to each other, so that a value across two of them is found; blocks of bits stay
 * as they are.
 * @param before, after the data bytes of each block; undefined where one could not be read this time
 */
export function sampled(
  blocks: readonly (Span | Block<Span>)[],
  before: readonly (Buffer | undefined)[],
  after: readonly (Buffer | undefined)[],
): Sampled[] {
  const joined: Sampled[] = [];
  for (const [index, { table, address, size }] of blocks.entries()) {
    const [first, last] = [before[index], after[index]];
    if (first === undefined || last === undefined) continue;
    const previous = joined.at(-1);
    const continues = !isBitTable(table) && previous?.table === table && previous.address + previous.size === address;
    if (!continues || previous === undefined) {
      joined.push({ table, address, size, before: first, after: last });
      continue;
    }
    joined[joined.length - 1] = {
      ...previous,
      size: previous.size + size,
      before: Buffer.concat([previous.before, first]),
      after: Buffer.concat([previous.after, last]),
    };
  }
  return joined;
}
