import { randomBytes } from 'node:crypto';
import type { Writable } from 'node:stream';
import type { ModbusFault } from './fault.ts';

/** Makes a frame of a response, with what shall be wrong about it. */
export type Frame = (pdu: Buffer, faults: readonly ModbusFault[]) => Buffer;

/** The way back to one client: sends answers with the faults that were ordered for them. */
export class Wire {
  readonly #stream: Writable;
  readonly #timers = new Set<NodeJS.Timeout>();
  /** A bus has one sender: bytes that come one by one are not mixed with those of the next answer. */
  #freeAt = 0;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  answer(pdu: Buffer, faults: readonly ModbusFault[], frame: Frame): void {
    const late = faults.find((fault) => fault.kind === 'late');
    if (late === undefined) this.#send(pdu, faults, frame);
    else this.#after(late.ms, () => this.#send(pdu, faults, frame));
  }

  /** What was to be sent later is not. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }

  #send(pdu: Buffer, faults: readonly ModbusFault[], frame: Frame): void {
    const whole = frame(pdu, faults);
    const noise = faults.find((fault) => fault.kind === 'garbage');
    const isTruncated = faults.some(({ kind }) => kind === 'truncated');
    const bytes = Buffer.concat([
      randomBytes(noise?.bytes ?? 0),
      isTruncated ? whole.subarray(0, Math.ceil(whole.length / 2)) : whole,
    ]);
    const slow = faults.find((fault) => fault.kind === 'slow');
    if (slow === undefined) this.#write(bytes);
    else this.#dribble(bytes, slow.msPerByte);
    if (faults.some(({ kind }) => kind === 'close')) this.#after(this.#freeAt - performance.now(), () => this.#end());
  }

  #dribble(bytes: Buffer, msPerByte: number): void {
    const now = performance.now();
    const begin = Math.max(now, this.#freeAt);
    for (const [index, byte] of bytes.entries()) {
      this.#after(begin - now + index * msPerByte, () => this.#write(Buffer.of(byte)));
    }
    this.#freeAt = begin + bytes.length * msPerByte;
  }

  #write(bytes: Buffer): void {
    if (this.#stream.writable) this.#stream.write(bytes);
  }

  #end(): void {
    this.#stream.end();
  }

  #after(ms: number, act: () => void): void {
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        act();
      },
      Math.max(0, ms),
    );
    this.#timers.add(timer);
  }
}
