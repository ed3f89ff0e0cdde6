import type { Value } from '../observation.ts';
import type { Outbox, StoredBatch } from './outbox.ts';

/** Stream of what is kept as history and never sent. */
export const LOCAL_STREAM = 'local';

/** What a machine's engines knew, and when: everything up to the batch `after` is in it. */
export interface MachineState {
  readonly state: Value;
  readonly after: number;
  /** When it was committed, by the steady clock. */
  readonly savedAt: number;
}

/** A range of batches. */
export interface HistoryRange {
  /** Default: all machines. */
  readonly machine?: string | undefined;
  readonly after: number;
  /** Default: no end. */
  readonly upTo?: number;
}

/** What the gateway itself remembers by the outbox. Its calls reject like those of `Outbox`. */
export interface LocalHistory {
  /** What was last appended as the state of a machine's engines; durable. */
  state(machine: string): Promise<MachineState | undefined>;
  /** Id of the newest batch that was committed before a time of the steady clock; 0 when there is none. */
  idBefore(time: number): Promise<number>;
  /** About the same, at once however long ago that was; what was salvaged since may make it wrong. */
  idNear(time: number): Promise<number>;
  /** Telemetry of one machine or all, sent or not, with `after < id <= upTo`, oldest first. */
  telemetry(range: HistoryRange, limit: number, maxBytes: number): Promise<StoredBatch[]>;
}

/** Something to tell people by a channel. */
export interface NewNotice {
  /** Id of the channel. */
  readonly channel: string;
  /** JSON text, which only the channels read. */
  readonly body: string;
}

/** A notice that waits. Times are milliseconds since the epoch, by the outbox's steady clock. */
export interface StoredNotice extends NewNotice {
  readonly id: number;
  readonly createdAt: number;
  readonly dueAt: number;
  readonly tries: number;
}

/** What is to be told to people: appended with the batch that it is about, durable until it is told. */
export interface NoticeQueue {
  /** Channels for which notices wait. */
  noticeChannels(): Promise<string[]>;
  /** Notices of a channel that wait, in the order in which they are due. */
  notices(channel: string, limit: number): Promise<StoredNotice[]>;
  /** It was told, or is given up. */
  endNotice(id: number): Promise<void>;
  /** It could not be told: it is due again at a time of the steady clock. */
  delayNotice(id: number, until: number): Promise<void>;
}

/** How the outbox itself is. */
export interface OutboxHealth {
  /** Milliseconds without any answer of its thread since the oldest question was asked that waits for one; null: none waits. */
  readonly unanswered: number | null;
  /** Whether the disk refuses what is to be committed. */
  readonly isRefused: boolean;
}

/** The outbox as its own gateway has it. */
export type LocalOutbox = Outbox & LocalHistory & NoticeQueue & OutboxHealth;
