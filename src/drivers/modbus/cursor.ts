import type { Cursor } from '../../observation.ts';
import type { Loss, LossCause } from './losses.ts';

/** What outlives a restart: a polled device keeps nothing, so there is no place to resume from, only what must be told. */
export interface Position {
  /** Time of the last answer with data, in milliseconds since the epoch. */
  readonly polled: number;
  /** Losses that were not told yet. */
  readonly lost: readonly Loss[];
}

export function toCursor({ polled, lost }: Position): Cursor {
  return lost.length === 0 ? { polled } : { polled, lost: lost.map((loss) => ({ ...loss })) };
}

/** The position of a cursor; undefined where there is none that can be read. */
export function positionOf(cursor: Cursor | undefined): Position | undefined {
  const polled = cursor?.['polled'];
  if (typeof polled !== 'number') return undefined;
  const lost = cursor?.['lost'];
  return { polled, lost: Array.isArray(lost) ? lost.flatMap(lossOf) : [] };
}

function lossOf(value: unknown): Loss[] {
  const { cause, from, count } = (value ?? {}) as Partial<Record<keyof Loss, unknown>>;
  if (!isCause(cause) || !isNumberOrNull(from) || !isNumberOrNull(count)) return [];
  return [{ cause, from, count }];
}

const isCause = (value: unknown): value is LossCause => value === 'link-down' || value === 'poll-skipped';
const isNumberOrNull = (value: unknown): value is number | null => value === null || typeof value === 'number';
