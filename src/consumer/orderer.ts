import { channelOf } from '../wire/codec.ts';
import type { WireBatch } from '../wire/contract.ts';

/** A batch in its turn. `late`: a later one of its channel was released before it. */
export interface Released {
  readonly batch: WireBatch;
  readonly late: boolean;
}

export interface OrdererOptions {
  /** Milliseconds that a batch waits for those before it. */
  readonly maxWait: number;
  /** Batches of a channel that wait at most. */
  readonly maxHeld: number;
}

/** Longer than a resend after a lost acknowledgement takes. */
export const DEFAULT_ORDER: OrdererOptions = { maxWait: 5000, maxHeld: 1000 };

interface Channel {
  next: number;
  readonly held: Map<number, { batch: WireBatch; since: number }>;
}

/**
 * Puts the batches of each channel in the order of their `seq`: holds back what comes too early, up to a time and a
 * number, then lets it go and takes what was missing as late. Takes each batch once (see `Ledger`). Pure.
 */
export class Orderer {
  readonly #options: OrdererOptions;
  readonly #channels = new Map<string, Channel>();

  constructor(options: OrdererOptions = DEFAULT_ORDER) {
    this.#options = options;
  }

  /** Takes a batch and gives those whose turn it is now. `now` in milliseconds. */
  push(batch: WireBatch, now: number): Released[] {
    const name = channelOf(batch);
    const channel = this.#channels.get(name) ?? { next: batch.seq, held: new Map() };
    this.#channels.set(name, channel);
    if (batch.seq < channel.next) return [{ batch, late: true }];
    channel.held.set(batch.seq, { batch, since: now });
    const released = advance(channel);
    while (channel.held.size > this.#options.maxHeld) released.push(...skip(channel));
    return released;
  }

  /** What has waited long enough. */
  expire(now: number): Released[] {
    return [...this.#channels.values()].flatMap((channel) => {
      const released: Released[] = [];
      while ([...channel.held.values()].some(({ since }) => now - since >= this.#options.maxWait)) {
        released.push(...skip(channel));
      }
      return released;
    });
  }

  /** Everything that still waits. */
  flush(): Released[] {
    return [...this.#channels.values()].flatMap((channel) => {
      const released: Released[] = [];
      while (channel.held.size > 0) released.push(...skip(channel));
      return released;
    });
  }
}

/** Releases the run that starts at `next`. */
function advance(channel: Channel): Released[] {
  const released: Released[] = [];
  for (;;) {
    const entry = channel.held.get(channel.next);
    if (entry === undefined) return released;
    channel.held.delete(channel.next);
    channel.next += 1;
    released.push({ batch: entry.batch, late: false });
  }
}

/** Gives up on the hole before the lowest batch that waits. */
function skip(channel: Channel): Released[] {
  channel.next = Math.min(...channel.held.keys());
  return advance(channel);
}
