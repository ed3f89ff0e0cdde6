import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { auditFiles, isFull } from './audit-file.ts';
import { type AuditLine, parseLine } from './entry.ts';

/** Something that should not be. */
export interface AuditProblem {
  /** `audit.ndjson:12` */
  readonly place: string;
  readonly problem: string;
}

export interface AuditReport {
  /** Sound lines, oldest first. */
  readonly lines: readonly AuditLine[];
  /** Places of lines that a power cut has torn: nothing that was told as written. */
  readonly torn: readonly string[];
  readonly problems: readonly AuditProblem[];
  /** Whether older lines may have gone by rotation. */
  readonly isCut: boolean;
}

/** What was seen so far. */
interface Seen {
  readonly hashes: Set<string>;
  /** The last number of each writer. */
  readonly writers: Map<string, number>;
}

/**
 * Reads the audit log of a data folder and proves it: no line was changed, and between the first and the last none
 * was taken out or put in. It cannot tell that lines at its end were cut off, nor that somebody has made the whole of it anew:
 * the hash in a heartbeat that the cloud has kept can (it must be among the lines).
 * @throws what the file system throws
 */
export async function verifyAudit(dataDir: string): Promise<AuditReport> {
  const files = await auditFiles(dataDir);
  const isCut = isFull(files);
  const seen: Seen = { hashes: new Set(), writers: new Map() };
  const report = { lines: [] as AuditLine[], torn: [] as string[], problems: [] as AuditProblem[] };
  for (const file of files) {
    const texts = (await readFile(file, 'utf8')).split('\n');
    // What follows the last line end is nothing, or a line that was torn.
    const rest = texts.pop() as string;
    const parsed = texts.map(parseLine);
    for (const [i, line] of parsed.entries()) {
      const place = `${basename(file)}:${i + 1}`;
      if (parsed[i + 1]?.torn !== undefined) {
        // An empty one was whole by the time the next was written.
        if (texts[i] !== '') report.torn.push(place);
        continue;
      }
      const mayFollowLost = isCut && file === files[0];
      const problem =
        line === undefined ? 'is no line of an audit log, or was changed' : judge(line, seen, mayFollowLost);
      if (problem !== undefined) report.problems.push({ place, problem });
      if (line !== undefined) report.lines.push(line);
    }
    if (rest !== '') report.torn.push(`${basename(file)}:${texts.length + 1}`);
  }
  return { ...report, isCut };
}

/** What is wrong with a line after those that were seen, among which it is from now on. */
function judge(line: AuditLine, { hashes, writers }: Seen, mayFollowLost: boolean): string | undefined {
  const { hash, prev, writer, seq } = line;
  const isFirst = hashes.size === 0;
  const before = writers.get(writer);
  const follows = hashes.has(prev) || (isFirst && (prev === '' || mayFollowLost));
  const counts = seq === (before ?? 0) + 1 || (before === undefined && mayFollowLost);
  hashes.add(hash);
  writers.set(writer, seq);
  if (!counts) return `is number ${seq} of its writer ${writer}: ${before ?? 0} was the one before`;
  return follows ? undefined : 'the line before it is not there any more, or not as it was';
}
