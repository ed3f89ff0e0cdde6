import type { Cursor, Value } from '../../observation.ts';
import { isRecord } from './survey.ts';

/**
 * Where reading goes on. A subscription lives in the server, so that another connection, or another process, may take it
 * over: notifications after `sequence` are asked for again.
 */
export interface Position {
  /** Undefined where nothing was subscribed: polled. */
  readonly subscription: number | undefined;
  /** Of the last notification that was yielded; 0 is none yet. */
  readonly sequence: number;
  /** Fingerprint of the items: what the handles in notifications mean. */
  readonly items: string;
  /** Last values of the signals that the state follows from. */
  readonly inputs: { readonly [signal: string]: Value };
  /** When the server started: its ids mean nothing after the next start. */
  readonly startTime: number | null;
  /** When the server was last heard, by our clock, in milliseconds since the epoch: where a gap begins. */
  readonly heard: number;
}

export function toCursor({ subscription, sequence, items, inputs, startTime, heard }: Position): Cursor {
  return { subscription: subscription ?? null, sequence, items, inputs, startTime, heard };
}

/** The position of a cursor; undefined where there is none, or none of this driver. */
export function positionOf(cursor: Cursor | undefined): Position | undefined {
  if (cursor === undefined) return undefined;
  const { subscription, sequence, items, inputs, startTime, heard } = cursor;
  if (typeof sequence !== 'number' || typeof items !== 'string' || typeof heard !== 'number') return undefined;
  return {
    subscription: typeof subscription === 'number' ? subscription : undefined,
    sequence,
    items,
    inputs: isRecord(inputs) ? inputs : {},
    startTime: typeof startTime === 'number' ? startTime : null,
    heard,
  };
}

/** Sequence numbers count 1 … 2^32 - 1 and begin with 1 again (OPC UA Part 4, 7.26). */
const LAST_SEQUENCE = 2 ** 32 - 1;

export function following(sequence: number): number {
  return sequence >= LAST_SEQUENCE ? 1 : sequence + 1;
}

/** Whether `a` comes before `b`, as far as they are less than half the range apart. */
export function isBefore(a: number, b: number): boolean {
  const distance = (b - a + LAST_SEQUENCE) % LAST_SEQUENCE;
  return distance > 0 && distance < LAST_SEQUENCE / 2;
}
