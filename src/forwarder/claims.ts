import { setTimeout as sleep } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import type { Lane, Outbox, StoredBatch } from '../outbox/outbox.ts';
import { Backlog, type BacklogOrder, type IdRange } from './backlog.ts';
import { Lanes, SEND_LANES, type SendLane } from './lanes.ts';
import type { Replay, Replays } from './replay.ts';

/** Bytes that wait in memory, for each lane, and of one claim. */
const PREFETCH_BYTES = 2 * 2 ** 20;
const CLAIM_BYTES = 2 ** 20;
/** Pause after a claim that failed. */
const RETRY_MS = 1000;
/** What has waited longer than this is backlog: it goes out beside what is live, marked `historical`. */
export const LIVE_MS = 10_000;

export interface ClaimsOptions {
  readonly outbox: Outbox;
  readonly replays: Replays;
  /** Never set back; the one by which the outbox says when a batch was stored. */
  readonly clock: Clock;
  readonly order: BacklogOrder;
  /** Batches in flight at most. */
  readonly window: number;
  /** Whether a batch is being sent, or has been and is not marked yet. */
  readonly isUnderWay: (id: number) => boolean;
  /** There is more to send. */
  readonly claimed: () => void;
  /** The outbox could not be read; it is asked again. */
  readonly failed: (error: unknown) => void;
}

/** How far a lane of the outbox was claimed. */
interface Position {
  id: number;
  /** Whether the outbox may have more behind it. */
  more: boolean;
}

/**
 * Claims a little ahead what is to be sent over one link, lane by lane, each in the order of its claims: alerts, what is live, and beside
 * it what is older than `LIVE_MS`, then what is sent once more.
 */
export class Claims {
  readonly lanes = new Lanes();
  readonly #options: ClaimsOptions;
  readonly #positions: Readonly<Record<Lane, Position>> = {
    alert: { id: 0, more: true },
    live: { id: 0, more: true },
  };
  readonly #backlog: Backlog;
  /** Batches that are sent once more, by id. */
  readonly #replayed = new Map<number, Replay>();
  /** Batches of a lease whose bodies may still be read. */
  readonly #leases = new Map<number, number>();
  #ended = false;

  constructor(options: ClaimsOptions) {
    this.#options = options;
    this.#backlog = new Backlog(options.order);
  }

  /** What of the backlog is not claimed yet. */
  get unclaimed(): readonly IdRange[] {
    return this.#backlog.ranges;
  }

  /** Starts behind the backlog, which ends with this id. */
  begin(boundary: number): void {
    this.#backlog.add({ after: 0, upTo: boundary });
    this.#positions.live.id = boundary;
  }

  /** The outbox has received something. */
  stored(lanes: ReadonlySet<Lane>): void {
    for (const lane of lanes) this.#positions[lane].more = true;
  }

  /** Whether a batch is sent once more. */
  isReplayed(id: number): boolean {
    return this.#replayed.has(id);
  }

  /** Tells the replay that a batch is of, if it is of one: it was delivered before, and no mark of it changes. */
  replayAnswered(batch: StoredBatch, isTaken: boolean): boolean {
    const replay = this.#replayed.get(batch.id);
    this.#replayed.delete(batch.id);
    replay?.answered(batch, isTaken);
    return replay !== undefined;
  }

  /** Half a window is left when the next chunk is asked for, so that the pipe stays full while it comes. */
  refill(): void {
    const { window } = this.#options;
    for (const lane of SEND_LANES) {
      const { queue, bytes, claiming } = this.lanes.state(lane);
      const isLow = queue.length <= window / 2 && bytes <= PREFETCH_BYTES / 2;
      if (this.#ended || claiming || !isLow || !this.#hasMore(lane)) continue;
      void this.#claim(lane, window - queue.length + 1, Math.min(CLAIM_BYTES, PREFETCH_BYTES - bytes));
    }
  }

  /** Batches that were set aside lie behind the positions: those whose time has come go out first. @param inHand how many are under way */
  takeBack(inHand: number): void {
    const { outbox, window, claimed, failed } = this.#options;
    const waiting = SEND_LANES.reduce((sum, lane) => sum + this.lanes.state(lane).queue.length, 0);
    outbox
      .due(inHand + waiting + window)
      .then((batches) => {
        const returned = batches.filter((batch) => !this.#isInHand(batch)).slice(0, window);
        const of = (wanted: Lane) => returned.filter(({ lane }) => lane === wanted);
        this.lanes.add('alert', of('alert'), true);
        this.lanes.add('backfill', of('live'), true);
        claimed();
      })
      .catch(failed);
  }

  /** The body of a batch is read no more: it was answered, or is given up. */
  done({ lease }: StoredBatch): void {
    if (lease === undefined) return;
    const left = (this.#leases.get(lease) ?? 0) - 1;
    if (left > 0) this.#leases.set(lease, left);
    else if (this.#leases.delete(lease)) this.#options.outbox.giveBack(lease);
  }

  /** Nothing is sent any more. */
  end(): void {
    this.#ended = true;
    for (const lease of this.#leases.keys()) this.#options.outbox.giveBack(lease);
    this.#leases.clear();
  }

  #hasMore(lane: SendLane): boolean {
    if (lane !== 'backfill') return this.#positions[lane].more;
    return this.#backlog.next !== undefined || this.#options.replays.next !== undefined;
  }

  async #claim(lane: SendLane, limit: number, maxBytes: number): Promise<void> {
    this.lanes.claiming(lane, true);
    try {
      const batches = lane === 'backfill' ? await this.#old(limit, maxBytes) : await this.#new(lane, limit, maxBytes);
      const isWanted = (batch: StoredBatch) => !this.#ended && !this.#isInHand(batch);
      for (const batch of batches) if (!isWanted(batch)) this.done(batch);
      this.lanes.add(lane, batches.filter(isWanted));
    } catch (error) {
      this.#options.failed(error);
      await sleep(RETRY_MS, undefined, { ref: false });
      if (lane !== 'backfill') this.#positions[lane].more = true;
    }
    this.lanes.claiming(lane, false);
    this.#options.claimed();
  }

  /** What was stored last. Where that lags behind, what is too old becomes backlog. */
  async #new(lane: Lane, limit: number, maxBytes: number): Promise<readonly StoredBatch[]> {
    const { outbox, clock } = this.#options;
    const position = this.#positions[lane];
    position.more = false;
    const batches = this.#leased(await outbox.claim({ lane, after: position.id, limit, maxBytes }));
    const [first] = batches;
    if (first === undefined) return [];
    position.more = true;
    const liveFrom = clock.now() - LIVE_MS;
    if (lane === 'alert' || first.storedAt >= liveFrom) {
      position.id = batches.at(-1)?.id ?? position.id;
      return batches;
    }
    for (const batch of batches) this.done(batch);
    const boundary = Math.max(first.id, await outbox.boundary(liveFrom));
    this.#backlog.add({ after: position.id, upTo: boundary });
    position.id = boundary;
    return [];
  }

  /** What is too old to be live, then what is sent once more. */
  async #old(limit: number, maxBytes: number): Promise<readonly StoredBatch[]> {
    const { outbox, replays } = this.#options;
    const range = this.#backlog.next;
    if (range !== undefined) {
      const newestFirst = this.#backlog.order === 'newest';
      const batches = this.#leased(await outbox.claim({ lane: 'live', ...range, newestFirst, limit, maxBytes }));
      this.#backlog.claimed(batches);
      return batches;
    }
    const replay = replays.next;
    if (replay === undefined) return [];
    const batches = await replay.claim(outbox, limit, maxBytes);
    for (const { id } of batches) this.#replayed.set(id, replay);
    return batches;
  }

  #leased(batches: readonly StoredBatch[]): readonly StoredBatch[] {
    for (const { lease } of batches)
      if (lease !== undefined) this.#leases.set(lease, (this.#leases.get(lease) ?? 0) + 1);
    return batches;
  }

  #isInHand({ id }: StoredBatch): boolean {
    return this.#options.isUnderWay(id) || this.lanes.has(id);
  }
}
