import { setTimeout as sleep } from 'node:timers/promises';
import { BadAnswer, ModbusException, NoAnswer } from '../errors.ts';
import type { Span } from '../plan.ts';
import { isBitTable, NOTATION } from '../signals.ts';
import type { LinkAddress } from '../url.ts';
import { pieces, type Sampled, sampled } from './sampling.ts';
import type { SampledRun } from './search.ts';
import type { Session } from './session.ts';
import { type Readability, type Survey, survey } from './survey.ts';

/** Long enough for a value that moves to have moved. */
const BETWEEN_SAMPLES_MS = 1000;
/** Time for a link's units; a serial line carries some thirty questions a second. */
const SURVEY_MS = { tcp: 40_000, rtutcp: 40_000, rtu: 60_000 } as const;
/** Questions for one unit: a device without anything to read is looked through with 1,600. */
const MAX_REQUESTS = 2400;
/** Runs that are written out for a person. */
const MAX_RUNS_TOLD = 24;

/** A unit with its patience: milliseconds that are waited for an answer. */
export interface ProbedUnit {
  readonly session: Session;
  readonly kind: LinkAddress['kind'];
  readonly unit: number;
  readonly timeout: number;
  /** Of the time that a link has, what is for this unit, 0…1. */
  readonly share: number;
  readonly tell: (line: string) => void;
  readonly signal: AbortSignal;
}

/** What a unit holds. */
export interface Contents {
  readonly survey: Survey;
  readonly samples: readonly Sampled[];
  /** Readable registers and bits of which no values were taken. */
  readonly left: number;
}

/** Finds what can be read and reads it twice. @throws LinkDown, Fault of the machine; the abort reason */
export async function contentsOf(probed: ProbedUnit): Promise<Contents> {
  const { tell, kind, share, signal } = probed;
  const found = await survey(
    (span) => readability(probed, span),
    { requests: MAX_REQUESTS, ms: SURVEY_MS[kind] * share },
    tell,
  );
  const { blocks, left } = pieces(found);
  tell(`reading the values, twice: ${blocks.length} requests each`);
  const before = await readAll(probed, blocks);
  await sleep(BETWEEN_SAMPLES_MS, undefined, { signal });
  const after = await readAll(probed, blocks);
  return { survey: found, samples: sampled(blocks, before, after), left };
}

/** The samples of registers; bits hold no numbers. */
export function registersOf(samples: readonly Sampled[]): SampledRun[] {
  return samples.flatMap(({ table, address, before, after }) =>
    table === 'holding' || table === 'input' ? [{ table, address, before, after }] : [],
  );
}

/** For a person: `holding registers 0–19, 100–119`. */
export function rangesText({ runs }: Survey): [label: string, text: string][] {
  return [...Map.groupBy(runs, ({ table }) => table)].map(([table, ones]) => {
    const told = ones
      .slice(0, MAX_RUNS_TOLD)
      .map(({ address, size }) => (size === 1 ? address : `${address}–${address + size - 1}`));
    const more = ones.length > MAX_RUNS_TOLD ? ` and ${ones.length - MAX_RUNS_TOLD} more` : '';
    return [`${NOTATION[table]}s`, `${told.join(', ')}${more}`];
  });
}

async function readability({ session, unit, timeout }: ProbedUnit, span: Span): Promise<Readability> {
  try {
    await session.read(unit, span, timeout);
    return 'readable';
  } catch (error) {
    if (error instanceof ModbusException && error.code === 1) return 'unknown function';
    if (error instanceof ModbusException && !error.isOfGateway) return 'refused';
    if (error instanceof NoAnswer || error instanceof BadAnswer || error instanceof ModbusException) return 'silent';
    throw error;
  }
}

/** What cannot be read this time is left out. */
async function readAll(
  { session, unit, timeout }: ProbedUnit,
  blocks: readonly Span[],
): Promise<(Buffer | undefined)[]> {
  const all: (Buffer | undefined)[] = [];
  for (const span of blocks) {
    try {
      all.push(await session.read(unit, { ...span }, timeout));
    } catch (error) {
      const isOfDevice = [ModbusException, NoAnswer, BadAnswer].some((kind) => error instanceof kind);
      if (!isOfDevice) throw error;
      all.push(undefined);
    }
  }
  return all;
}

/** Bits are many: what is told of them is how many there are. */
export function sizeText({ runs }: Survey): string {
  const count = (ofBits: boolean) =>
    runs.filter(({ table }) => isBitTable(table) === ofBits).reduce((sum, { size }) => sum + size, 0);
  return `${count(false)} registers and ${count(true)} bits`;
}
