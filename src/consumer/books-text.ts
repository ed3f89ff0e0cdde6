import type { BookFigures, GapFigures, MachineBooks } from './books.ts';

/** Hours of a machine that are printed; those with something missing come before the others. */
const MAX_HOURS = 48;

const HEADER = ['hour (UTC)', 'batches', 'observations', 'missing', 'historical', 'late', 'gaps'];

/** The books as a table: of each machine the hours in which anything was out of the ordinary, and its total. */
export function bookLines(books: readonly MachineBooks[]): string[] {
  const rows = books.flatMap(rowsOf);
  if (rows.length === 0) return [];
  const all = [HEADER, ...rows];
  const widths = HEADER.map((_, i) => Math.max(...all.map((row) => (row.length === 1 ? 0 : (row[i] ?? '').length))));
  const pad = (cell: string, i: number) =>
    i > 0 && i < HEADER.length - 1 ? cell.padStart(widths[i] as number) : cell.padEnd(widths[i] as number);
  return all.map((row) => (row.length === 1 ? (row[0] as string) : row.map(pad).join('  ').trimEnd()));
}

/** A row of a single cell is text. */
function rowsOf({ machine, total, earlier, hours }: MachineBooks): string[][] {
  const told = hours.filter(isNoteworthy);
  const most = [...told].sort((a, b) => Math.sign(b.missing) - Math.sign(a.missing)).slice(0, MAX_HOURS);
  const left = told.length - most.length;
  return [
    [machine],
    ...(earlier === undefined ? [] : [cells('  earlier', earlier)]),
    ...told.filter((hour) => most.includes(hour)).map((hour) => cells(`  ${hour.hour}`, hour)),
    ...(left === 0 ? [] : [[`  and ${left} more such hours: --json has all`]]),
    cells('  total', total),
  ];
}

function isNoteworthy({ missing, awaited, historical, late, gaps }: BookFigures): boolean {
  return missing + awaited + historical + late > 0 || Object.keys(gaps).length > 0;
}

function cells(
  name: string,
  { batches, observations, missing, awaited, historical, late, gaps, rolledUp }: BookFigures,
): string[] {
  const causes = Object.entries(gaps).map(([cause, of]) => `${of.gaps} ${cause} (${lostText(of)})`);
  const kept = rolledUp > 0 ? [`${rolledUp} in rollups`] : [];
  const rest = awaited > 0 ? [`${awaited} batches may still come`] : [];
  const remarks = [...causes, ...kept, ...rest].join(', ');
  return [name, ...[batches, observations, missing, historical, late].map(String), remarks];
}

function lostText({ observations, uncounted }: GapFigures): string {
  if (uncounted === 0) return `${observations} lost`;
  return observations === 0 ? 'nobody knows how many' : `${observations} lost and more`;
}
