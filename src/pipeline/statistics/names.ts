import type { Value } from '../../observation.ts';

const UNITS = [
  [86_400_000, 'd'],
  [3_600_000, 'h'],
  [60_000, 'm'],
  [1000, 's'],
] as const;

/** A length of time as it stands in the name of a signal: 300,000 ms are `5m`. */
export function lengthName(ms: number): string {
  const [size, unit] = UNITS.find(([size]) => ms % size === 0) ?? [1, 'ms'];
  return `${ms / size}${unit}`;
}

/** Values of a state that are told apart; the ones after these are `other`. */
export const MAX_STATES = 16;
export const OTHER_STATE = 'other';

/** A state as it stands in the name of a signal; undefined for what is no state. */
export function stateName(v: Value): string | undefined {
  if (v === null || typeof v === 'object') return undefined;
  return (
    String(v)
      .replaceAll(/[^A-Za-z0-9_-]/g, '_')
      .slice(0, 64) || 'empty'
  );
}
