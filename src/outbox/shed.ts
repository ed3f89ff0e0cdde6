import type { Gap } from '../observation.ts';
import type { Kind } from '../wire/contract.ts';
import { encodeBody } from './codec.ts';
import { beginOf } from './extent.ts';
import { type Divided, divide } from './keep.ts';
import type { NewBatch, WhenFull } from './outbox.ts';
import { type RawBatch, type Thinned, thin } from './thin.ts';

/** A rollup that needs more than this share of what it replaces is not worth it: the data is dropped. */
const WORTH = 0.5;

/** Undelivered batches of one channel with consecutive seqs. */
export interface Run {
  readonly machine: string;
  readonly kind: Kind;
  readonly batches: readonly RunBatch[];
}

export interface RunBatch {
  readonly seq: number;
  readonly t0: number;
  readonly count: number;
  readonly synced: boolean;
  readonly bytes: number;
  /** When it was committed, milliseconds since the epoch. */
  readonly storedAt: number;
  /** JSON text; undefined where it cannot be read. */
  readonly body: string | undefined;
}

/** What becomes of a run for which there is no room. */
export interface Shed {
  /** What is stored in its place: the record of the gap and, where it was thinned, the rollup. */
  readonly batches: readonly NewBatch[];
  /** Observations that only the rollup tells of. */
  readonly thinned: number;
  /** Observations that nothing tells of but the gap. */
  readonly dropped: number;
}

/** How a run is given up. */
export interface ShedTerms {
  readonly policy: Exclude<WhenFull, 'pause'>;
  /** Signals that go last, as names or patterns. */
  readonly keep: readonly string[];
  /** That the run is of. */
  readonly stream: string;
  /** Milliseconds since the epoch, by the wall clock. */
  readonly now: number;
}

/** Makes what takes the place of a run. Rollups themselves can only be dropped. Pure. */
export function shed(run: Run, { policy, keep, stream, now }: ShedTerms): Shed {
  const { machine, kind, batches } = run;
  const clock = batches.every(({ synced }) => synced) ? 'synced' : 'unsynced';
  const common = { machine, lane: 'live', clock } as const;
  const raw = kind === 'telemetry' ? read(batches) : undefined;
  const { kept, rest } = raw === undefined ? NOTHING : divide(raw, keep);
  const all = batches.reduce((sum, batch) => sum + batch.count, 0);
  const count = all - (kept?.count ?? 0);
  const bytes = batches.reduce((sum, batch) => sum + batch.bytes, 0) * (count / all);
  const thinned = policy === 'thin' && rest.length > 0 ? thinnedOf(rest, bytes) : undefined;
  const saved: NewBatch[] = kept === undefined ? [] : [{ ...common, kind: 'telemetry', ...kept }];
  const rollup: NewBatch[] =
    thinned === undefined
      ? []
      : [{ ...common, kind: 'rollup', t0: thinned.t0, count: thinned.count, body: thinned.body }];
  const gap: Gap = {
    type: 'gap',
    t: now,
    cause: 'budget',
    from: Math.min(...batches.map((batch) => beginOf({ ...batch, kind }))) - 1,
    to: Math.max(...batches.map(({ storedAt }) => storedAt), Math.floor(thinned?.last ?? 0) + 1),
    // The observations behind a rollup were counted when it was made.
    count: kind === 'telemetry' ? count : 0,
    exact: true,
    detail: {
      kept: thinned === undefined ? 'nothing' : 'rollup',
      ...(kept === undefined ? {} : { sentAnew: kept.count }),
      oldest: Math.min(...batches.map(({ t0 }) => t0)),
    },
    batches: { kind, stream, first: batches[0]?.seq ?? 0, last: batches.at(-1)?.seq ?? 0 },
  };
  const body = JSON.stringify([{ ...gap, t: 0 }]);
  return {
    batches: [...saved, ...rollup, { ...common, kind: 'event', t0: now, count: 1, body }],
    thinned: thinned === undefined ? 0 : count,
    dropped: thinned === undefined && kind === 'telemetry' ? count : 0,
  };
}

const NOTHING: Divided = { kept: undefined, rest: [] };

/** undefined: it cannot be read */
function read(batches: readonly RunBatch[]): RawBatch[] | undefined {
  try {
    return batches.map(({ t0, body }) => {
      if (body === undefined) throw new Error('has lost its body');
      return { t0, signals: JSON.parse(body) };
    });
  } catch {
    // A damaged body cannot be sent either: it goes with its run, and the gap says so.
    return undefined;
  }
}

/** undefined: it saves too little of these bytes */
function thinnedOf(raw: readonly RawBatch[], bytes: number): Thinned | undefined {
  const thinned = thin(raw);
  return encodeBody(thinned.body).length <= bytes * WORTH ? thinned : undefined;
}
