import type { SampledRun } from './search.ts';
import { sourceOf } from './suggest.ts';

/** Guesses are told for as many places. */
const MAX_GUESSES = 8;
/** Magnitudes of what machines measure; a pair of integers rarely looks like one. */
const PLAUSIBLE = { min: 1e-3, max: 1e7 };
const TEXT = /[\x20-\x7e]{4,}/g;

/** What registers look like in both samples, each said to be a guess: texts, and floats where there is no text. */
export function guesses(runs: readonly SampledRun[]): string[] {
  const found = runs.flatMap((run) => {
    const texts = textsOf(run);
    const isText = (at: number) => texts.some(({ begin, end }) => at + 4 > begin && at < end);
    return [
      ...texts.map(({ begin, end, text }) => {
        const length = Math.ceil(end / 2) * 2 - begin;
        return `${sourceOf(run.table, run.address + begin / 2)} may be a string of length ${length}: ${text} (a guess)`;
      }),
      ...floatsOf(run, isText),
    ];
  });
  return found.slice(0, MAX_GUESSES);
}

interface Text {
  /** Bytes within the run, from the beginning of a register on. */
  readonly begin: number;
  readonly end: number;
  readonly text: string;
}

function textsOf({ after }: SampledRun): Text[] {
  return [...after.toString('latin1').matchAll(TEXT)]
    .map(({ index, 0: text }) => ({
      begin: index + (index % 2),
      end: index + text.length,
      text: text.slice(index % 2).trim(),
    }))
    .filter(({ text }) => text.length > 2);
}

function floatsOf({ table, address, before, after }: SampledRun, isText: (at: number) => boolean): string[] {
  const found: string[] = [];
  for (let at = 0; at + 4 <= after.length; at += 2) {
    const order = (['ABCD', 'CDAB'] as const).find((one) => isFloat(before, at, one) && isFloat(after, at, one));
    if (order === undefined || isText(at)) continue;
    const value = Number(floatAt(after, at, order).toPrecision(6));
    found.push(`${sourceOf(table, address + at / 2)} may be a float32, ${order}: ${value} (a guess)`);
    at += 2;
  }
  return found;
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
