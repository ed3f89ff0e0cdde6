import type { StreamsHeader } from './document.ts';

/** The buffer is asked for this many times while it fills once. */
const READS_PER_FILL = 3;
/** Asking more often than this would only burden the agent. */
const MIN_PERIOD_MS = 100;
/** Rates over a shorter time are noise. */
const MIN_SPAN_MS = 200;
/** Until the rate is known, this is as long as a small buffer of a busy agent can be trusted. */
const LEARNING_MS = 250;
/** How much of a lower rate is believed at once; a higher one is believed fully. */
const DECAY = 0.2;

/** Foretells, from the rate at which an agent's sequence numbers grow, how soon its buffer rolls over. Pure. */
export class BufferForecast {
  #last: { readonly sequence: number; readonly at: number } | undefined;
  #rate: number | undefined;
  #bufferSize: number | undefined;

  /** Takes a header that arrived at `at` milliseconds of a steady clock. */
  note({ lastSequence, bufferSize }: Pick<StreamsHeader, 'lastSequence' | 'bufferSize'>, at: number): void {
    this.#bufferSize = bufferSize;
    if (this.#last === undefined || lastSequence < this.#last.sequence) {
      this.#last = { sequence: lastSequence, at };
      return;
    }
    const span = at - this.#last.at;
    if (span < MIN_SPAN_MS) return;
    const rate = ((lastSequence - this.#last.sequence) * 1000) / span;
    this.#rate = this.#rate === undefined || rate > this.#rate ? rate : this.#rate + (rate - this.#rate) * DECAY;
    this.#last = { sequence: lastSequence, at };
  }

  /** Observations a second over the whole agent; undefined until it is known. */
  get rate(): number | undefined {
    return this.#rate;
  }

  /** Observations that the agent keeps; undefined until it has said so. */
  get bufferSize(): number | undefined {
    return this.#bufferSize;
  }

  /** Milliseconds in which an empty buffer fills; infinite while unknown. */
  get fillTime(): number {
    if (this.#bufferSize === undefined || this.#rate === undefined) return Number.POSITIVE_INFINITY;
    return (this.#bufferSize * 1000) / this.#rate;
  }

  /** Milliseconds between two requests: what is wanted, or as much less as the buffer demands. */
  period(wanted: number): number {
    const due = this.#rate === undefined ? LEARNING_MS : this.fillTime / READS_PER_FILL;
    return Math.min(wanted, Math.max(MIN_PERIOD_MS, due));
  }

  /** Even the shortest period cannot be relied on to come before the buffer rolls over. */
  isAtRisk(roundTrip: number): boolean {
    return this.fillTime / READS_PER_FILL < Math.max(MIN_PERIOD_MS, roundTrip);
  }

  /** What to tell a person. */
  describe(): string {
    const rate = Math.round(this.#rate ?? 0);
    return `the agent keeps ${this.#bufferSize} observations and makes ${rate} a second: its buffer rolls over in ${(this.fillTime / 1000).toFixed(1)} s`;
  }
}
