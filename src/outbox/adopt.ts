import type { Gap } from '../observation.ts';
import type { Kind } from '../wire/contract.ts';
import type { NewBatch } from './outbox.ts';
import type { SalvagedBatch } from './salvage.ts';
import type { ChannelRow } from './statements.ts';

/** What was made of a damaged database. */
export interface SalvageReport {
  /** Where it lies now. */
  readonly file: string;
  /** Undelivered batches that are there again. */
  readonly batches: number;
  readonly observations: number;
  /** Batches that were given a seq and cannot be read; null: nothing of it can be read, so nobody knows. */
  readonly lost: number | null;
  /** Machines whose place to resume reading was lost. */
  readonly withoutCursor: readonly string[];
}

/** The books of one channel while its batches are read from a damaged database. */
export class ChannelWreck {
  readonly channel: ChannelRow;
  /** Runs of seqs that cannot be read, with the times around them. */
  readonly holes: { first: number; last: number; from: number | null; to: number | null }[] = [];
  /** Where the seqs that were seen end, and when that was. */
  #next: number;
  #lastAt: number | null = null;
  kept = 0;

  constructor(channel: ChannelRow) {
    this.channel = channel;
    this.#next = channel.removed + 1;
  }

  /** Takes a batch, and says whether it is to be kept. Seqs rise with the ids; the lowest ones were deleted long ago. */
  take({ seq, t0, isDelivered, body }: SalvagedBatch): boolean {
    const isThere = isDelivered || body !== null;
    if (seq > this.#next) this.#miss(this.#next, seq - 1, t0);
    if (!isThere) this.#miss(seq, seq, t0);
    this.#next = Math.max(this.#next, seq + 1);
    this.#lastAt = t0;
    const isKept = !isDelivered && body !== null;
    if (isKept) this.kept += 1;
    return isKept;
  }

  /** What was given out behind the last that was seen is missing, too. */
  end(): void {
    if (this.channel.nextSeq > this.#next) this.#miss(this.#next, this.channel.nextSeq - 1, null);
  }

  /** Above every seq that is known to have been given. */
  get nextSeq(): number {
    return Math.max(this.channel.nextSeq, this.#next);
  }

  /** Time of the newest batch that was seen. */
  get lastAt(): number | null {
    return this.#lastAt;
  }

  get lost(): number {
    return this.holes.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  }

  #miss(first: number, last: number, to: number | null): void {
    const before = this.holes.at(-1);
    if (before !== undefined && before.last === first - 1) {
      before.last = last;
      before.to = to;
    } else this.holes.push({ first, last, from: this.#lastAt, to });
  }
}

/** The records of what was lost in a channel, for its machine's events. Pure. */
export function gapsOf({ channel, holes }: ChannelWreck, now: number): Gap[] {
  return holes.map(({ first, last, from, to }) => ({
    type: 'gap',
    t: now,
    cause: 'quarantine',
    from,
    to: to ?? now,
    count: null,
    exact: false,
    batches: { kind: channel.kind, stream: channel.stream, first, last },
  }));
}

/** The place to resume reading is lost: from the newest batch that is known, nobody knows what was read. Pure. */
export function lostPlace(own: readonly ChannelWreck[], now: number): Gap {
  const from = Math.max(...own.map(({ lastAt }) => lastAt ?? 0));
  return {
    type: 'gap',
    t: now,
    cause: 'quarantine',
    from: from === 0 ? null : from,
    to: now,
    count: null,
    exact: false,
  };
}

/** An event batch that tells of these. Pure. */
export function eventsOf(machine: string, events: readonly object[], now: number): NewBatch {
  const body = JSON.stringify(events.map((event) => ({ ...event, t: 0 })));
  return {
    machine,
    kind: 'event' satisfies Kind,
    lane: 'live',
    t0: now,
    count: events.length,
    clock: 'unsynced',
    body,
  };
}
