import type { Cursor } from '../../observation.ts';
import type { StreamsHeader } from './document.ts';

/** Where reading goes on: the durable form is a `Cursor` with the same keys. */
export interface Position {
  readonly instanceId: string;
  /** The header's nextSequence of the last document that was read to its end. */
  readonly next: number;
  /** uuid or name of the device that it belongs to. */
  readonly device: string;
  /** Of the last observation, in milliseconds since the epoch: where a gap begins. */
  readonly lastTime: number | null;
}

export function toCursor({ instanceId, next, device, lastTime }: Position): Cursor {
  return { instanceId, next, device, lastTime };
}

/** The position of a cursor; undefined where there is none, or none of this device. */
export function positionOf(cursor: Cursor | undefined, device: string): Position | undefined {
  if (cursor === undefined || cursor['device'] !== device) return undefined;
  const { instanceId, next, lastTime } = cursor;
  if (typeof instanceId !== 'string' || typeof next !== 'number' || !Number.isSafeInteger(next)) return undefined;
  return { instanceId, next, device, lastTime: typeof lastTime === 'number' ? lastTime : null };
}

/**
 * - `inside`: the agent still has what comes next
 * - `overrun`: its buffer has rolled over it
 * - `restart`: it counts anew. It says so by another instanceId; a sequence that it has not reached yet says the same.
 */
export type Place = 'inside' | 'overrun' | 'restart';

export function place({ instanceId, next }: Position, header: StreamsHeader): Place {
  if (instanceId !== header.instanceId) return 'restart';
  // Some agents leave nextSequence at 0 in a `current`; what follows the last one is next as well.
  if (next > Math.max(header.nextSequence, header.lastSequence + 1)) return 'restart';
  return next < header.firstSequence ? 'overrun' : 'inside';
}
