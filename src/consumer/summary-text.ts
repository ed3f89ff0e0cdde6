import type { Range } from '../seq-ranges.ts';
import type { SummaryFigures } from './summary.ts';

/** Holes of a channel that are named; beyond that they are only counted. */
const MAX_RANGES = 20;

/** The figures on one line, for a terminal (what matters most is within 80 columns) or a log. */
export function summaryLine(figures: SummaryFigures): string {
  const { latency } = figures;
  const seldom = [
    ['awaited', figures.awaited],
    ['explained', figures.explained],
    ['over-told', figures.overTold.batches],
    ['rolled up', figures.rolledUp],
    ['late', figures.late],
    ['invalid', figures.invalid],
    ['conflicts', figures.conflicts],
    ['ignored', figures.ignored],
  ] as const;
  return [
    `machines ${figures.machines}`,
    `batches ${figures.batches}`,
    `observations ${figures.observations}`,
    `missing ${figures.missing}`,
    ...(latency.p50 === null ? [] : [`live P50 ${latency.p50} ms P99 ${latency.p99} ms`]),
    `duplicates removed ${figures.duplicatesRemoved}`,
    `gaps told ${figures.gaps}`,
    ...seldom.filter(([, count]) => count > 0).map(([name, count]) => `${name} ${count}`),
  ].join('  ');
}

/** What is missing, one line for each channel. */
export function missingLines({ channels }: SummaryFigures): string[] {
  return channels
    .filter(({ missing }) => missing.length > 0)
    .map(({ channel, missing }) => `missing in ${channel}: seq ${rangesText(missing)}`);
}

function rangesText(ranges: readonly Range[]): string {
  const texts = ranges.slice(0, MAX_RANGES).map(([first, last]) => (first === last ? `${first}` : `${first}–${last}`));
  const more = ranges.length > MAX_RANGES ? ` and ${ranges.length - MAX_RANGES} more runs` : '';
  return `${texts.join(', ')}${more}`;
}
