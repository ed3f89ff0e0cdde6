import type { Kind } from '../wire/contract.ts';
import { damage } from './disk-faults.ts';
import { LANES, type Lane } from './outbox.ts';

export interface Tally {
  batches: number;
  observations: number;
  bytes: number;
}

/** One (machine, kind, stream) and where its numbering stands. */
export interface Channel {
  readonly id: number;
  readonly machine: string;
  readonly kind: Kind;
  readonly stream: string;
  nextSeq: number;
  backlog: number;
}

/** What a batch weighs in the books. */
export interface Weight {
  readonly channel: number;
  readonly lane: Lane;
  readonly count: number;
  readonly bytes: number;
}

/**
 * Running totals of what the database holds, so that neither a commit nor `stats` has to scan a long backlog. A
 * transaction works on a copy, which takes the place of the original once it has committed.
 */
export class Books {
  readonly backlog: Record<Lane, Tally>;
  readonly delivered: Tally;
  /** Since they were opened, whatever became of it. */
  readonly appended: Tally;
  readonly #channels: Map<number, Channel>;
  readonly #byName: Map<string, Channel>;
  #nextId: number;

  constructor(
    nextId: number,
    channels: Iterable<Channel>,
    backlog: Record<Lane, Tally>,
    delivered: Tally,
    appended: Tally,
  ) {
    this.#nextId = nextId;
    this.#channels = new Map();
    this.#byName = new Map();
    this.backlog = backlog;
    this.delivered = delivered;
    this.appended = appended;
    for (const channel of channels) this.open({ ...channel });
  }

  static empty(nextId: number): Books {
    const lanes = Object.fromEntries(LANES.map((lane) => [lane, emptyTally()])) as Record<Lane, Tally>;
    return new Books(nextId, [], lanes, emptyTally(), emptyTally());
  }

  copy(): Books {
    return this.#copy({ ...this.appended });
  }

  /** A copy that has appended nothing yet. */
  opened(): Books {
    return this.#copy(emptyTally());
  }

  #copy(appended: Tally): Books {
    const lanes = Object.fromEntries(LANES.map((lane) => [lane, { ...this.backlog[lane] }])) as Record<Lane, Tally>;
    return new Books(this.#nextId, this.#channels.values(), lanes, { ...this.delivered }, appended);
  }

  get channels(): Iterable<Channel> {
    return this.#channels.values();
  }

  find(machine: string, kind: Kind, stream: string): Channel | undefined {
    return this.#byName.get(`${stream} ${kind} ${machine}`);
  }

  channel(id: number): Channel {
    const channel = this.#channels.get(id);
    if (channel === undefined) throw damage(`there is no channel ${id}`);
    return channel;
  }

  open(channel: Channel): Channel {
    this.#channels.set(channel.id, channel);
    this.#byName.set(`${channel.stream} ${channel.kind} ${channel.machine}`, channel);
    return channel;
  }

  get nextId(): number {
    return this.#nextId;
  }

  /** The id of the next batch: ids only ever rise while the outbox is open, also when the last row was deleted. */
  takeId(): number {
    return this.#nextId++;
  }

  stored(weight: Weight): void {
    this.channel(weight.channel).backlog += 1;
    add(this.backlog[weight.lane], weight, 1);
    add(this.appended, weight, 1);
  }

  settled(weight: Weight): void {
    this.channel(weight.channel).backlog -= 1;
    add(this.backlog[weight.lane], weight, -1);
    add(this.delivered, weight, 1);
  }

  /** An undelivered batch was deleted. */
  shed(weight: Weight): void {
    this.channel(weight.channel).backlog -= 1;
    add(this.backlog[weight.lane], weight, -1);
  }

  /** An undelivered batch was written anew. */
  resized(lane: Lane, bytes: number): void {
    this.backlog[lane].bytes += bytes;
  }

  removed(weight: Weight): void {
    add(this.delivered, weight, -1);
  }
}

export function emptyTally(): Tally {
  return { batches: 0, observations: 0, bytes: 0 };
}

function add(tally: Tally, weight: Weight, sign: 1 | -1): void {
  tally.batches += sign;
  tally.observations += sign * weight.count;
  tally.bytes += sign * weight.bytes;
}
