import type { Found, Probed, ProbedSignal } from '../drivers/toolbox.ts';
import { printable, valueText } from './printable.ts';

/** Signals of a machine that are listed for a person. */
const MAX_SHOWN = 40;
const COLUMN_WIDTH = 40;

/** Rows with their columns in line; the last column is as long as it is. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  return rows.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

/** What a probe found, for a person: facts, each machine's signals with what they read, notes. */
export function probeReport({ facts, machines, notes }: Probed): string[] {
  return [
    ...columns(facts.map(([label, text]) => [printable(label), printable(text)])),
    ...machines.flatMap(({ title, signals }) => ['', printable(title), ...signalLines(signals)]),
    ...(notes.length === 0 ? [] : ['', ...notes.map((note) => `! ${printable(note, 500)}`)]),
  ];
}

function signalLines(signals: readonly ProbedSignal[]): string[] {
  const rows = signals
    .slice(0, MAX_SHOWN)
    .map(({ signal, value, unit, quality, source, type }) => [
      `  ${printable(signal, COLUMN_WIDTH)}`,
      valueText(value, unit, quality) ?? '–',
      printable(source, COLUMN_WIDTH),
      printable(type ?? '', COLUMN_WIDTH),
    ]);
  const more = signals.length > MAX_SHOWN ? [`  … and ${signals.length - MAX_SHOWN} more: --json shows all`] : [];
  return [...columns([['  signal', 'reads now', 'from', 'type'], ...rows]), ...more];
}

/** What a scan found, with the URL to probe first. */
export function foundTable(found: readonly (Found & { readonly driver: string })[]): string[] {
  const rows = found.map(({ url, driver, name, facts }) => [
    printable(url),
    driver,
    printable(name, COLUMN_WIDTH),
    Object.entries(facts)
      .map(([label, text]) => `${printable(label)} ${printable(text, COLUMN_WIDTH)}`)
      .join(', '),
  ]);
  return columns([['url', 'driver', 'name', 'says'], ...rows]);
}
