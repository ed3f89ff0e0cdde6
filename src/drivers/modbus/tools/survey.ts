import type { Span } from '../plan.ts';
import { TABLES, type Table } from '../settings.ts';
import { TableSurvey } from './table-survey.ts';

/** How a device takes the question for a span. */
export type Readability =
  | 'readable'
  /** Some of it does not exist, or it is too much at once. */
  | 'refused'
  /** No span of this table can ever be read. */
  | 'unknown function'
  | 'silent';

export interface SurveyLimits {
  /** Questions. */
  readonly requests: number;
  readonly ms: number;
}

/** What can be read of a unit. */
export interface Survey {
  /** Disjoint, by table in the order of `TABLES`, then address. */
  readonly runs: readonly Span[];
  /** What the device gives at once, where that is less than the standard has. */
  readonly maxRegisters?: number;
  readonly maxBits?: number;
  /** Tables that the device does not know or is silent about. */
  readonly absent: readonly Table[];
  readonly requests: number;
  /** Whether all places were looked at that are looked at without limits. */
  readonly isComplete: boolean;
}

/** Where to look, from likely to unlikely; between them, runs are found only if they reach one of these places. */
const ROUNDS: readonly { readonly from: number; readonly to: number; readonly step: number }[] = [
  { from: 0, to: 99, step: 1 },
  { from: 100, to: 999, step: 10 },
  { from: 1000, to: 9999, step: 100 },
  { from: 10_000, to: 65_535, step: 1000 },
  // Counted from 1.
  { from: 1001, to: 9999, step: 1000 },
  { from: 10_001, to: 65_535, step: 1000 },
];

/**
 * Finds the readable addresses of all four tables with a bounded number of questions: single addresses are tried, and
 * from each that is readable the ends of its run are found by bisecting.
 *
 * @param read asks for a span; one at a time
 * @param tell told of progress, one line at a time
 */
export async function survey(
  read: (span: Span) => Promise<Readability>,
  { requests: most, ms }: SurveyLimits,
  tell: (line: string) => void,
): Promise<Survey> {
  const deadline = performance.now() + ms;
  let requests = 0;
  const hasRoom = () => requests < most && performance.now() < deadline;
  const counted = (span: Span) => {
    requests += 1;
    return read(span);
  };
  const tables = TABLES.map((table) => new TableSurvey(table, counted, hasRoom));
  for (const { from, to, step } of ROUNDS) {
    for (const table of tables) {
      if (!hasRoom() || table.isAbsent) continue;
      tell(`looking for ${table.table}s from ${from} to ${to}, ${requests} requests so far`);
      for (let address = from; address <= to && hasRoom() && !table.isAbsent; address += step)
        await table.visit(address);
    }
  }
  return {
    runs: tables.flatMap((table) => table.runs),
    ...least('maxRegisters', tables, ['holding', 'input']),
    ...least('maxBits', tables, ['coil', 'discrete']),
    absent: tables.filter(({ isAbsent }) => isAbsent).map(({ table }) => table),
    requests,
    isComplete: hasRoom(),
  };
}

function least<Key extends string>(key: Key, tables: readonly TableSurvey[], of: readonly Table[]) {
  const found = tables.filter(({ table, isLimited }) => of.includes(table) && isLimited).map(({ limit }) => limit);
  return (found.length === 0 ? {} : { [key]: Math.min(...found) }) as { [K in Key]?: number };
}
