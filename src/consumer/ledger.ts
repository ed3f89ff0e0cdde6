import { batchKey, channelOf } from '../wire/codec.ts';
import type { WireBatch } from '../wire/contract.ts';
import { type Range, SeqRanges } from './seq-ranges.ts';

/** Batches whose content is remembered, to tell a duplicate from a conflict. */
const REMEMBERED = 10_000;

/** `conflict`: the key was seen with other content, which contract v1 forbids. */
export type Verdict = 'new' | 'duplicate' | 'conflict';

/** The books of one (tenant, gateway, machine, kind, stream). */
export interface ChannelReport {
  /** `tenant/gateway/machine/kind/stream` */
  readonly channel: string;
  readonly first: number;
  readonly last: number;
  readonly received: number;
  readonly missing: readonly Range[];
}

/**
 * Counts batches by their key, in whatever order they come: drops duplicates and names what is missing. Pure; its
 * memory grows with channels and holes, not with batches.
 */
export class Ledger {
  readonly #channels = new Map<string, { seqs: SeqRanges; received: number }>();
  /** Key → digest of the latest batches, oldest first. */
  readonly #digests = new Map<string, string>();

  /** Enters a batch. `digest` is any hash of its content. */
  enter(batch: WireBatch, digest: string): Verdict {
    const name = channelOf(batch);
    const channel = this.#channels.get(name) ?? { seqs: new SeqRanges(), received: 0 };
    this.#channels.set(name, channel);
    const key = batchKey(batch);
    if (!channel.seqs.add(batch.seq)) {
      const known = this.#digests.get(key);
      return known === undefined || known === digest ? 'duplicate' : 'conflict';
    }
    channel.received += 1;
    this.#digests.set(key, digest);
    if (this.#digests.size > REMEMBERED) this.#digests.delete(this.#digests.keys().next().value as string);
    return 'new';
  }

  /**
   * The books so far. Missing is what lies between the first and the last seq that were seen; with `fromStart` also
   * what lies before the first, down to 1. What comes behind the last cannot be known.
   */
  report(fromStart = false): ChannelReport[] {
    return [...this.#channels].map(([channel, { seqs, received }]) => ({
      channel,
      first: seqs.first ?? 0,
      last: seqs.last ?? 0,
      received,
      missing: seqs.holes(fromStart ? 1 : undefined),
    }));
  }
}

/** How many numbers there are in ranges. */
export function countOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}
