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
  /** Batches of all channels that wait at most. */
  readonly maxHeld: number;
}

/** Five seconds: longer than a resend after a lost acknowledgement takes. A thousand batches: 100 MB at the very most. */
export const DEFAULT_ORDER: OrdererOptions = { maxWait: 5000, maxHeld: 1000 };

interface Channel {
  /** The seq whose turn it is. */
  next: number;
  readonly held: Map<number, { batch: WireBatch; since: number }>;
}

/**
 * Puts the batches of each channel in the order of their `seq`, from the first one that is seen: holds back what comes
 * too early, up to a time and a number, then lets it go and takes what was missing as late. Nothing is ever dropped.
 * Takes each batch once (see `Ledger`). Pure.
 */
export class Orderer {
  readonly #options: OrdererOptions;
  readonly #channels = new Map<string, Channel>();
  #held = 0;

  constructor(options: OrdererOptions = DEFAULT_ORDER) {
    this.#options = options;
  }

  /** Batches that wait for one before them. */
  get held(): number {
    return this.#held;
  }

  /** Takes a batch and gives those whose turn it is now. `now` in milliseconds. */
  push(batch: WireBatch, now: number): Released[] {
    const name = channelOf(batch);
    const channel = this.#channels.get(name) ?? { next: batch.seq, held: new Map() };
    this.#channels.set(name, channel);
    if (batch.seq < channel.next) return [{ batch, late: true }];
    channel.held.set(batch.seq, { batch, since: now });
    this.#held += 1;
    const released = this.#advance(channel);
    while (this.#held > this.#options.maxHeld) released.push(...this.#skip(this.#fullest()));
    return released;
  }

  /** What has waited long enough, with all that lies before it. */
  expire(now: number): Released[] {
    if (this.#held === 0) return [];
    const isOver = ({ since }: { since: number }) => now - since >= this.#options.maxWait;
    return this.#release(({ held }) => [...held.values()].some(isOver));
  }

  /** Everything that still waits. */
  flush(): Released[] {
    return this.#release(({ held }) => held.size > 0);
  }

  #release(isDue: (channel: Channel) => boolean): Released[] {
    const released: Released[] = [];
    for (const channel of this.#channels.values()) while (isDue(channel)) released.push(...this.#skip(channel));
    return released;
  }

  /** Gives up on the hole before the lowest batch that waits. */
  #skip(channel: Channel): Released[] {
    channel.next = Math.min(...channel.held.keys());
    return this.#advance(channel);
  }

  /** Releases the run that starts at `next`. */
  #advance(channel: Channel): Released[] {
    const released: Released[] = [];
    for (;;) {
      const entry = channel.held.get(channel.next);
      if (entry === undefined) return released;
      channel.held.delete(channel.next);
      channel.next += 1;
      this.#held -= 1;
      released.push({ batch: entry.batch, late: false });
    }
  }

  #fullest(): Channel {
    return [...this.#channels.values()].reduce((most, channel) =>
      channel.held.size > most.held.size ? channel : most,
    );
  }
}
