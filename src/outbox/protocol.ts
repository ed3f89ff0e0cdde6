import { Fault, type FaultOf } from '../errors.ts';
import type { Cursor } from '../observation.ts';
import type { Repaired } from './clock-repair.ts';
import type { HistoryRange, MachineState, StoredNotice } from './local.ts';
import type { Append, Budget, Claim, LaneStats, OutboxStats, Recall, StoredBatch } from './outbox.ts';
import type { Recovered } from './recovery.ts';

/** What the main thread asks of the worker, and what it answers. One answer for each request, in their order. */

export interface Hold {
  readonly id: number;
  readonly until: number;
  readonly reason: string;
}

/** What shares one transaction. */
export interface Group {
  readonly appends: readonly Append[];
  readonly settled: readonly number[];
  readonly holds: readonly Hold[];
}

/** When, and within which bounds, a transaction works. */
export interface Terms {
  /** Milliseconds since the epoch, by a clock that is never set back. */
  readonly now: number;
  /** The same by the wall clock, for what is told; default: now. */
  readonly wall?: number;
  readonly budget: Budget;
}

/** How the database stands against its budget. */
export interface Pressure {
  /** The budget is used up by data that nobody has acknowledged, and none of it may be given up. */
  readonly full: boolean;
  /** Nearly all of it is: machines whose data may not be given up have to wait. */
  readonly tight: boolean;
  /** Observations that were given up for want of room. */
  readonly shed: { readonly thinned: number; readonly dropped: number };
  /** There is more to delete or to give back than one transaction should: ask for `tidy` soon. */
  readonly more: boolean;
}

export interface CommitReply {
  /** Whether settled and held batches are durably marked. */
  readonly marked: boolean;
  /** Whether the appends are durable. Either all of a group's are, or none. */
  readonly appended: boolean;
  /** What kept the rest from the disk; such a fault may pass. */
  readonly fault?: FaultInfo;
  /** Left out with a fault. */
  readonly pressure?: Pressure;
}

export interface Calls {
  open: {
    request: { dataDir: string; now: number; machines: readonly string[]; boot: string };
    reply: { stream: string; storedUntil: number } & Omit<Recovered, 'store'>;
  };
  commit: { request: { group: Group; terms: Terms }; reply: CommitReply };
  tidy: { request: { terms: Terms }; reply: Pressure };
  claim: { request: { claim: Claim; now: number }; reply: StoredBatch[] };
  giveBack: { request: { lease: number }; reply: undefined };
  due: { request: { limit: number; now: number }; reply: StoredBatch[] };
  find: { request: { ids: readonly number[]; now: number }; reply: StoredBatch[] };
  boundary: { request: { before: number }; reply: number };
  weigh: { request: { after: number; upTo: number }; reply: Omit<LaneStats, 'oldest'> };
  recall: { request: { recall: Recall; after: number; limit: number; maxBytes: number }; reply: StoredBatch[] };
  split: { request: { id: number; parts: number; terms: Terms }; reply: boolean };
  release: { request: { machine: string | undefined; now: number }; reply: number };
  repairClock: { request: { origin: number; terms: Terms }; reply: Repaired };
  state: { request: { machine: string }; reply: MachineState | undefined };
  idNear: { request: { time: number }; reply: number };
  idBefore: { request: { time: number }; reply: number };
  telemetry: { request: { range: HistoryRange; limit: number; maxBytes: number }; reply: StoredBatch[] };
  noticeChannels: { request: object; reply: string[] };
  notices: { request: { channel: string; limit: number }; reply: StoredNotice[] };
  endNotice: { request: { id: number }; reply: undefined };
  delayNotice: { request: { id: number; until: number }; reply: undefined };
  cursor: { request: { machine: string }; reply: Cursor | undefined };
  stats: { request: { now: number }; reply: Omit<OutboxStats, 'maxBytes'> };
  close: { request: object; reply: undefined };
}

export type Call = keyof Calls;
export type Request = { [C in Call]: { readonly type: C } & Calls[C]['request'] }[Call];
export type RequestOf<C extends Call> = { readonly type: C } & Calls[C]['request'];

export interface Envelope {
  readonly id: number;
  readonly request: Request;
}

export type Answer =
  | { readonly id: number; readonly value: Calls[Call]['reply'] }
  /** `isFinal`: the database is damaged, and no call can help. */
  | { readonly id: number; readonly fault: FaultInfo; readonly isFinal: boolean };

/** A Fault as it crosses threads: a structured clone keeps neither its class nor its fields. */
export interface FaultInfo {
  readonly of: FaultOf;
  readonly message: string;
  readonly hint: string | undefined;
}

export function faultInfo({ of, message, hint }: Fault): FaultInfo {
  return { of, message, hint };
}

export function faultFrom({ of, message, hint }: FaultInfo): Fault {
  return new Fault(of, message, hint === undefined ? {} : { hint });
}
