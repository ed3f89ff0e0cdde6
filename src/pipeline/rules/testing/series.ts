import type { Value } from '../../../observation.ts';

/** A value of an input series. `t` is milliseconds after the start; null is an unavailable value. */
export interface Input {
  readonly t: number;
  readonly v: number | string | boolean | null;
}

/** More would be a typing error. */
const MAX_VALUES = 100_000;

const NUMBER = /^(-?\d+(?:\.\d+)?)(?:([+-]\d+(?:\.\d+)?)?x(\d+))?$/;
const WORD = /^(?:'([^']*)'|([A-Za-z]\w*?)|(_))(?:x(\d+))?$/;

/**
 * Values one interval apart, in the notation of promtool: `5` is a value, `5x3` is four of it, `1+2x3` is 1 3 5 7, `10-1x2`
 * is 10 9 8, `_` is none at that time and `_x3` none three times; `null` is an unavailable value. Text is a word or stands
 * in quotes: `running`, `'two words'`, `stoppedx3`.
 * @throws Error with the item that is none of these
 */
export function parseSeries(notation: string, interval: number): Input[] {
  const inputs: Input[] = [];
  let step = 0;
  for (const item of notation.match(/'[^']*'\S*|\S+/g) ?? []) {
    const values = valuesOf(item);
    if (step + values.length > MAX_VALUES) throw new Error(`more than ${MAX_VALUES} values`);
    for (const v of values) {
      if (v !== undefined) inputs.push({ t: step * interval, v });
      step += 1;
    }
  }
  return inputs;
}

function valuesOf(item: string): (Input['v'] | undefined)[] {
  const [number, start, by = '0', count = '0'] = NUMBER.exec(item) ?? [];
  if (number !== undefined) {
    return Array.from({ length: Math.min(Number(count), MAX_VALUES) + 1 }, (_, i) => Number(start) + i * Number(by));
  }
  const [word, quoted, bare, none, times] = WORD.exec(item) ?? [];
  if (word === undefined) throw new Error(`“${item}” is no value: expected e.g. 5, 5x3, 1+2x3, _, null or running`);
  const more = Math.min(Number(times ?? 0), MAX_VALUES);
  // As promtool counts: a value and so many more of it, but only so many times none.
  if (none !== undefined) return Array.from({ length: times === undefined ? 1 : more }, () => undefined);
  return Array.from({ length: more + 1 }, () => quoted ?? constant(bare ?? ''));
}

function constant(word: string): Exclude<Value, object> {
  if (word === 'null') return null;
  return word === 'true' || word === 'false' ? word === 'true' : word;
}
