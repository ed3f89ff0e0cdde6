import type { Duplex } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../../clock.ts';
import { BadAnswer, LinkDown, NoAnswer } from './errors.ts';
import { expectedBytes, findAnswer, MAX_FRAME_BYTES, rtuFrame } from './rtu-frame.ts';
import type { Answer, Transport } from './transport.ts';

/** Once a damaged answer came, the rest of the timeout is not waited for: only this much silence. */
const DAMAGED_SILENCE_MS = 30;
/** What is kept of bytes that are nobody's. */
const MAX_BUFFER_BYTES = 4 * MAX_FRAME_BYTES;
/** An answer of which nothing is known before it comes. */
const UNKNOWN_ANSWER_BYTES = MAX_FRAME_BYTES;

/** Times of the wire, in milliseconds. Over TCP they are 0: the far end keeps them. */
export interface RtuTiming {
  /** Silence before each request. */
  readonly silence: number;
  /** Time that so many characters take. */
  wire(bytes: number): number;
}

interface Waiting {
  readonly unit: number;
  readonly request: Buffer;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Modbus RTU on an open serial port or socket, which it owns from now on. One request at a time: the caller waits for an
 * answer before it asks on. Each begins after the silence that the standard wants, with nothing left of what came before.
 */
export class RtuTransport implements Transport {
  readonly maxInFlight = 1;
  readonly isAmbiguous = true;
  readonly #stream: Duplex;
  readonly #hangUp: () => void;
  readonly #timing: RtuTiming;
  readonly #clock: Clock;
  #waiting: Waiting | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #damaged: NodeJS.Timeout | undefined;
  #buffer: Buffer = Buffer.alloc(0);
  /** When the wire was last busy, on the monotonic clock. */
  #busyAt = 0;
  #closed: Error | undefined;
  #onClose: (reason: Error) => void = () => undefined;

  /** @param hangUp closes the stream, in the way of its kind; called once */
  constructor(stream: Duplex, hangUp: () => void, timing: RtuTiming, clock: Clock) {
    this.#stream = stream;
    this.#hangUp = hangUp;
    this.#timing = timing;
    this.#clock = clock;
    stream.on('data', (chunk: Buffer) => this.#take(chunk));
    stream.on('error', (error) => this.#end(error));
    stream.on('end', () => this.#end(new Error('the far end closed the link')));
    stream.on('close', () => this.#end(new Error('the link was closed')));
  }

  async exchange(unit: number, pdu: Buffer, timeout: number): Promise<Answer> {
    await this.#silence(timeout);
    if (this.#closed !== undefined) throw new LinkDown(this.#closed.message, this.#closed);
    if (this.#waiting !== undefined) throw new Error('a request is under way already');
    this.#buffer = Buffer.alloc(0);
    const frame = rtuFrame(unit, pdu);
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    this.#waiting = { unit, request: pdu, resolve, reject };
    const onWire = this.#timing.wire(frame.length + (expectedBytes(pdu) ?? UNKNOWN_ANSWER_BYTES));
    this.#deadline = setTimeout(() => this.#fail(new NoAnswer(timeout, this.#buffer.length)), timeout + onWire);
    this.#busyAt = performance.now() + this.#timing.wire(frame.length);
    this.#stream.write(frame);
    return promise;
  }

  onClose(listener: (reason: Error) => void): void {
    this.#onClose = listener;
  }

  close(): void {
    this.#end(new Error('closed'));
  }

  /** Waits until the wire has been quiet long enough, whoever was on it. @throws BadAnswer where it never is */
  async #silence(timeout: number): Promise<void> {
    const begun = performance.now();
    for (;;) {
      const now = performance.now();
      const left = this.#busyAt + this.#timing.silence - now;
      if (left <= 0) return;
      if (now - begun > timeout) throw new BadAnswer('the line is never silent: something else sends on it');
      await sleep(Math.ceil(left));
    }
  }

  #take(chunk: Buffer): void {
    this.#busyAt = performance.now();
    const waiting = this.#waiting;
    // Late, or an echo: the next request begins after it.
    if (waiting === undefined) return;
    this.#buffer = Buffer.concat([this.#buffer, chunk]).subarray(-MAX_BUFFER_BYTES);
    clearTimeout(this.#damaged);
    const found = findAnswer(this.#buffer, waiting.unit, waiting.request);
    if ('pdu' in found) {
      this.#release();
      waiting.resolve({ pdu: found.pdu, t: this.#clock.now() });
    } else if (found.isDamaged) {
      const damaged = () => this.#fail(new BadAnswer(`a damaged answer of ${this.#buffer.length} bytes came`));
      this.#damaged = setTimeout(damaged, this.#timing.silence + DAMAGED_SILENCE_MS);
    }
  }

  #fail(error: Error): void {
    const waiting = this.#waiting;
    this.#release();
    waiting?.reject(error);
  }

  #release(): void {
    this.#waiting = undefined;
    clearTimeout(this.#deadline);
    clearTimeout(this.#damaged);
  }

  #end(reason: Error): void {
    if (this.#closed !== undefined) return;
    this.#closed = reason;
    this.#hangUp();
    this.#fail(new LinkDown(reason.message, reason));
    this.#onClose(reason);
  }
}
