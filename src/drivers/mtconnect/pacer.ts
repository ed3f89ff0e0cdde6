import { setTimeout as sleep } from 'node:timers/promises';

/** The second time that reading has to begin elsewhere waits this long, each further one twice as long. */
const MIN_PAUSE_MS = 250;
const MAX_PAUSE_MS = 5000;
/** After this much quiet the next time is the first one again. */
const CALM_MS = 60_000;

/**
 * Keeps a broken agent from being asked ever and ever again: one whose instanceId, model time or sequence numbers jump
 * to and fro makes reading begin elsewhere with each answer. A single restart does not wait.
 */
export class Pacer {
  #pause = 0;
  #last = Number.NEGATIVE_INFINITY;

  /** Resolves when reading may begin elsewhere. @throws the abort reason */
  async hold(signal: AbortSignal): Promise<void> {
    const isCalm = performance.now() - this.#last > CALM_MS;
    this.#pause = isCalm ? 0 : Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, 2 * this.#pause));
    if (this.#pause > 0) await sleep(this.#pause, undefined, { signal });
    this.#last = performance.now();
  }
}
