import { Random } from '../mtconnect/random.ts';

/** What can go wrong with the answers of a unit. */
export type ModbusFault = {
  /** Of the requests, 0…1; default all. */
  readonly share?: number;
  /** It heals after so many requests. */
  readonly times?: number;
} & (
  | { readonly kind: 'dead' }
  /** It answers so much later; requests that come meanwhile are not held up, so that answers may come out of turn. */
  | { readonly kind: 'late'; readonly ms: number }
  | { readonly kind: 'exception'; readonly code: number }
  /** RTU: with a damaged checksum. */
  | { readonly kind: 'crc' }
  /** Only the first half of the frame comes. */
  | { readonly kind: 'truncated' }
  /** TCP: with another transaction id. */
  | { readonly kind: 'transaction' }
  /** With another unit id. */
  | { readonly kind: 'unit' }
  /** So many bytes of noise come before it. */
  | { readonly kind: 'garbage'; readonly bytes: number }
  /** The connection is closed after it. */
  | { readonly kind: 'close' }
  /** Its bytes come one by one. */
  | { readonly kind: 'slow'; readonly msPerByte: number }
);

/** The faults that a unit has now. */
export class Faults {
  readonly #random: Random;
  #ordered: { readonly fault: ModbusFault; left: number }[] = [];

  constructor(seed: number) {
    this.#random = new Random(seed);
  }

  /** Replaces whatever was ordered before. */
  order(faults: readonly ModbusFault[]): void {
    this.#ordered = faults.map((fault) => ({ fault, left: fault.times ?? Number.POSITIVE_INFINITY }));
  }

  /** Those that hit the next request. */
  draw(): ModbusFault[] {
    const hit = this.#ordered.filter(({ fault, left }) => left > 0 && this.#random.next() < (fault.share ?? 1));
    for (const one of hit) one.left -= 1;
    return hit.map(({ fault }) => fault);
  }
}
