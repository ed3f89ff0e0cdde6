import type { Outbox, Recall, StoredBatch } from '../outbox/outbox.ts';

/** Replays that may wait at once. */
const MAX_WAITING = 16;

/** What a replay has sent. */
export interface ReplayFigures {
  readonly batches: number;
  readonly observations: number;
  /** Batches that the broker refused. */
  readonly refused: number;
}

/** Delivered batches that are being sent once more, with the same keys, so that a consumer drops what it has. */
export class Replay {
  readonly request: Recall;
  readonly #done = Promise.withResolvers<ReplayFigures>();
  readonly #figures = { batches: 0, observations: 0, refused: 0 };
  /** Claimed and not answered, by id. */
  readonly #open = new Map<number, StoredBatch>();
  #after = 0;
  #isClaimed = false;

  constructor(request: Recall) {
    this.request = request;
  }

  /** Resolves when every batch was answered. */
  get done(): Promise<ReplayFigures> {
    return this.#done.promise;
  }

  get figures(): ReplayFigures {
    return { ...this.#figures };
  }

  /** Whether there may be more to claim. */
  get hasMore(): boolean {
    return !this.#isClaimed;
  }

  /** @throws what the outbox throws; it may be called again then */
  async claim(outbox: Outbox, limit: number, maxBytes: number): Promise<StoredBatch[]> {
    const batches = await outbox.recall(this.request, this.#after, limit, maxBytes);
    for (const batch of batches) this.#open.set(batch.id, batch);
    this.#after = batches.at(-1)?.id ?? this.#after;
    this.#isClaimed = batches.length === 0;
    this.#endIfDone();
    return batches;
  }

  /** The broker has answered. */
  answered({ id, count }: StoredBatch, isTaken: boolean): void {
    if (!this.#open.delete(id)) return;
    if (isTaken) {
      this.#figures.batches += 1;
      this.#figures.observations += count;
    } else this.#figures.refused += 1;
    this.#endIfDone();
  }

  /** The link is another one: what was not answered is claimed again. */
  startAgain(): void {
    if (this.#open.size === 0) return;
    this.#after = Math.min(...this.#open.keys()) - 1;
    this.#open.clear();
    this.#isClaimed = false;
  }

  #endIfDone(): void {
    if (this.#isClaimed && this.#open.size === 0) this.#done.resolve(this.figures);
  }
}

/** The replays that were asked for, one after the other. They end with the process. */
export class Replays {
  readonly #waiting: Replay[] = [];
  readonly #changed: () => void;

  /** `changed` is called when the next one's turn has come. */
  constructor(changed: () => void) {
    this.#changed = changed;
  }

  /** undefined: too many wait already */
  add(request: Recall): Replay | undefined {
    if (this.#waiting.length >= MAX_WAITING) return undefined;
    const replay = new Replay(request);
    this.#waiting.push(replay);
    void replay.done.then(() => {
      this.#waiting.splice(this.#waiting.indexOf(replay), 1);
      this.#changed();
    });
    return replay;
  }

  /** The one to claim from: each begins when the one before it is done, so that a batch belongs to one at a time. */
  get next(): Replay | undefined {
    const [first] = this.#waiting;
    return first?.hasMore === true ? first : undefined;
  }

  startAgain(): void {
    for (const replay of this.#waiting) replay.startAgain();
  }
}
