import { setTimeout as sleep } from 'node:timers/promises';
import { systemClock } from '../../../clock.ts';
import { openTransport } from '../connect.ts';
import { LinkDown, ModbusException, NoAnswer } from '../errors.ts';
import { checkFunction, readData, readRequest } from '../pdu.ts';
import type { Span } from '../plan.ts';
import type { Transport } from '../transport.ts';
import type { LinkAddress } from '../url.ts';

/** A device that needs more time (05, 06) is asked again so often, after a pause that grows by itself. */
const BUSY_ATTEMPTS = 3;
const BUSY_PAUSE_MS = 100;
/** So often a question is asked when the link breaks each time, after a pause that doubles. */
const REOPEN_ATTEMPTS = 5;
const REOPEN_PAUSE_MS = 10;

/**
 * One link for as long as a probe lasts: opened by the first question, and again where it broke. One question at a time.
 * Everything that asks throws the abort reason once `signal` has aborted.
 */
export class Session {
  readonly #link: LinkAddress;
  readonly #signal: AbortSignal;
  readonly #abort = () => this.close();
  #transport: Transport | undefined;
  #hasAnswered = false;
  #requests = 0;
  /** The unit that may still answer late, and until when, where its answer could be taken for the next. */
  #resting: { readonly unit: number; readonly until: number } | undefined;

  constructor(link: LinkAddress, signal: AbortSignal) {
    this.#link = link;
    this.#signal = signal;
    signal.addEventListener('abort', this.#abort, { once: true });
  }

  /** Questions asked so far. */
  get requests(): number {
    return this.#requests;
  }

  [Symbol.dispose](): void {
    this.#signal.removeEventListener('abort', this.#abort);
    this.close();
  }

  /** The next question opens the link again. */
  close(): void {
    this.#transport?.close();
  }

  /**
   * The answer's PDU. A device that hangs up after each answer is connected to anew.
   * @throws ModbusException, NoAnswer, BadAnswer, LinkDown; Fault of the machine where the link cannot be opened
   */
  async ask(unit: number, pdu: Buffer, timeout: number): Promise<Buffer> {
    for (let busy = 1; ; busy++) {
      try {
        const answer = await this.#askAgain(unit, pdu, timeout);
        checkFunction(pdu[0] as number, answer);
        return answer;
      } catch (error) {
        this.#signal.throwIfAborted();
        const mayRetry = error instanceof ModbusException && error.isBusy && busy < BUSY_ATTEMPTS;
        if (!mayRetry) throw error;
        await sleep(BUSY_PAUSE_MS * busy, undefined, { signal: this.#signal });
      }
    }
  }

  /** The data bytes of a span. @throws like `ask` */
  async read(unit: number, span: Span, timeout: number): Promise<Buffer> {
    return readData(span, await this.ask(unit, readRequest(span), timeout));
  }

  /** A device that answered before and hung up since says nothing by that; it may need a moment to take the next client. */
  async #askAgain(unit: number, pdu: Buffer, timeout: number): Promise<Buffer> {
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await this.#exchange(unit, pdu, timeout);
        this.#hasAnswered = true;
        return answer;
      } catch (error) {
        this.#signal.throwIfAborted();
        if (!(error instanceof LinkDown) || !this.#hasAnswered || attempt >= REOPEN_ATTEMPTS) throw error;
        await sleep(REOPEN_PAUSE_MS * 2 ** attempt, undefined, { signal: this.#signal });
      }
    }
  }

  async #exchange(unit: number, pdu: Buffer, timeout: number): Promise<Buffer> {
    this.#signal.throwIfAborted();
    const transport = this.#transport ?? (await this.#open());
    if (this.#resting?.unit === unit) {
      await sleep(Math.max(0, this.#resting.until - performance.now()), undefined, { signal: this.#signal });
    }
    this.#requests += 1;
    try {
      return (await transport.exchange(unit, pdu, timeout)).pdu;
    } catch (error) {
      if (error instanceof NoAnswer && transport.isAmbiguous)
        this.#resting = { unit, until: performance.now() + timeout };
      throw error;
    }
  }

  async #open(): Promise<Transport> {
    const transport = await openTransport(this.#link, systemClock, this.#signal);
    this.#transport = transport;
    transport.onClose(() => {
      this.#transport = undefined;
    });
    if (this.#signal.aborted) transport.close();
    return transport;
  }
}
