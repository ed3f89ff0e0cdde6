import process from 'node:process';
import { recordAtOnce } from '../watchdog-record.ts';

/** How often the guard looks. */
const LOOK_MS = 1000;

/** What the outbox's thread needs to watch over the main one. */
export interface Watched {
  /** Counts up, about once a second, while the main thread's event loop turns: one Int32. */
  readonly beat: SharedArrayBuffer;
  /** Milliseconds without a beat after which the process is killed. */
  readonly limit: number;
  readonly dataDir: string;
}

/**
 * Kills the process when the main thread's event loop has stood still for too long: a frozen loop cannot do it itself, and not every
 * service manager does. What is committed is safe. Counts only what it has looked at itself, so that a computer that
 * slept, or a stall of this thread, is no freeze. Ends with the thread.
 */
export function guard({ beat, limit, dataDir }: Watched): void {
  const beats = new Int32Array(beat);
  let [last, missed] = [0, 0];
  setInterval(() => {
    const now = Atomics.load(beats, 0);
    missed = now === last ? missed + LOOK_MS : 0;
    last = now;
    // Before the first beat the gateway is still starting; 0 again: it stops in order.
    if (now === 0 || missed < limit) return;
    try {
      const message = `the event loop has stood still for ${Math.round(missed / 1000)} s`;
      recordAtOnce(dataDir, { t: Date.now(), stage: 'event-loop', message });
    } finally {
      process.kill(process.pid, 'SIGKILL');
    }
  }, LOOK_MS).unref();
}
