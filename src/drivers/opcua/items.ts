import { createHash } from 'node:crypto';
import type { NodeId } from 'node-opcua-client';
import type { FolderSettings, ItemSettings, OpcuaSettings, SignalSettings } from './settings.ts';

/** A queue has room for this many times what comes in between, as intervals are not exact. */
const QUEUE_MARGIN = 2;
const MIN_QUEUE = 2;
const MAX_QUEUE = 10_000;

/** How a value is watched: times in milliseconds. */
export interface Watch {
  readonly samplingInterval: number;
  readonly queueSize: number;
  readonly discardOldest: boolean;
  readonly deadband: ItemSettings['deadband'];
}

/** A signal and the node that it is read from. */
export interface Item {
  readonly signal: string;
  /** The node as the config or the server names it. */
  readonly source: string;
  /** Undefined: not found, and `problem` says why. */
  readonly nodeId: NodeId | undefined;
  readonly problem?: string;
  readonly unit?: string | undefined;
  readonly scale?: number | undefined;
  readonly offset?: number | undefined;
  readonly watch: Watch;
}

/** How an item is watched by its own settings, its machine's, and the defaults. */
export function watchOf(own: SignalSettings | FolderSettings, machine: OpcuaSettings): Watch {
  const samplingInterval = own.samplingInterval ?? machine.samplingInterval;
  return {
    samplingInterval,
    queueSize: own.queueSize ?? machine.queueSize ?? queueSize(samplingInterval, machine),
    discardOldest: own.discardOldest ?? machine.discardOldest,
    deadband: own.deadband ?? machine.deadband,
  };
}

/**
 * Enough for what is sampled between two publishings, with a margin, and during an outage. An interval of 0 is as fast as
 * the server can, which nobody knows: it is taken for the tenth of a publishing interval.
 */
function queueSize(samplingInterval: number, { publishingInterval, outage }: OpcuaSettings): number {
  const sampling = samplingInterval || publishingInterval / 10;
  const needed = Math.max((QUEUE_MARGIN * publishingInterval) / sampling, outage / sampling);
  return Math.min(MAX_QUEUE, Math.max(MIN_QUEUE, Math.ceil(needed)));
}

/** Tells whether a subscription that was made for some items is still the right one: handles are places in this list. */
export function fingerprint(items: readonly Item[], { publishingInterval }: OpcuaSettings): string {
  const hash = createHash('sha256').update(String(publishingInterval));
  for (const { signal, nodeId, scale, offset, watch } of items) {
    hash.update(JSON.stringify([signal, nodeId?.toString(), scale, offset, watch]));
  }
  return hash.digest('base64url').slice(0, 22);
}
