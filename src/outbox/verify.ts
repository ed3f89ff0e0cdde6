import { codeOf, messageOf } from '../errors.ts';
import type { Kind } from '../wire/contract.ts';
import type { Archive } from './archive.ts';
import { decodeBody } from './codec.ts';
import type { BatchRow, NumberingRow } from './statements.ts';

export interface VerifyOptions {
  /** Leaves out whether SQLite's indices agree with their tables. */
  readonly quick: boolean;
  /** Called now and then with the number of batches that were read. */
  readonly onProgress?: (batches: number) => void;
}

const PROGRESS_EVERY = 10_000;

/**
 * Checks the outbox and yields what is wrong, one sentence for each:
 * - SQLite's own check of the file;
 * - every body is there, its checksum holds, it parses, and it has as many observations as the books say;
 * - no seq is missing: each one that was ever given is either kept or was counted when it was deleted: after its
 *   delivery, or for want of room, which a gap tells. Retention may leave gaps between kept batches (an older one may be held back), so only that sum tells.
 */
export function* verify(archive: Archive, { quick, onProgress }: VerifyOptions): Generator<string> {
  try {
    yield* archive.integrity(quick);
    for (const row of archive.numbering()) yield* numberingProblems(row, archive);
    const stray = archive.strayBodies();
    if (stray > 0) yield `${stray} bodies belong to no batch`;
    let read = 0;
    for (const row of archive.batches()) {
      const problem = bodyProblem(row);
      if (problem !== undefined) yield `${row.machine} ${row.kind} ${row.seq}: ${problem}`;
      read += 1;
      if (read % PROGRESS_EVERY === 0) onProgress?.(read);
    }
  } catch (error) {
    // Where SQLite cannot read on, that is the finding.
    if (codeOf(error)?.startsWith('SQLITE_') !== true) throw error;
    yield `the file cannot be read any further: ${messageOf(error)}`;
  }
}

function bodyProblem({ body, kind, count }: BatchRow): string | undefined {
  if (body === null) return 'has lost its body';
  try {
    const found = observationsIn(kind, JSON.parse(decodeBody(body)));
    return found === count ? undefined : `holds ${found} observations where the books say ${count}`;
  } catch (error) {
    return `the body is damaged: ${messageOf(error)}`;
  }
}

/** Counts what a body holds: columns of signals, or a list. */
function observationsIn(kind: Kind, payload: unknown): number {
  if (Array.isArray(payload)) return payload.length;
  const values = kind === 'telemetry' ? 'v' : 'n';
  return Object.values(payload as Record<string, Record<string, unknown[]>>).reduce((sum, columns) => {
    const [times, others] = [columns['t']?.length, columns[values]?.length];
    return sum + (times === others && times !== undefined ? times : Number.NaN);
  }, 0);
}

function* numberingProblems(row: NumberingRow, archive: Archive): Generator<string> {
  const name = `${row.machine} ${row.kind}`;
  const given = row.nextSeq - 1;
  if (row.distinct !== row.kept) yield `${name}: ${row.kept - row.distinct} seqs were given twice`;
  if (row.highest !== null && row.highest > given) yield `${name}: seq ${row.highest} was never given out`;
  const missing = given - row.kept - row.removed;
  if (missing === 0) return;
  const absent = ranges(absentSeqs(archive.seqs(row.id), given));
  yield `${name}: of ${given} batches ${row.kept} are kept and ${row.removed} were deleted, which leaves ${missing} missing (not there: ${absent})`;
}

function absentSeqs(kept: readonly number[], given: number): number[] {
  const present = new Set(kept);
  return Array.from({ length: given }, (_, i) => i + 1).filter((seq) => !present.has(seq));
}

/** `1–4, 9` */
function ranges(numbers: readonly number[]): string {
  const found: [number, number][] = [];
  for (const number of numbers) {
    const last = found.at(-1);
    if (last !== undefined && last[1] === number - 1) last[1] = number;
    else found.push([number, number]);
  }
  return found.map(([from, to]) => (from === to ? `${from}` : `${from}–${to}`)).join(', ');
}
