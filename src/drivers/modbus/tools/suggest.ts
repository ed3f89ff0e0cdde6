import type { Value } from '../../../observation.ts';
import type { ProbedSignal } from '../../toolbox.ts';
import type { Table } from '../settings.ts';
import { isBitTable, NOTATION } from '../signals.ts';
import type { Sampled } from './sampling.ts';
import type { Candidate } from './search.ts';

/** Signals that are suggested where nobody said what to look for. */
const MAX_REGISTERS = 24;
const MAX_BITS = 8;

/** A signal for the config, and what it reads now. */
export interface Suggestion {
  readonly probed: ProbedSignal;
  readonly settings: Readonly<Record<string, Value>>;
}

/** The signal of a candidate; named after the value that was looked for, as only a person knows what that is. */
export function named(expect: number, candidate: Candidate): Suggestion {
  const { table, address, type, order, scale, value } = candidate;
  return {
    probed: {
      signal: `panel_${String(expect).replace(/[^0-9]/g, '_')}`,
      source: sourceOf(table, address),
      type,
      value,
    },
    settings: {
      address,
      ...(table === 'holding' ? {} : { table }),
      ...(type === 'uint16' ? {} : { type }),
      ...(order === 'ABCD' ? {} : { order }),
      ...(scale === 1 ? {} : { scale }),
    },
  };
}

/** How a candidate is read, for a person, e.g. `holding register 100 as float32, CDAB`. */
export function candidateText({ table, address, type, order, scale, value }: Candidate): string {
  const turned = order === 'ABCD' ? '' : `, ${order}`;
  return `${sourceOf(table, address)} as ${type}${turned}${scale === 1 ? '' : ` × ${scale}`} reads ${value}`;
}

/**
 * Raw registers and bits that are not always zero, those that moved first; the first readable one where all are zero.
 */
export function rawSignals(samples: readonly Sampled[]): Suggestion[] {
  const all = samples.flatMap((run) => (isBitTable(run.table) ? bitsOf(run) : registersOf(run)));
  const speaking = all.filter(({ before, value }) => before !== 0 || value !== 0);
  const chosen = [
    ...pick(
      speaking.filter(({ table }) => !isBitTable(table)),
      MAX_REGISTERS,
    ),
    ...pick(
      speaking.filter(({ table }) => isBitTable(table)),
      MAX_BITS,
    ),
  ];
  return (chosen.length > 0 ? chosen : all.slice(0, 1)).map(({ table, address, value }) => ({
    probed: {
      signal: `${table}_${address}`,
      source: sourceOf(table, address),
      type: isBitTable(table) ? 'bool' : 'uint16',
      value: isBitTable(table) ? value === 1 : value,
    },
    settings: { address, ...(table === 'holding' ? {} : { table }) },
  }));
}

/** Where a value stands, for a person, e.g. `holding register 100`. */
export function sourceOf(table: Table, address: number): string {
  return `${NOTATION[table]} ${address}`;
}

interface Raw {
  readonly table: Table;
  readonly address: number;
  readonly before: number;
  readonly value: number;
}

function registersOf({ table, address, size, before, after }: Sampled): Raw[] {
  return Array.from({ length: size }, (_, index) => ({
    table,
    address: address + index,
    before: before.readUInt16BE(index * 2),
    value: after.readUInt16BE(index * 2),
  }));
}

function bitsOf({ table, address, size, before, after }: Sampled): Raw[] {
  const bit = (bytes: Buffer, index: number) => ((bytes[index >> 3] as number) >> (index & 7)) & 1;
  return Array.from({ length: size }, (_, index) => ({
    table,
    address: address + index,
    before: bit(before, index),
    value: bit(after, index),
  }));
}

/** What moved is worth more than what stood still; told in the order of the addresses. */
function pick(raws: readonly Raw[], most: number): Raw[] {
  const moved = raws.filter(({ before, value }) => before !== value);
  const stood = raws.filter(({ before, value }) => before === value);
  const chosen = new Set([...moved, ...stood].slice(0, most));
  return raws.filter((raw) => chosen.has(raw));
}
