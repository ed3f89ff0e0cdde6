import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setInterval } from 'node:timers/promises';
import { promisify } from 'node:util';

/** Whether the gateway's own clock was known to be right when a batch was made. */
export type ClockQuality = 'synced' | 'unsynced';

/** Wall clock, handed to whatever needs the time. */
export interface Clock {
  /** Whole milliseconds since the Unix epoch. */
  now(): number;
}

export const systemClock: Clock = { now: () => Date.now() };

/** How often the time synchronisation is looked at. */
const SYNC_CHECK_MS = 60_000;
/** systemd-timesyncd makes this file once the clock was set from the network (systemd-timesyncd.service(8)). */
const TIMESYNCD_FLAG = '/run/systemd/timesync/synchronized';

/**
 * Knows whether the system clock is synchronised, as the kernel's own flag says through `timedatectl` (whatever daemon
 * sets it: timesyncd, chrony, ntpd); where there is no systemd, it is not known and counts as `unsynced`.
 */
export class ClockSync {
  #quality: ClockQuality = 'unsynced';

  get quality(): ClockQuality {
    return this.#quality;
  }

  /** Looks once, then once a minute until `signal` aborts. Resolves after the first look; never rejects. */
  async start(signal: AbortSignal): Promise<void> {
    this.#quality = await look();
    void this.#watch(signal);
  }

  async #watch(signal: AbortSignal): Promise<void> {
    try {
      for await (const _ of setInterval(SYNC_CHECK_MS, undefined, { signal, ref: false })) this.#quality = await look();
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}

async function look(): Promise<ClockQuality> {
  if (existsSync(TIMESYNCD_FLAG)) return 'synced';
  try {
    const { stdout } = await promisify(execFile)('timedatectl', ['show', '--property=NTPSynchronized', '--value'], {
      timeout: 2000,
    });
    return stdout.trim() === 'yes' ? 'synced' : 'unsynced';
  } catch {
    // No timedatectl, or no bus to ask: unknown counts as unsynced.
    return 'unsynced';
  }
}
