const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;
const DECIMAL_COMMA = /^([+-]?\d+),(\d+)$/;

/** A decimal number; undefined for anything else, also for what is empty, hexadecimal, infinite or NaN. */
export function parseNumber(text: string): number | undefined {
  if (!NUMBER.test(text)) return undefined;
  const number = Number(text);
  return Number.isFinite(number) ? number : undefined;
}

/**
 * Numbers with white space between them, e.g. `10 20.5 -3`; undefined where one of them is none. `381,64` is 381.64:
 * agents whose operating system writes a decimal comma send it, and none of them groups thousands.
 */
export function parseNumbers(text: string): number[] | undefined {
  const numbers: number[] = [];
  for (const token of text.split(/\s+/)) {
    const number = parseNumber(token.replace(DECIMAL_COMMA, '$1.$2'));
    if (number === undefined) return undefined;
    numbers.push(number);
  }
  return numbers;
}
