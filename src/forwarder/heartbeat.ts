import { setTimeout as sleep } from 'node:timers/promises';
import type { HeartbeatFigures } from '../wire/contract.ts';
import type { Delivery } from './delivery.ts';
import type { Link } from './mqtt.ts';
import type { Uplink } from './uplink.ts';

/** What a heartbeat needs of the gateway. */
export interface HeartbeatOptions {
  /** Milliseconds between two; asked before each. */
  readonly every: () => number;
  /** What it tells. Where that fails, the heartbeat goes out without: the gateway lives all the same. */
  readonly figures: () => Promise<HeartbeatFigures>;
}

/**
 * Sends the retained status again and again over one link, until `signal` aborts. A place in the broker's
 * Receive Maximum is taken as for a batch; one heartbeat at most is under way, and none is made up for later: the next
 * has newer figures. Never rejects.
 */
export async function sendHeartbeats(
  { every, figures }: HeartbeatOptions,
  { uplink, link, delivery }: { readonly uplink: Uplink; readonly link: Link; readonly delivery: Delivery },
  failed: (error: unknown) => void,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await sleep(every(), undefined, { ref: false, signal }).catch(() => undefined);
    if (signal.aborted) return;
    if (!uplink.mayBeat(link)) continue;
    let told: HeartbeatFigures = {};
    try {
      told = await figures();
    } catch (error) {
      failed(error);
    }
    if (!signal.aborted) delivery.publishBeside(() => uplink.beat(link, told));
  }
}
