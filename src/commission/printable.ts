import type { Value } from '../observation.ts';

/** Characters of a value in a table or a comment. */
const MAX_VALUE = 60;

/**
 * What a machine says of itself, on one line of a terminal or a comment: control and format characters, which could
 * move the cursor or end the comment, become spaces.
 */
export function printable(text: string, maxLength = 200): string {
  const plain = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ').trim();
  return plain.length <= maxLength ? plain : `${plain.slice(0, maxLength - 1)}…`;
}

/** A value with its unit, e.g. `1523 rev/min`; undefined where nothing was read. */
export function valueText(value: Value | undefined, unit: string | undefined, quality?: string): string | undefined {
  if (value === undefined) return undefined;
  if (value === null) return 'no value';
  const text = printable(typeof value === 'string' ? value : JSON.stringify(value), MAX_VALUE);
  const doubt = quality === undefined || quality === 'good' ? '' : ` (${quality})`;
  return `${text}${unit === undefined ? '' : ` ${printable(unit)}`}${doubt}`;
}
