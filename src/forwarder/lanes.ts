import { LANES, type Lane, type StoredBatch } from '../outbox/outbox.ts';

/** After so many batches in a row that overtook a waiting lower lane, the lower lane sends one. */
const OVERTAKE_MAX = 8;

interface LaneState {
  /** Id of the last batch claimed: the next claim starts behind it. */
  position: number;
  /** Whether the outbox may have more behind `position`. */
  more: boolean;
  claiming: boolean;
  bytes: number;
  readonly queue: StoredBatch[];
}

/**
 * What has been claimed and waits for its turn, lane by lane. Within a lane the order of the claims is kept; a higher
 * lane overtakes, but one in nine goes to the lower lane that waits, so that a storm of alerts cannot starve it.
 */
export class Lanes {
  readonly #lanes = new Map<Lane, LaneState>(
    LANES.map((lane) => [lane, { position: 0, more: true, claiming: false, bytes: 0, queue: [] }]),
  );
  #overtaken = 0;

  state(lane: Lane): Readonly<LaneState> {
    return this.#lane(lane);
  }

  /** The outbox stored something in this lane. */
  stored(lane: Lane): void {
    this.#lane(lane).more = true;
  }

  /** A claim of this lane begins; what is stored from now on counts as more. */
  claiming(lane: Lane): void {
    const state = this.#lane(lane);
    state.claiming = true;
    state.more = false;
  }

  /** The claim has given `batches`, of which those that pass `wanted` are queued. */
  claimed(lane: Lane, batches: readonly StoredBatch[], wanted: (batch: StoredBatch) => boolean): void {
    const state = this.#lane(lane);
    state.claiming = false;
    const last = batches.at(-1);
    if (last === undefined) return;
    state.position = last.id;
    state.more = true;
    for (const batch of batches.filter(wanted)) this.#push(state, batch, 'push');
  }

  /** The claim failed and may be tried again. */
  failed(lane: Lane): void {
    const state = this.#lane(lane);
    state.claiming = false;
    state.more = true;
  }

  /** Batches from before the position that may go out after all: they go first, in their own order. */
  returned(lane: Lane, batches: readonly StoredBatch[]): void {
    for (const batch of batches.toReversed()) this.#push(this.#lane(lane), batch, 'unshift');
  }

  has(lane: Lane, id: number): boolean {
    return this.#lane(lane).queue.some((batch) => batch.id === id);
  }

  /** Takes the batch whose turn it is. */
  next(): StoredBatch | undefined {
    const [first, ...lower] = LANES.map((lane) => this.#lane(lane)).filter(({ queue }) => queue.length > 0);
    if (first === undefined) return undefined;
    const waiting = lower[0];
    const yields = waiting !== undefined && this.#overtaken >= OVERTAKE_MAX;
    this.#overtaken = waiting === undefined || yields ? 0 : this.#overtaken + 1;
    const state = yields ? waiting : first;
    const batch = state.queue.shift() as StoredBatch;
    state.bytes -= batch.body.byteLength;
    return batch;
  }

  #push(state: LaneState, batch: StoredBatch, how: 'push' | 'unshift'): void {
    state.queue[how](batch);
    state.bytes += batch.body.byteLength;
  }

  #lane(lane: Lane): LaneState {
    const state = this.#lanes.get(lane);
    if (state === undefined) throw new Error(`there is no lane ${lane}`);
    return state;
  }
}
