/**
 * The only currency of the gateway: what a driver yields, the pipeline maps and the outbox keeps.
 */

/** OPC UA Part 8 vocabulary: `uncertain` is usable but doubtful, `bad` carries no usable value. */
export type Quality = 'good' | 'uncertain' | 'bad';

/** Any JSON value. Numbers are finite; what has no value is `null` with quality `bad`, never 0 and never NaN. */
export type Value = number | string | boolean | null | readonly Value[] | { readonly [key: string]: Value };

/** One timestamped value of a signal. */
export interface Observation {
  /** Name of the signal, unique within its machine. */
  readonly signal: string;
  /** Whole milliseconds since the Unix epoch, UTC, as the source stamped it. */
  readonly t: number;
  /** Nanoseconds within that millisecond, 0…999,999: a double holds no more than the microseconds of today's date. */
  readonly ns: number;
  readonly v: Value;
  readonly q: Quality;
}

/**
 * A driver's durable resume position: JSON that only its driver reads, handed back unchanged after a restart.
 * Everything up to it has been yielded.
 */
export type Cursor = { readonly [key: string]: Value };

/** What is known of a signal beside its values. */
export interface SignalInfo {
  /** Unit of the values as they are sent, in the words of the wire contract, e.g. `rev/min`. */
  readonly unit?: string;
  /** What the machine calls it, e.g. the id or the node it was read from. */
  readonly source?: string;
  /** The protocol's own type, e.g. `ROTARY_VELOCITY ACTUAL`. */
  readonly type?: string;
}

/** Why something was lost: the one list, which the wire contract takes over. */
export const GAP_CAUSES = [
  /** The machine's own buffer rolled over before it was read. */
  'agent-overrun',
  /** What an agent held when it restarted. */
  'agent-restart',
  /** It came, and no part of it could be understood. */
  'unreadable',
  /** A server's queue for a signal was too short for its rate (OPC UA overflow bit). */
  'queue-overflow',
  /** The link was down, and what is behind it keeps nothing, or did not keep it. */
  'link-down',
  /** Polls that came due while the one before was still under way. */
  'poll-skipped',
  /** Thinned or dropped by the gateway, whose room for undelivered batches was used up. */
  'budget',
  /** Nothing is lost: a batch that was too large for the broker came again as smaller ones. */
  'split',
  /** In a damaged database that was set aside, and could not be salvaged from it. */
  'quarantine',
] as const;
export type GapCause = (typeof GAP_CAUSES)[number];

/** A run of batches of one machine: `first` to `last`, both included. */
export interface BatchRun {
  readonly kind: string;
  readonly stream: string;
  readonly first: number;
  readonly last: number;
}

/** A known loss. Times are whole milliseconds since the epoch; what was lost lies after `from` and before `to`. */
export interface Gap {
  readonly type: 'gap';
  readonly t: number;
  readonly cause: GapCause;
  readonly from: number | null;
  readonly to: number;
  /** Observations lost: exact, at most that many (`exact: false`), or unknown (`null`). */
  readonly count: number | null;
  readonly exact: boolean;
  /** The protocol's own bounds, e.g. `{ fromSequence, toSequence, instanceId }`. */
  readonly detail?: { readonly [key: string]: Value };
  /** The batches that were lost, where they had a seq already: without it they would count as missing. */
  readonly batches?: BatchRun;
}

/** The driver's way of reading changed. */
export interface DriverState {
  readonly type: 'driver';
  readonly t: number;
  readonly state: 'streaming' | 'polling' | 'failed' | 'stopped';
  readonly message?: string;
}

/** Whether a machine whose driver says so is read. */
export function isRead(link: string): boolean {
  return link === 'streaming' || link === 'polling';
}

/** What the machine is, told whenever the driver has (re)read its model. */
export interface MachineModel {
  readonly type: 'machine';
  readonly t: number;
  /** Name, uuid, manufacturer, serial number … as far as the machine tells them. */
  readonly model: { readonly [key: string]: Value };
  readonly signals: { readonly [signal: string]: SignalInfo };
  /** As the config has them; added by the pipeline. */
  readonly labels?: { readonly [name: string]: string };
}

/** Something that a person should know; what it lost is told by gaps. `code` is stable, `message` is for people. */
export interface Notice {
  readonly type: 'notice';
  readonly t: number;
  readonly code: string;
  readonly message: string;
  /** Its figures. */
  readonly detail?: { readonly [key: string]: Value };
}

/** The gateway's clock was set, or is known to be right at last. What its machines stamp themselves is not concerned. */
export interface ClockEvent {
  readonly type: 'clock';
  readonly t: number;
  /** Milliseconds that it was set forward (negative: back). */
  readonly offset: number;
  /** Batches that were stamped by the clock as it was before. Left out: it was set just now. */
  readonly batches?: BatchRun;
  /** Whether their times were moved by `offset` before they were sent. False: who has them adds it to their times. */
  readonly repaired?: boolean;
}

/** What is sent beside values, on the machine's `event` topic. `t` is when, in whole milliseconds since the epoch. */
export type MachineEvent = Gap | DriverState | MachineModel | Notice | ClockEvent;

/** What a driver yields at once. Observations are in the order in which the machine reported them. */
export interface Reading {
  readonly observations: readonly Observation[];
  readonly events?: readonly MachineEvent[];
  /** Where to resume once this reading is durable. Left out: the last one stays. */
  readonly cursor?: Cursor;
  /**
   * `StampClock.origin` of the gateway's clock, where all times in here are the gateway's own: they are corrected when
   * that clock turns out to have been wrong. Left out: they are the machine's.
   */
  readonly origin?: number;
}
