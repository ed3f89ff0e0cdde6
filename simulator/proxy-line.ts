import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** Bytes under way in one direction; beyond that the sender is held back, as by a full buffer of a router. */
const HELD_MAX = 64 * 1024;
/** A slow line takes what passes in so many milliseconds at a time. */
const PIECE_MS = 20;

/** A rate in bytes a second, shared by everything that goes in one direction. */
export class Throttle {
  /** `undefined`: no limit. */
  bytesPerSecond: number | undefined;
  #freeAt = 0;

  /** Bytes that may be asked for at once. */
  get piece(): number {
    if (this.bytesPerSecond === undefined) return Number.POSITIVE_INFINITY;
    return Math.max(1, Math.ceil((this.bytesPerSecond * PIECE_MS) / 1000));
  }

  /** Resolves when so many bytes have passed. */
  async pass(bytes: number): Promise<void> {
    if (this.bytesPerSecond === undefined) return;
    const now = performance.now();
    this.#freeAt = Math.max(now, this.#freeAt) + (bytes * 1000) / this.bytesPerSecond;
    await sleep(this.#freeAt - now);
  }
}

export interface LineOptions {
  readonly from: Socket;
  readonly to: Socket;
  readonly throttle: Throttle;
  /** Milliseconds that what comes now is under way. */
  readonly delay: () => number;
  /** Whether what comes now gets lost. */
  readonly isLost: () => boolean;
  /** How many of so many bytes may still pass; with fewer than all of them the connection is cut behind these. */
  readonly allow: (bytes: number) => number;
}

/**
 * One direction of one connection. Bytes arrive in their order, late or slowly. Where some were lost nothing comes
 * after them, the end of the connection included: TCP delivers no stream with a hole.
 */
export class Line {
  readonly #options: LineOptions;
  readonly #queue: { readonly chunk: Buffer; readonly due: number }[] = [];
  #held = 0;
  #isDead = false;
  #isClosed = false;
  #isPumping = false;

  constructor(options: LineOptions) {
    const { from } = options;
    this.#options = options;
    from.on('data', (chunk) => this.#take(chunk));
    from.on('error', () => this.#broken());
    from.on('close', () => this.#closed());
  }

  /** From now on nothing arrives any more. */
  kill(): void {
    this.#isDead = true;
    this.#queue.length = 0;
    this.#options.from.resume();
  }

  #take(chunk: Buffer): void {
    const { from, delay, isLost } = this.#options;
    if (isLost()) this.kill();
    if (this.#isDead) return;
    this.#queue.push({ chunk, due: performance.now() + delay() });
    this.#held += chunk.length;
    if (this.#held > HELD_MAX) from.pause();
    void this.#pump();
  }

  #broken(): void {
    if (!this.#isDead && !this.#options.isLost()) this.#options.to.resetAndDestroy();
  }

  #closed(): void {
    if (this.#options.isLost()) this.kill();
    this.#isClosed = true;
    void this.#pump();
  }

  async #pump(): Promise<void> {
    if (this.#isPumping) return;
    this.#isPumping = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      const wait = next.due - performance.now();
      if (wait > 0) await sleep(wait);
      await this.#deliver(next.chunk);
      this.#held -= next.chunk.length;
      if (this.#held <= HELD_MAX) this.#options.from.resume();
    }
    this.#isPumping = false;
    if (this.#isClosed && !this.#isDead) this.#options.to.destroySoon();
  }

  async #deliver(chunk: Buffer): Promise<void> {
    const { from, to, throttle, allow } = this.#options;
    for (let at = 0; at < chunk.length && !this.#isDead && to.writable; ) {
      const piece = chunk.subarray(at, Math.min(chunk.length, at + throttle.piece));
      await throttle.pass(piece.length);
      if (this.#isDead || !to.writable) return;
      const allowed = allow(piece.length);
      at += piece.length;
      if (allowed < piece.length) {
        this.kill();
        to.end(piece.subarray(0, allowed));
        from.resetAndDestroy();
      } else to.write(piece);
    }
  }
}
