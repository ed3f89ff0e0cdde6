/** Addresses that are remembered; of more, those that have been quiet longest are forgotten. */
const MAX_ADDRESSES = 1024;

/** `burst` at once, and from then on `perSecond`. */
export interface Rate {
  readonly burst: number;
  readonly perSecond: number;
}

/**
 * How often something may be done, by each address and by all of them together. Times are milliseconds of any steady
 * clock.
 */
export class RateLimit {
  readonly #each: Rate;
  readonly #all: Bucket;
  /** The one that was quiet longest is first. */
  readonly #addresses = new Map<string, Bucket>();

  constructor({ each, all }: { readonly each: Rate; readonly all: Rate }) {
    this.#each = each;
    this.#all = new Bucket(all);
  }

  /** Milliseconds until `address` may; 0: now. */
  wait(address: string, now: number): number {
    return Math.max(this.#addresses.get(address)?.wait(now) ?? 0, this.#all.wait(now));
  }

  /** It was done. */
  take(address: string, now: number): void {
    const bucket = this.#addresses.get(address) ?? new Bucket(this.#each);
    this.#addresses.delete(address);
    this.#addresses.set(address, bucket);
    for (const oldest of this.#addresses.keys()) {
      if (this.#addresses.size <= MAX_ADDRESSES) break;
      this.#addresses.delete(oldest);
    }
    bucket.take(now);
    this.#all.take(now);
  }
}

class Bucket {
  readonly #rate: Rate;
  #tokens: number;
  #at = Number.NEGATIVE_INFINITY;

  constructor(rate: Rate) {
    this.#rate = rate;
    this.#tokens = rate.burst;
  }

  wait(now: number): number {
    const missing = 1 - this.#tokensAt(now);
    return missing <= 0 ? 0 : Math.ceil((missing / this.#rate.perSecond) * 1000);
  }

  take(now: number): void {
    this.#tokens = Math.max(0, this.#tokensAt(now) - 1);
    this.#at = now;
  }

  #tokensAt(now: number): number {
    return Math.min(this.#rate.burst, this.#tokens + ((now - this.#at) / 1000) * this.#rate.perSecond);
  }
}
