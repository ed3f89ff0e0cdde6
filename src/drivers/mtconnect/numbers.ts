const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/;

/** A decimal number; undefined for anything else, also for what is empty, hexadecimal, infinite or NaN. */
export function parseNumber(text: string): number | undefined {
  if (!NUMBER.test(text)) return undefined;
  const number = Number(text);
  return Number.isFinite(number) ? number : undefined;
}

/** Numbers with white space between them, e.g. `10 20.5 -3`; undefined where one of them is none. */
export function parseNumbers(text: string): number[] | undefined {
  const numbers: number[] = [];
  for (const token of text.split(/\s+/)) {
    const number = parseNumber(token);
    if (number === undefined) return undefined;
    numbers.push(number);
  }
  return numbers;
}
