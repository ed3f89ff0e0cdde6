import type { Value } from '../../observation.ts';

/** Values of a condition, or of an alarm text, that say that all is well. */
const WELL = ['', 'NORMAL', 'UNAVAILABLE', 'NONE', 'OK', 'FALSE', '0'];

/**
 * What a signal says is wrong, as words for people; none where all is well. Of a list of conditions as the
 * MTConnect driver makes it (`<name>.active`) each is one. Pure.
 */
export function alarmsIn(signal: string, v: Value): string[] {
  if (Array.isArray(v)) return v.map((entry) => `${signal}: ${wordsOf(entry as Value)}`);
  if (v === null || typeof v === 'object' || WELL.includes(String(v).trim().toUpperCase())) return [];
  return [v === true ? signal : `${signal}: ${v}`];
}

function wordsOf(entry: Value): string {
  if (entry === null || typeof entry !== 'object') return String(entry);
  const { level, code, text } = entry as Record<string, Value>;
  const words = [level, code, text].filter((word) => typeof word === 'string' || typeof word === 'number');
  return words.length === 0 ? JSON.stringify(entry) : words.join(' ');
}
