import { type StoredBatch, sizeOf } from '../outbox/outbox.ts';

/** Priority classes in the order in which they are sent: the outbox's own, and what is too old to be live. */
export const SEND_LANES = ['alert', 'live', 'backfill'] as const;
export type SendLane = (typeof SEND_LANES)[number];

/** After so many batches in a row that overtook a waiting lower lane, the lower lane sends one. */
const OVERTAKE_MAX = 8;

interface LaneState {
  readonly lane: SendLane;
  claiming: boolean;
  bytes: number;
  /** Batches that have overtaken this lane in a row while it waited. */
  overtaken: number;
  readonly queue: StoredBatch[];
}

/**
 * What has been claimed and waits for its turn, lane by lane. Within a lane the order of the claims is kept; a higher
 * lane overtakes, but about one in nine goes to each lower lane that waits, so that no lane can starve another. Pure.
 */
export class Lanes {
  readonly #lanes: readonly LaneState[] = SEND_LANES.map((lane) => ({
    lane,
    claiming: false,
    bytes: 0,
    overtaken: 0,
    queue: [],
  }));

  state(lane: SendLane): Readonly<LaneState> {
    return this.#lane(lane);
  }

  claiming(lane: SendLane, isClaiming: boolean): void {
    this.#lane(lane).claiming = isClaiming;
  }

  /** Batches in the order in which they are to go out; `first`: before those that wait already. */
  add(lane: SendLane, batches: readonly StoredBatch[], first = false): void {
    const state = this.#lane(lane);
    if (first) state.queue.unshift(...batches);
    else state.queue.push(...batches);
    state.bytes += batches.reduce((sum, batch) => sum + sizeOf(batch), 0);
  }

  has(id: number): boolean {
    return this.#lanes.some(({ queue }) => queue.some((batch) => batch.id === id));
  }

  /** Takes the batch whose turn it is, of the lanes that may send. */
  next(may: (lane: SendLane) => boolean): { readonly lane: SendLane; readonly batch: StoredBatch } | undefined {
    const ready = this.#lanes.filter(({ lane, queue }) => queue.length > 0 && may(lane));
    const state = ready.findLast(({ overtaken }) => overtaken >= OVERTAKE_MAX) ?? ready[0];
    const batch = state?.queue.shift();
    if (state === undefined || batch === undefined) return undefined;
    for (const lower of ready.slice(ready.indexOf(state) + 1)) lower.overtaken += 1;
    state.overtaken = 0;
    state.bytes -= sizeOf(batch);
    return { lane: state.lane, batch };
  }

  #lane(lane: SendLane): LaneState {
    return this.#lanes[SEND_LANES.indexOf(lane)] as LaneState;
  }
}
