import { codeOf, messageOf } from '../errors.ts';
import { ID_PATTERN, KINDS, type Kind } from '../wire/contract.ts';
import type { Archive, ArchivedRow } from './archive.ts';
import { decodeBody, dictionaryOf, isJsonObject, readBody } from './codec.ts';
import { isStream } from './database.ts';
import { isAgreed } from './dictionaries.ts';
import { LOCAL_STREAM } from './local.ts';
import { type BatchRow, type DictionaryRow, LANE_CODES, type NumberingRow } from './statements.ts';

export interface VerifyOptions {
  /** Leaves out whether SQLite's indices agree with their tables. */
  readonly quick: boolean;
  /** Called now and then with the number of batches that were read. */
  readonly onProgress?: (batches: number) => void;
}

const PROGRESS_EVERY = 10_000;
/** The last instant that a Date can be (ECMA-262, 21.4.1.1). */
const MAX_TIME = 8.64e15;

/**
 * Checks the outbox and yields what is wrong, one sentence for each:
 * - SQLite's own check of the file, and what it passes over in a damaged WAL;
 * - names, lanes, marks and cursors are such as some version has written;
 * - both copies of each dictionary are there, agree, and can be read, and none was given up that a body needs;
 * - every body is there, its checksum holds, it parses, and it has as many bytes and observations as the books say;
 * - no seq is missing: each one that was ever given is either kept or was counted when it was deleted: after its
 *   delivery, or for want of room, which a gap tells. Retention may leave gaps between kept batches (an older one may be held back), so only that sum tells.
 *
 * A row has no checksum: a time that was changed to another one goes unnoticed.
 */
export function* verify(archive: Archive, { quick, onProgress }: VerifyOptions): Generator<string> {
  try {
    if (archive.isWalDamaged()) yield 'the WAL is damaged in its middle: what was committed behind that is passed over';
    yield* archive.integrity(quick);
    if (!isStream(archive.stream)) yield 'the name of the stream is lost';
    for (const row of archive.numbering()) yield* numberingProblems(row, archive);
    for (const { machine, cursor } of archive.cursors()) {
      if (!isName(machine) || !isJsonObject(cursor)) yield `${machine}: the place to resume reading is damaged`;
    }
    const homeless = archive.strayBatches();
    if (homeless > 0) yield `${homeless} batches belong to no channel`;
    const stray = archive.strayBodies();
    if (stray > 0) yield `${stray} bodies belong to no batch`;
    const dictionaries = archive.dictionaries();
    for (const [id, copies] of dictionaries) yield* dictionaryProblems(id, copies);
    let read = 0;
    for (const row of archive.batches()) {
      const problem = rowProblem(row) ?? bodyProblem(row) ?? dependenceProblem(row, dictionaries);
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

/** A value that no version has written. */
function rowProblem({ seq, lane, synced, t0, storedAt, deliveredAt }: BatchRow): string | undefined {
  if (!Object.values<number>(LANE_CODES).includes(lane)) return `is in lane ${lane}, which there is not`;
  if (synced !== 0 && synced !== 1) return `has ${synced} for whether the clock was synced`;
  if (seq < 1) return 'has a seq below 1';
  const times = [t0, storedAt, ...(deliveredAt === null ? [] : [deliveredAt])];
  return times.every((time) => Math.abs(time) <= MAX_TIME) ? undefined : 'has a time that there is not';
}

function* dictionaryProblems(id: number, copies: readonly (DictionaryRow | undefined)[]): Generator<string> {
  const name = `dictionary ${id}`;
  const sound = copies.filter((row) => row !== undefined && readBody(row.body) !== undefined).length;
  if (sound === 0) yield `${name}: neither copy can be read, and no body that needs it`;
  else if (sound < copies.length) yield `${name}: one of its copies is damaged or missing; the next start mends it`;
  else if (!isAgreed(copies)) yield `${name}: its copies do not agree`;
}

/** What was given up is deleted with the last batch that may need it. */
function dependenceProblem(
  { id, body }: BatchRow,
  dictionaries: ReadonlyMap<number, readonly (DictionaryRow | undefined)[]>,
): string | undefined {
  const needs = body === null ? undefined : dictionaryOf(body);
  const untils = (dictionaries.get(needs ?? 0) ?? []).flatMap((row) => row?.until ?? []);
  return untils.some((until) => until < id) ? `needs dictionary ${needs}, which is about to be deleted` : undefined;
}

function bodyProblem({ body, kind, count, bytes, dictionary }: ArchivedRow): string | undefined {
  if (body === null) return 'has lost its body';
  if (body.length !== bytes) return `has a body of ${body.length} bytes where the books say ${bytes}`;
  try {
    const found = observationsIn(kind, JSON.parse(decodeBody(body, dictionary)));
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
  const hasStream = isStream(row.stream) || row.stream === LOCAL_STREAM;
  if (!isName(row.machine) || !KINDS.includes(row.kind) || !hasStream) yield `${name}: the name is damaged`;
  const given = row.nextSeq - 1;
  if (row.distinct !== row.kept) yield `${name}: ${row.kept - row.distinct} seqs were given twice`;
  if (row.highest !== null && row.highest > given) yield `${name}: seq ${row.highest} was never given out`;
  const missing = given - row.kept - row.removed;
  if (missing === 0) return;
  const absent = absentIn(archive.seqs(row.id), given);
  yield `${name}: of ${given} batches ${row.kept} are kept and ${row.removed} were deleted, which leaves ${missing} missing (not there: ${absent})`;
}

function isName(machine: unknown): boolean {
  return typeof machine === 'string' && ID_PATTERN.test(machine);
}

/** What is not among ascending seqs, up to `given`: `1–4, 9`. A damaged `given` may be any number. */
function absentIn(kept: readonly number[], given: number): string {
  const found: string[] = [];
  let next = 1;
  for (const seq of [...kept, given + 1]) {
    if (seq - next === 1) found.push(`${next}`);
    else if (seq > next) found.push(`${next}–${seq - 1}`);
    next = Math.max(next, seq + 1);
  }
  return found.join(', ');
}
