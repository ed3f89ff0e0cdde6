import type { Table } from './settings.ts';
import { isBitTable, type ModbusSignal } from './signals.ts';

/** Bits that cost as much on the wire as one unused register. */
const BITS_PER_REGISTER = 16;

/** Where something stands in a table. */
export interface Span {
  readonly table: Table;
  readonly address: number;
  readonly size: number;
}

/** One request and the signals that its answer holds, in the order of their addresses. */
export interface Block<S extends Span = ModbusSignal> extends Span {
  readonly signals: readonly S[];
}

export interface PlanLimits {
  readonly maxRegisters: number;
  readonly maxBits: number;
  /** Unused registers between two signals that are read along. */
  readonly bridge: number;
}

/**
 * The fewest requests that greedy packing finds: each signal is wholly in one block, blocks do not exceed the limits, and
 * no block holds more unused places in a row than `bridge`. The order of blocks is by table, then address.
 */
export function plan<S extends Span>(signals: readonly S[], limits: PlanLimits): Block<S>[] {
  const sorted = signals.toSorted((a, b) => a.table.localeCompare(b.table) || a.address - b.address || b.size - a.size);
  const runs: S[][] = [];
  let end = 0;
  for (const signal of sorted) {
    const run = runs.at(-1);
    const first = run?.[0];
    const isOfBits = isBitTable(signal.table);
    const room = isOfBits ? limits.maxBits : limits.maxRegisters;
    const bridge = isOfBits ? limits.bridge * BITS_PER_REGISTER : limits.bridge;
    const last = signal.address + signal.size;
    const fits = first?.table === signal.table && signal.address - end <= bridge && last - first.address <= room;
    if (run !== undefined && fits) run.push(signal);
    else runs.push([signal]);
    end = fits ? Math.max(end, last) : last;
  }
  return runs.map(blockOf);
}

/**
 * The two halves of a block that the device refused: split where the widest stretch lies that nobody asked for, as that is
 * the likeliest reason, else in the middle. Undefined for signals that all begin at the same place: nothing to split.
 */
export function bisect<S extends Span>({ signals }: Block<S>): [Block<S>, Block<S>] | undefined {
  let at: { readonly index: number; readonly gap: number } | undefined;
  let end = 0;
  const middle = signals.length / 2;
  for (const [index, { address, size }] of signals.entries()) {
    if (index > 0 && address !== signals[index - 1]?.address) {
      const gap = Math.max(0, address - end);
      const isNearer = at !== undefined && Math.abs(index - middle) < Math.abs(at.index - middle);
      if (at === undefined || gap > at.gap || (gap === at.gap && isNearer)) at = { index, gap };
    }
    end = Math.max(end, address + size);
  }
  return at && [blockOf(signals.slice(0, at.index)), blockOf(signals.slice(at.index))];
}

/** @param signals at least one, of one table, in the order of their addresses */
function blockOf<S extends Span>(signals: readonly S[]): Block<S> {
  const [first] = signals as readonly [S, ...S[]];
  const end = Math.max(...signals.map(({ address, size }) => address + size));
  return { table: first.table, address: first.address, size: end - first.address, signals };
}
