import { hash } from 'node:crypto';
import { type Range, type Run, SeqRanges } from '../seq-ranges.ts';
import { batchKey, channelOf, eventsOf, latestTime, machineKey } from '../wire/codec.ts';
import { type EventBatch, PAYLOAD_KEY, type Status, type WireBatch } from '../wire/contract.ts';
import { Backfill } from './backfill.ts';

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
  /**
   * Batches that were received and that a gap names: they were under way when the gateway gave them up. `observations` are those in
   * them, which gap and rollup count once more (of the latest batches, as far as they are remembered).
   */
  readonly overTold: { readonly batches: number; readonly observations: number };
  /** Runs of seq that were not received and that no gap names, ascending. */
  readonly missing: readonly Range[];
  /** For each run of `missing` the event times of its neighbours, in milliseconds since the epoch. */
  readonly missingBetween: readonly Range[];
  /** The same of runs that a backlog may still bring, as far as that was asked. */
  readonly awaited: readonly Range[];
  readonly awaitedBetween: readonly Range[];
}

interface Channel {
  readonly machine: string;
  readonly kind: string;
  readonly received: SeqRanges;
  /** What a gap names. */
  readonly told: SeqRanges;
  /** Both. */
  readonly known: SeqRanges;
  /** Observations that were received and that a gap names. */
  overTold: number;
}

/** A batch that is remembered. */
interface Remembered {
  readonly digest: string;
  readonly observations: number;
}

/**
 * Counts batches by their key, in whatever order they come: tells duplicates and names what is missing without a gap
 * that says so. Pure; its memory grows with channels and holes, not with batches.
 */
export class Ledger {
  readonly #channels = new Map<string, Channel>();
  readonly #remembered: number;
  /** The latest batches by key, oldest first. */
  readonly #latest = new Map<string, Remembered>();
  readonly #backfill = new Backfill();

  constructor(remembered = REMEMBERED) {
    this.#remembered = remembered;
  }

  /** Enters a batch. A conflict can be told only for the latest batches; what is older counts as a duplicate. */
  enter(batch: WireBatch, now = 0): Verdict {
    const channel = this.#channel(channelOf(batch), batch.machine, batch.kind);
    const { received, known, told } = channel;
    const key = batchKey(batch);
    const at = latestTime(batch);
    if (!received.add(batch.seq, at)) {
      const before = this.#latest.get(key)?.digest;
      return before === undefined || before === digest(batch) ? 'duplicate' : 'conflict';
    }
    known.add(batch.seq, at);
    this.#backfill.take(batch, now);
    const observations = observationsIn(batch);
    if (told.has(batch.seq)) channel.overTold += observations;
    if (batch.kind === 'event') this.#explain(batch);
    this.#latest.set(key, { digest: digest(batch), observations });
    if (this.#latest.size > this.#remembered) this.#latest.delete(this.#latest.keys().next().value as string);
    return 'new';
  }

  /** Takes the status of a gateway: what it has kept comes after it has connected. */
  status(status: Status, now: number): void {
    this.#backfill.status(status, now);
  }

  /**
   * The books so far. Missing is what lies between the first seq that was received and the last one that is known; with
   * `fromStart` also what lies before the first, down to 1. What comes behind the last cannot be known. With `now`, what a
   * backlog may still bring is told apart from it.
   */
  report(fromStart = false, now?: number): ChannelReport[] {
    return [...this.#channels].map(([channel, { machine, kind, received, told, known, overTold }]) => {
      const from = fromStart ? 1 : received.first;
      const holes = from === undefined ? [] : known.holes(from);
      const mayCome = (hole: Run) => now !== undefined && this.#backfill.mayFill(channel, hole, now);
      const awaited = holes.filter(mayCome);
      const missing = holes.filter((hole) => !awaited.includes(hole));
      return {
        channel,
        machine,
        kind,
        first: received.first ?? 0,
        last: received.last ?? 0,
        received: received.size,
        explained: known.size - received.size,
        overTold: { batches: received.size + told.size - known.size, observations: overTold },
        missing: missing.map(({ first, last }) => [first, last]),
        missingBetween: missing.map(({ from, to }) => [from, to]),
        awaited: awaited.map(({ first, last }) => [first, last]),
        awaitedBetween: awaited.map(({ from, to }) => [from, to]),
      };
    });
  }

  /** The batches that the gaps of a batch name are no longer waited for. */
  #explain(batch: EventBatch): void {
    for (const event of eventsOf(batch)) {
      if (event.type !== 'gap' || event.batches === undefined) continue;
      const { kind, stream, first, last } = event.batches;
      const name = `${machineKey(batch)}/${kind}/${stream}`;
      const channel = this.#channel(name, batch.machine, kind);
      const run = { first, last, from: event.from ?? event.to, to: event.to };
      channel.overTold += this.#remembers(name, run, channel.told);
      channel.told.addRun(run);
      channel.known.addRun(run);
    }
  }

  /** Observations of the remembered batches of a run, without those that were told before. */
  #remembers(channel: string, { first, last }: Run, told: SeqRanges): number {
    let sum = 0;
    for (let seq = Math.max(first, last - this.#remembered + 1); seq <= last; seq++) {
      if (!told.has(seq)) sum += this.#latest.get(`${channel}/${seq}`)?.observations ?? 0;
    }
    return sum;
  }

  #channel(name: string, machine: string, kind: string): Channel {
    const channel = this.#channels.get(name) ?? {
      ...{ machine, kind, overTold: 0 },
      ...{ received: new SeqRanges(), told: new SeqRanges(), known: new SeqRanges() },
    };
    this.#channels.set(name, channel);
    return channel;
  }
}

function observationsIn(batch: WireBatch): number {
  if (batch.kind !== 'telemetry') return 0;
  return Object.values(batch.signals).reduce((sum, { t }) => sum + t.length, 0);
}

/** Of the content alone: a later version may add keys to the envelope of a batch that it sends again. */
function digest(batch: WireBatch): string {
  return hash('sha1', JSON.stringify([batch.t0, batch[PAYLOAD_KEY[batch.kind]]]), 'base64');
}

/** How many numbers there are in ranges. */
export function countOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}
