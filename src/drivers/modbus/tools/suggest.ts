import type { Value } from '../../../observation.ts';
import type { ProbedSignal } from '../../toolbox.ts';
import type { Table } from '../settings.ts';
import { isBitTable, NOTATION } from '../signals.ts';
import type { Sampled } from './sampling.ts';
import type { Candidate, SampledRun } from './search.ts';

/** Signals that are suggested where nobody said what to look for. */
const MAX_REGISTERS = 24;
const MAX_BITS = 8;
/** Guesses are told for as many places. */
const MAX_GUESSES = 8;
/** Magnitudes of what machines measure; a pair of integers rarely looks like one. */
const PLAUSIBLE = { min: 1e-3, max: 1e7 };

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

/** Pairs of registers that look like a float in both samples, said to be a guess. */
export function guesses(runs: readonly SampledRun[]): string[] {
  const found: string[] = [];
  for (const { table, address, before, after } of runs) {
    for (let at = 0; at + 4 <= after.length; at += 2) {
      const order = (['ABCD', 'CDAB'] as const).find((one) => isFloat(before, at, one) && isFloat(after, at, one));
      if (order === undefined) continue;
      const value = Number(floatAt(after, at, order).toPrecision(6));
      found.push(`${sourceOf(table, address + at / 2)} may be a float32, ${order}: ${value} (a guess)`);
      at += 2;
    }
  }
  return found.slice(0, MAX_GUESSES);
}

function sourceOf(table: Table, address: number): string {
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

function floatAt(bytes: Buffer, at: number, order: 'ABCD' | 'CDAB'): number {
  if (order === 'ABCD') return bytes.readFloatBE(at);
  return Buffer.concat([bytes.subarray(at + 2, at + 4), bytes.subarray(at, at + 2)]).readFloatBE();
}

/** A word that is zero, or a number with a tiny exponent, is likelier an integer. */
function isFloat(bytes: Buffer, at: number, order: 'ABCD' | 'CDAB'): boolean {
  const magnitude = Math.abs(floatAt(bytes, at, order));
  return magnitude >= PLAUSIBLE.min && magnitude <= PLAUSIBLE.max;
}
