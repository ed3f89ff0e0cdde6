import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setInterval } from 'node:timers/promises';
import { promisify } from 'node:util';
import type { ClockQuality } from './clock.ts';

/** How often the time synchronisation is looked at. */
const SYNC_CHECK_MS = 60_000;
/** systemd-timesyncd makes this file once the clock was set from the network (systemd-timesyncd.service(8)). */
const TIMESYNCD_FLAG = '/run/systemd/timesync/synchronized';

/**
 * Knows whether the system clock is synchronised, as the kernel's own flag says through `timedatectl` (whatever daemon
 * sets it: timesyncd, chrony, ntpd); where there is no systemd, it is not known and counts as `unsynced`.
 */
export class ClockSync {
  readonly #looked: (quality: ClockQuality) => void;
  #quality: ClockQuality = 'unsynced';

  /** `looked` is called after each look but the first. */
  constructor(looked: (quality: ClockQuality) => void = () => undefined) {
    this.#looked = looked;
  }

  get quality(): ClockQuality {
    return this.#quality;
  }

  /** Looks once, then once a minute until `signal` aborts. Resolves after the first look; never rejects. */
  async start(signal: AbortSignal): Promise<void> {
    this.#quality = await look();
    void this.#watch(signal);
  }

  /** Looks now. Never rejects. */
  async look(): Promise<void> {
    this.#quality = await look();
    this.#looked(this.#quality);
  }

  async #watch(signal: AbortSignal): Promise<void> {
    try {
      for await (const _ of setInterval(SYNC_CHECK_MS, undefined, { signal, ref: false })) await this.look();
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
