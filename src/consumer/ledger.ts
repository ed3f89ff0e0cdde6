import { hash } from 'node:crypto';
import { batchKey, channelOf } from '../wire/codec.ts';
import { type Kind, PAYLOAD_KEY, type WireBatch } from '../wire/contract.ts';
import { type Range, SeqRanges } from './seq-ranges.ts';

/** Batches whose content is remembered, to tell a duplicate from a conflict: about 2 MB. */
const REMEMBERED = 10_000;

/** `conflict`: the key was seen with other content, which the contract forbids. */
export type Verdict = 'new' | 'duplicate' | 'conflict';

/** The books of one numbering. */
export interface ChannelReport {
  /** `tenant/gateway/machine/kind/stream` */
  readonly channel: string;
  readonly machine: string;
  readonly kind: Kind;
  readonly first: number;
  readonly last: number;
  /** Batches with different seq. */
  readonly received: number;
  /** Runs of seq that were not received, ascending. */
  readonly missing: readonly Range[];
}

interface Channel {
  readonly machine: string;
  readonly kind: Kind;
  readonly seqs: SeqRanges;
}

/**
 * Counts batches by their key, in whatever order they come: tells duplicates and names what is missing. Pure; its
 * memory grows with channels and holes, not with batches.
 */
export class Ledger {
  readonly #channels = new Map<string, Channel>();
  readonly #remembered: number;
  /** Key → digest of the content of the latest batches, oldest first. */
  readonly #digests = new Map<string, string>();

  constructor(remembered = REMEMBERED) {
    this.#remembered = remembered;
  }

  /** Enters a batch. A conflict can be told only for the latest batches; what is older counts as a duplicate. */
  enter(batch: WireBatch): Verdict {
    const { seqs } = this.#channel(batch);
    const key = batchKey(batch);
    if (!seqs.add(batch.seq)) {
      const known = this.#digests.get(key);
      return known === undefined || known === digest(batch) ? 'duplicate' : 'conflict';
    }
    this.#digests.set(key, digest(batch));
    if (this.#digests.size > this.#remembered) this.#digests.delete(this.#digests.keys().next().value as string);
    return 'new';
  }

  /**
   * The books so far. Missing is what lies between the first and the last seq that were seen; with `fromStart` also
   * what lies before the first, down to 1. What comes behind the last cannot be known.
   */
  report(fromStart = false): ChannelReport[] {
    return [...this.#channels].map(([channel, { machine, kind, seqs }]) => ({
      channel,
      machine,
      kind,
      first: seqs.first ?? 0,
      last: seqs.last ?? 0,
      received: seqs.size,
      missing: seqs.holes(fromStart ? 1 : undefined),
    }));
  }

  #channel(batch: WireBatch): Channel {
    const name = channelOf(batch);
    const channel = this.#channels.get(name) ?? { machine: batch.machine, kind: batch.kind, seqs: new SeqRanges() };
    this.#channels.set(name, channel);
    return channel;
  }
}

/** Of the content alone: a later version may add keys to the envelope of a batch that it sends again. */
function digest(batch: WireBatch): string {
  return hash('sha1', JSON.stringify([batch.t0, batch[PAYLOAD_KEY[batch.kind]]]), 'base64');
}

/** How many numbers there are in ranges. */
export function countOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}
