import { setTimeout as sleep } from 'node:timers/promises';
import { BadAnswer, LinkDown, ModbusException } from './errors.ts';
import type { LinkClient } from './link.ts';
import { readData, readRequest } from './pdu.ts';
import type { Span } from './plan.ts';
import type { Statistics } from './statistics.ts';

/** A device that needs more time (05, 06) is asked again so often within a poll, each time after a longer pause. */
const BUSY_ATTEMPTS = 3;
const BUSY_PAUSE_MS = 100;

/** What became of a question. */
export type Outcome =
  /** The data bytes, and when they arrived, in milliseconds since the epoch. */
  | { readonly kind: 'data'; readonly data: Buffer; readonly t: number }
  /** The device is there and will not. */
  | { readonly kind: 'refused'; readonly error: ModbusException }
  /** The unit does not answer, or not in a way that can be understood. */
  | { readonly kind: 'silent'; readonly error: Error }
  /** There is no link to ask over. */
  | { readonly kind: 'down'; readonly error: LinkDown };

export interface AskerOptions {
  readonly client: LinkClient;
  /** Milliseconds. */
  readonly timeout: number;
  readonly retries: number;
  readonly statistics: Statistics;
  /** Something came that is no answer. */
  readonly damaged?: () => void;
}

/** Asks one unit, and keeps its breaker informed. Rejects only with the abort reason. */
export class Asker {
  readonly #options: AskerOptions;
  readonly #signal: AbortSignal;

  constructor(options: AskerOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
  }

  /** A read as a poll does it, with further attempts where they may help and the breaker lets them. */
  async read(span: Span): Promise<Outcome> {
    const { client, timeout, retries } = this.#options;
    let failures = 0;
    for (let busy = 1; ; ) {
      const outcome = await this.#ask(span, timeout);
      if (outcome.kind === 'refused' && outcome.error.isBusy && busy < BUSY_ATTEMPTS) {
        await sleep(BUSY_PAUSE_MS * busy, undefined, { signal: this.#signal });
        busy += 1;
        continue;
      }
      if (outcome.kind === 'data' || outcome.kind === 'refused') return outcome;
      failures += 1;
      if (failures > retries || client.breaker.state !== 'closed') return outcome;
    }
  }

  /** One attempt with a short patience, for a unit that has not answered for some time. */
  probe(span: Span): Promise<Outcome> {
    return this.#ask(span, this.#options.client.breaker.probeTimeout(this.#options.timeout));
  }

  async #ask(span: Span, timeout: number): Promise<Outcome> {
    const { client, statistics } = this.#options;
    try {
      const { pdu, t, roundTrip } = await client.request(readRequest(span), timeout);
      statistics.roundTrips.add(roundTrip);
      const data = readData(span, pdu);
      client.breaker.succeeded(roundTrip);
      return { kind: 'data', data, t };
    } catch (error) {
      // The breaker outlives this asker: another machine on the unit must not wait for its outcome.
      if (this.#signal.aborted) client.breaker.cancelled();
      this.#signal.throwIfAborted();
      return this.#judge(error as Error, timeout);
    }
  }

  #judge(error: Error, timeout: number): Outcome {
    const { breaker, isAlone } = this.#options.client;
    if (error instanceof LinkDown) {
      breaker.cancelled();
      return { kind: 'down', error };
    }
    if (error instanceof ModbusException && !error.isOfGateway) {
      breaker.succeeded(0);
      return { kind: 'refused', error };
    }
    if (error instanceof BadAnswer) this.#options.damaged?.();
    // Where it keeps nobody waiting, nothing but its own pace holds the next probe back.
    breaker.failed(performance.now(), isAlone ? 0 : timeout);
    return { kind: 'silent', error };
  }
}
