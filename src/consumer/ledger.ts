import { hash } from 'node:crypto';
import { type Range, SeqRanges } from '../seq-ranges.ts';
import { batchKey, channelOf, eventsOf, latestTime, machineKey } from '../wire/codec.ts';
import { type EventBatch, PAYLOAD_KEY, type WireBatch } from '../wire/contract.ts';

/** Batches whose content is remembered, to tell a duplicate from a conflict: about 2 MB. */
const REMEMBERED = 10_000;

/** `conflict`: the key was seen with other content, which the contract forbids. */
export type Verdict = 'new' | 'duplicate' | 'conflict';

/** The books of one numbering. */
export interface ChannelReport {
  /** `tenant/gateway/machine/kind/stream` */
  readonly channel: string;
  readonly machine: string;
  readonly kind: string;
  /** Lowest and highest seq that was received; 0: none was, a gap names some. */
  readonly first: number;
  readonly last: number;
  /** Batches with different seq. */
  readonly received: number;
  /** Batches that were not received and that a gap names: they will never come. */
  readonly explained: number;
  /** Runs of seq that were not received and that no gap names, ascending. */
  readonly missing: readonly Range[];
  /** For each run of `missing` the event times of its neighbours, in milliseconds since the epoch. */
  readonly missingBetween: readonly Range[];
}

interface Channel {
  readonly machine: string;
  readonly kind: string;
  readonly received: SeqRanges;
  /** What was received, and what a gap names. */
  readonly known: SeqRanges;
}

/**
 * Counts batches by their key, in whatever order they come: tells duplicates and names what is missing without a gap
 * that says so. Pure; its memory grows with channels and holes, not with batches.
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
    const { received, known } = this.#channel(channelOf(batch), batch.machine, batch.kind);
    const key = batchKey(batch);
    const at = latestTime(batch);
    if (!received.add(batch.seq, at)) {
      const before = this.#digests.get(key);
      return before === undefined || before === digest(batch) ? 'duplicate' : 'conflict';
    }
    known.add(batch.seq, at);
    if (batch.kind === 'event') this.#explain(batch);
    this.#digests.set(key, digest(batch));
    if (this.#digests.size > this.#remembered) this.#digests.delete(this.#digests.keys().next().value as string);
    return 'new';
  }

  /**
   * The books so far. Missing is what lies between the first seq that was received and the last one that is known; with
   * `fromStart` also what lies before the first, down to 1. What comes behind the last cannot be known.
   */
  report(fromStart = false): ChannelReport[] {
    return [...this.#channels].map(([channel, { machine, kind, received, known }]) => {
      const from = fromStart ? 1 : received.first;
      const holes = from === undefined ? [] : known.holes(from);
      return {
        channel,
        machine,
        kind,
        first: received.first ?? 0,
        last: received.last ?? 0,
        received: received.size,
        explained: known.size - received.size,
        missing: holes.map(({ first, last }) => [first, last]),
        missingBetween: holes.map(({ from, to }) => [from, to]),
      };
    });
  }

  /** The batches that the gaps of a batch name are no longer waited for. */
  #explain(batch: EventBatch): void {
    for (const event of eventsOf(batch)) {
      if (event.type !== 'gap' || event.batches === undefined) continue;
      const { kind, stream, first, last } = event.batches;
      const { known } = this.#channel(`${machineKey(batch)}/${kind}/${stream}`, batch.machine, kind);
      known.addRun({ first, last, from: event.from ?? event.to, to: event.to });
    }
  }

  #channel(name: string, machine: string, kind: string): Channel {
    const channel = this.#channels.get(name) ?? { machine, kind, received: new SeqRanges(), known: new SeqRanges() };
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
