/** Names in a list before it only counts. */
const MAX_NAMES = 6;

/** `a, b and 12 more` */
export function names(all: readonly string[]): string {
  const rest = all.length - MAX_NAMES;
  if (rest <= 1) return all.join(', ');
  return `${all.slice(0, MAX_NAMES).join(', ')} and ${rest} more`;
}

/** `1 topic`, `2 topics` */
export function count(number: number, one: string): string {
  return `${number} ${one}${number === 1 ? '' : 's'}`;
}

/** `83 ms`, `1.2 s`, `5.0 h`, `12 days` */
export function time(ms: number): string {
  if (ms < 1000) return `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  const seconds = ms / 1000;
  if (seconds < 120) return `${seconds.toFixed(1)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  const hours = seconds / 3600;
  return hours < 48 ? `${hours.toFixed(1)} h` : `${Math.round(hours / 24)} days`;
}

/** `2.0 GiB` */
export function bytes(number: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  const power = number < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log2(number) / 10));
  return `${(number / 1024 ** power).toFixed(power === 0 ? 0 : 1)} ${units[power]}`;
}

/** `2026-11-21` */
export function date(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
