import type { ClockQuality } from '../clock.ts';
import type { Cursor, Value } from '../observation.ts';
import type { Kind } from '../wire/contract.ts';
import type { NewNotice } from './local.ts';

/** Priority classes in the order in which they are sent. */
export const LANES = ['alert', 'live'] as const;
export type Lane = (typeof LANES)[number];

/** Observations or events of one machine, to be stored, sent and acknowledged as a unit. */
export interface NewBatch {
  readonly machine: string;
  readonly kind: Kind;
  readonly lane: Lane;
  /** Whole milliseconds since the epoch to which all times in the body are relative. */
  readonly t0: number;
  /** Observations or events in the body, for the books. */
  readonly count: number;
  readonly clock: ClockQuality;
  /**
   * `StampClock.origin` of the clock that stamped it, for times that are to be corrected once the clock is known to be
   * right. Of use with `clock: 'unsynced'` only. In an event's body `from` and `to` are then of the same clock.
   */
  readonly origin?: number;
  /** Kept as history and never sent; it takes no seq of what is. */
  readonly local?: boolean;
  /** JSON text: the value of the envelope's payload key (see `PAYLOAD_KEY` in wire/contract.ts). */
  readonly body: string;
}

/** What becomes durable together. */
export interface Append {
  readonly batches: readonly NewBatch[];
  /** The machine's resume position once these batches are stored. */
  readonly cursor?: { readonly machine: string; readonly cursor: Cursor };
  /** What the machine's engines know once these batches are stored, in the place of what they knew before. */
  readonly state?: { readonly machine: string; readonly state: Value };
  /** What is to be told to people. */
  readonly notices?: readonly NewNotice[];
}

/** A committed batch with its identity: (stream, machine, kind, seq), the same for ever. */
export interface StoredBatch {
  /** Commit order over all machines; the handle for `settle` and `hold` while this outbox is open. */
  readonly id: number;
  readonly machine: string;
  readonly kind: Kind;
  /** Of the database that it was first stored in. */
  readonly stream: string;
  readonly seq: number;
  readonly lane: Lane;
  readonly t0: number;
  readonly count: number;
  readonly clock: ClockQuality;
  /** JSON text; undefined where what is stored is damaged. */
  readonly body: Uint8Array | undefined;
  /** The same as zstd blocks, see `blocksOf`, where it is large and they need nothing else to be read. */
  readonly blocks: Uint8Array | undefined;
  /** Bytes on either side of each that may be written to; default 0. */
  readonly room?: number;
  /** That it takes on the disk. */
  readonly bytes: number;
  /** Of a claim: `body` and `blocks` lie in memory that is to be given back. */
  readonly lease?: number;
  /** When it was committed, milliseconds since the epoch. */
  readonly storedAt: number;
  /** How often a receiver refused it. */
  readonly refusals: number;
}

/** Bytes that a batch takes in memory, about. */
export function sizeOf({ body, blocks }: Pick<StoredBatch, 'body' | 'blocks'>): number {
  return (blocks?.length ?? 0) + (body?.length ?? 0);
}

/** Which undelivered batches to claim. */
export interface Claim {
  readonly lane: Lane;
  /** Ids above this one. */
  readonly after: number;
  /** Ids up to this one; default: all. */
  readonly upTo?: number;
  /** Highest id first; default: lowest first. */
  readonly newestFirst?: boolean;
  readonly limit: number;
  /** Of bodies and blocks, about; one batch is given at least. */
  readonly maxBytes: number;
}

/** Which batches to send once more. Times are milliseconds since the epoch and are compared with `t0`. */
export interface Recall {
  readonly machine?: string | undefined;
  /** Inclusive. */
  readonly from: number;
  /** Exclusive. */
  readonly to: number;
}

export interface LaneStats {
  readonly batches: number;
  readonly observations: number;
  readonly bytes: number;
  /** When the oldest waiting batch was committed. */
  readonly oldest: number | null;
}

export interface OutboxStats {
  readonly stream: string;
  /** Waiting for acknowledgement, by lane; held batches are included. */
  readonly backlog: Readonly<Record<Lane, LaneStats>>;
  /** Set aside after a refusal, to be tried again later. */
  readonly held: number;
  /** Acknowledged and still kept as local history. */
  readonly delivered: LaneStats;
  /** Bytes in use in the database, without free pages. */
  readonly bytes: number;
  readonly maxBytes: number;
  /** Stored since it was opened. */
  readonly appended: Omit<LaneStats, 'oldest'>;
  /** Observations given up since it was opened, for want of room. */
  readonly shed: { readonly thinned: number; readonly dropped: number };
  /** Transactions that wrote since it was opened. */
  readonly commits: number;
  readonly machines: readonly {
    readonly machine: string;
    readonly kind: Kind;
    readonly stream: string;
    readonly lastSeq: number;
    readonly backlog: number;
  }[];
}

/**
 * The durable log of batches.
 *
 * - Order: `append` calls become durable in the order in which they were made, whole or not at all; `seq` counts
 *   1, 2, 3 … without holes for each (machine, kind), in that order.
 * - Concurrency: any number of calls may be under way; those that wait while a commit runs share the next one.
 * - Durability: a promise of `append`, `settle` or `hold` resolves after the commit has reached the disk
 *   (`synchronous=FULL`), so a kill afterwards loses nothing of it.
 * - Faults: while the disk refuses (full, I/O error) nothing is dropped and nothing rejects: the commit is tried
 *   again until it succeeds or the outbox is closed, and the fault is logged once. Callers bound what they have under way.
 *   `claim`, `cursor` and `stats` reject with a Fault of the disk when it cannot be read. A damaged database or a dead
 *   thread is the end: `failed` rejects, and so does every call.
 */
export interface Outbox {
  /** Made once with the database; part of every batch's identity. */
  readonly stream: string;
  /** When its newest batch was committed, as it was opened; 0 when it has none. */
  readonly storedUntil: number;
  /** Rejects when the outbox broke for good: the process should end, so that its service manager starts it again. */
  readonly failed: Promise<never>;
  append(entry: Append): Promise<void>;
  /**
   * Where reading a machine goes on: the cursor of its newest append. That is the last durable one, or one that still
   * waits for its commit; since appends keep their order, what is read from there follows what waits.
   */
  cursor(machine: string): Promise<Cursor | undefined>;
  /**
   * Undelivered batches of a lane. Does not mark them: the one forwarder keeps its own position and starts anew after
   * a reconnect. Held batches are left out until their time has come.
   */
  claim(claim: Claim): Promise<StoredBatch[]>;
  /** What the bodies and blocks of a claim lie in may be used again: none of them is read any more. Those of a claim may be kept, too. */
  giveBack(lease: number): void;
  /** Undelivered batches that were held and whose time has come, oldest first. */
  due(limit: number): Promise<StoredBatch[]>;
  /** Those of some batches that are still undelivered and not held, by id. */
  find(ids: readonly number[]): Promise<StoredBatch[]>;
  /** Id of the newest undelivered batch of the lane `live` that was committed before a time; 0 when there is none. */
  boundary(before: number): Promise<number>;
  /** What is undelivered in the lane `live` with `after < id <= upTo`. */
  weigh(after: number, upTo: number): Promise<Omit<LaneStats, 'oldest'>>;
  /** Delivered batches that are still kept, with `id > after`, oldest first, up to `limit` and about `maxBytes`. */
  recall(recall: Recall, after: number, limit: number, maxBytes: number): Promise<StoredBatch[]>;
  /**
   * Marks batches as delivered: their PUBACK has come. Idempotent. Takes part in the next commit, and makes one itself once
   * `within` milliseconds have gone by (default 0).
   */
  settle(ids: readonly number[], within?: number): Promise<void>;
  /** Sets a refused batch aside until a time (milliseconds since the epoch) and counts the refusal. */
  hold(id: number, until: number, reason: string): Promise<void>;
  /**
   * Replaces an undelivered batch of the lane `live` by up to so many smaller ones, which are stored behind all others, and the
   * record that says so. Resolves to false where it has one entry only, cannot be read, or is gone.
   */
  split(id: number, parts: number): Promise<boolean>;
  /** Ends the hold of refused batches, of all machines or one, so that they are due now. Resolves to their number. */
  release(machine?: string): Promise<number>;
  stats(): Promise<OutboxStats>;
  /**
   * The clock is known to be right, with this `StampClock.origin`: what was stamped by another one in this boot, and not
   * sent yet, is moved; events tell of that, and of what may have been sent. Takes what was appended before it as well.
   */
  repairClock(origin: number): Promise<{ readonly moved: number; readonly told: number }>;
  /** Whether the budget is used up by undelivered data, as far as a policy is concerned: stop pulling. */
  isFull(policy: WhenFull): boolean;
  /** Resolves when there is room for a policy; at once if there is. Rejects when `signal` aborts. */
  room(policy: WhenFull, signal: AbortSignal): Promise<void>;
  /** Changes the retention budget of a running outbox. */
  setBudget(budget: Budget): void;
  /** Called after each commit that stored batches, with the lanes that received some. Returns the unsubscribe. */
  onStored(listener: (lanes: ReadonlySet<Lane>) => void): () => void;
  /**
   * Commits what is under way (one last attempt where the disk refuses: what then fails rejects), checkpoints and ends
   * the thread. Never rejects; takes as long as the disk does, so the caller bounds it. Later calls reject.
   */
  close(): Promise<void>;
}

/**
 * What happens to a machine's data when the budget is used up by undelivered batches: the oldest are replaced by their
 * one-minute rollups, or dropped, each with the record of a gap; or the machine is not read until there is room.
 */
export const WHEN_FULL = ['thin', 'dropOldest', 'pause'] as const;
export type WhenFull = (typeof WHEN_FULL)[number];

/** How much is kept. Delivered batches go first, oldest first. */
export interface Budget {
  readonly maxBytes: number;
  /** Milliseconds a delivered batch is kept at most. */
  readonly maxAge: number;
  /** Bytes that stay free on the disk, whatever `maxBytes` says; default 0. */
  readonly minFreeDisk?: number;
  /** Default `pause`. */
  readonly whenFull?: WhenFull;
  /** Signals that are given up last, as names or patterns; default none. */
  readonly keep?: readonly string[];
  /** Of machines that differ, by their id. */
  readonly machines?: Readonly<Record<string, WhenFull>>;
}

/** The policy for a machine. */
export function whenFullOf({ whenFull = 'pause', machines = {} }: Budget, machine: string): WhenFull {
  return (Object.hasOwn(machines, machine) ? machines[machine] : undefined) ?? whenFull;
}
