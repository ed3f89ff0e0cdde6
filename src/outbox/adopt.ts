import type { Gap, Notice } from '../observation.ts';
import { type Run, SeqRanges } from '../seq-ranges.ts';
import type { Kind } from '../wire/contract.ts';
import type { NewBatch } from './outbox.ts';
import type { SalvagedBatch, WreckChannel } from './salvage.ts';

/** A value that is older than this when it is stored was reached before the machine was read: gaps do not go back to it. */
const REACH_MS = 24 * 3_600_000;

/** What was taken over of one machine. */
export interface Figures {
  readonly batches: number;
  readonly observations: number;
  /** Batches that were given a seq and cannot be read. */
  readonly lost: number;
}

/** A run of batches that are lost, maybe. `from` and `to` are null where nothing before or behind it is known. */
interface Loss {
  first: number;
  last: number;
  from: number | null;
  to: number | null;
  /** Observations, where the rows of the batches could be read; else null. */
  count: number | null;
}

/** The books of one channel while its batches are read from a damaged database. */
export class ChannelWreck {
  readonly channel: WreckChannel;
  readonly #seen = new SeqRanges();
  /** Undelivered batches whose bodies cannot be read, each up to the start of the next one. */
  readonly #bodiless: Loss[] = [];
  /** Time of the newest batch that was seen; null when none was. */
  lastAt: number | null = null;
  /** Undelivered batches that can be read. */
  kept = 0;
  observations = 0;

  constructor(channel: WreckChannel) {
    this.channel = channel;
  }

  /** Takes a batch, and says whether it is to be kept. */
  take({ seq, t0, storedAt, count, isDelivered, body }: SalvagedBatch): boolean {
    const at = Math.max(t0, storedAt - REACH_MS);
    this.#seen.add(seq, at);
    this.lastAt = Math.max(at, this.lastAt ?? at);
    const open = this.#bodiless.at(-1);
    if (open?.to === null) open.to = Math.max(at, open.from ?? at);
    if (isDelivered) return false;
    if (body === null) {
      this.#bodiless.push({ first: seq, last: seq, from: at, to: null, count });
      return false;
    }
    this.kept += 1;
    this.observations += count;
    return true;
  }

  /** Above every seq that is known to have been given. */
  get nextSeq(): number {
    return Math.max(this.channel.nextSeq ?? 1, (this.#seen.last ?? 0) + 1);
  }

  /**
   * What is lost, but for `here`: seqs that the outbox has already. Rows that cannot be read leave holes in the numbering,
   * and so do those that were deleted, of which only the number is known: `lost` is what they do not account for. They were
   * the lowest ones, as a rule; where the numbers say that some were not, every hole is named.
   */
  losses(here: SeqRanges): { losses: Loss[]; lost: number } {
    const bodiless = this.#bodiless.filter(({ first }) => !here.has(first));
    for (const run of here.runs) this.#seen.addRun(run);
    const holes = this.#holes();
    const size = holes.reduce((sum, { first, last }) => sum + last - first + 1, 0);
    const [lead] = holes[0]?.first === 1 ? holes : [];
    const leading = lead === undefined ? 0 : lead.last;
    // Where only the name of the channel is left, nobody knows how many were deleted: all are named, the lowest ones uncounted.
    const isCounted = this.channel.nextSeq !== null;
    const removed = isCounted ? this.channel.removed : 0;
    const absent = Math.max(0, size - (isCounted ? removed : leading));
    const named = holes
      .map((hole) => (hole === lead ? { ...hole, first: removed + 1 } : hole))
      .filter(({ first, last }) => (absent > 0 || !isCounted) && first <= last);
    return { losses: [...joined(bodiless), ...named], lost: absent + bodiless.length };
  }

  #holes(): Loss[] {
    const end = this.nextSeq - 1;
    const [start, last] = [this.#seen.first, this.#seen.last];
    const toLoss = ({ first, last: to, ...run }: Run): Loss => ({
      first,
      last: to,
      from: start === undefined || first < start ? null : run.from,
      to: run.to,
      count: null,
    });
    const behind: Loss = { first: (last ?? 0) + 1, last: end, from: this.lastAt, to: null, count: null };
    return [...this.#seen.holes(1).map(toLoss), ...((last ?? 0) < end ? [behind] : [])];
  }
}

/** Neighbours are told as one. Ascending seqs. */
function joined(losses: readonly Loss[]): Loss[] {
  const runs: Loss[] = [];
  for (const loss of losses) {
    const before = runs.at(-1);
    if (before === undefined || before.last !== loss.first - 1) runs.push({ ...loss });
    else Object.assign(before, { last: loss.last, to: loss.to, count: (before.count ?? 0) + (loss.count ?? 0) });
  }
  return runs;
}

/** The records of what was lost in a channel, for its machine's events. Pure. */
export function gapsOf({ kind, stream }: WreckChannel, losses: readonly Loss[], now: number): Gap[] {
  return losses.map(({ first, last, from, to, count }) => ({
    type: 'gap',
    t: now,
    cause: 'quarantine',
    from,
    to: to ?? now,
    count,
    exact: count !== null,
    batches: { kind, stream, first, last },
  }));
}

/** From the newest batch that is known, or from the start, nobody knows what was read. Pure. */
export function unknownLoss(lastAt: number | null, now: number): Gap {
  return { type: 'gap', t: now, cause: 'quarantine', from: lastAt, to: now, count: null, exact: false };
}

/** Tells why another stream goes on, and with what. Pure. */
export function salvagedNotice(
  figures: Figures | null,
  streams: readonly string[],
  stream: string,
  now: number,
): Notice {
  const message =
    figures === null
      ? 'the buffer of the gateway was damaged, and nothing of this machine can be read'
      : `the buffer of the gateway was damaged: ${figures.batches} undelivered batches were salvaged, ${figures.lost} are lost`;
  return { type: 'notice', t: now, code: 'salvaged', message, detail: { ...figures, streams, stream } };
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
