import type { Reading } from '../../observation.ts';

/**
 * Observations that are read ahead while the consumer is busy: at 1,000 a second a stall of 20 s costs no poll. They
 * take some 1.5 MB.
 */
export const LOOK_AHEAD_OBSERVATIONS = 20_000;

/** What was polled and not yet pulled. One consumer. */
export class ReadingQueue {
  readonly #readings: Reading[] = [];
  #observations = 0;
  #wake: () => void = () => undefined;

  /** While it is full, polls are skipped. */
  get isFull(): boolean {
    return this.#observations >= LOOK_AHEAD_OBSERVATIONS;
  }

  push(reading: Reading): void {
    this.#readings.push(reading);
    this.#observations += reading.observations.length;
    this.#wake();
  }

  /** The oldest, as soon as there is one. @throws the abort reason */
  async take(signal: AbortSignal): Promise<Reading> {
    for (;;) {
      signal.throwIfAborted();
      const reading = this.#readings.shift();
      if (reading !== undefined) {
        this.#observations -= reading.observations.length;
        return reading;
      }
      await this.#more(signal);
    }
  }

  #more(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => resolve();
    signal.addEventListener('abort', wake, { once: true });
    this.#wake = wake;
    return promise.finally(() => signal.removeEventListener('abort', wake));
  }
}
