import type { ServerResponse } from 'node:http';
import { explain } from '../errors.ts';
import type { Log } from '../log.ts';
import type { ApiSignal } from './api.ts';
import { Refusal } from './refusal.ts';
import type { SharedState } from './shared-state.ts';
import type { GatewayView } from './view.ts';

const MAX_VIEWERS = 64;
const TICK_MS = 1000;
/** After so many ticks something is sent in any case, so that both ends notice a connection that is dead. */
const HEARTBEAT_TICKS = 15;
const HEARTBEAT = Buffer.from(':\n\n');
/** How soon a browser connects anew. */
const HELLO = Buffer.from('retry: 2000\n\n');
/** A viewer for whom more is waiting gets nothing new; and one for whom it stays so is let go. */
const MAX_WAITING_BYTES = 262_144;
const STUCK_MS = 10_000;
/** When all places are taken. */
const RETRY_MS = 10_000;

const HEADERS = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-store',
  // nginx would wait until it has more.
  'x-accel-buffering': 'no',
};

interface Viewer {
  readonly outgoing: ServerResponse;
  readonly machine: string | undefined;
  /** Whether it has had all signals up to the last tick: then the next changes will do. */
  isCurrent: boolean;
  /** Since when too much waits for it. */
  fullSince: number | undefined;
}

/**
 * Who watches the gateway live, over server-sent events. The state is made and serialised once a second for all of them, and
 * not at all while there are none. What a slow viewer has not taken yet it gets no more of: it misses states, and later
 * gets all signals anew instead of the changes.
 */
export class Live implements Disposable {
  readonly #state: SharedState;
  readonly #view: GatewayView;
  readonly #log: Log;
  readonly #stuckMs: number;
  readonly #viewers = new Set<Viewer>();
  /** The signals of each machine that is watched, as of the last tick. */
  readonly #seen = new Map<string, ReadonlySet<ApiSignal>>();
  #timer: NodeJS.Timeout | undefined;
  #ticks = 0;
  /** Whether a state is on its way to viewers; the disk can keep it waiting. */
  #isTelling = false;

  constructor(state: SharedState, view: GatewayView, log: Log, stuckMs = STUCK_MS) {
    this.#state = state;
    this.#view = view;
    this.#log = log;
    this.#stuckMs = stuckMs;
  }

  /** Answers a request with events until either end closes. @throws Refusal when there are too many viewers */
  add(outgoing: ServerResponse, machine: string | undefined): void {
    if (this.#viewers.size >= MAX_VIEWERS) throw new Refusal(503, 'too many viewers: close other pages', RETRY_MS);
    const viewer: Viewer = { outgoing, machine, isCurrent: false, fullSince: undefined };
    const signals = machine === undefined ? [] : (this.#view.signals(machine) ?? []);
    this.#viewers.add(viewer);
    outgoing.on('close', () => this.#forget(viewer));
    outgoing.on('error', (error) => this.#log.debug(`a viewer: ${error.message}`));
    outgoing.writeHead(200, HEADERS);
    outgoing.write(HELLO);
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS);
    void this.#tellState([viewer]);
    if (machine === undefined) return;
    viewer.isCurrent = send(viewer, frameOf('signals', signals));
    // Others wait for the changes since the last tick; this one may get some of them twice.
    if (!this.#seen.has(machine)) this.#seen.set(machine, new Set(signals));
  }

  /** Ends all of them. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const { outgoing } of this.#viewers) outgoing.end();
  }

  #forget(viewer: Viewer): void {
    this.#viewers.delete(viewer);
    const { machine } = viewer;
    const isWatched = [...this.#viewers].some((other) => other.machine === machine);
    if (machine !== undefined && !isWatched) this.#seen.delete(machine);
    if (this.#viewers.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    this.#ticks++;
    const now = performance.now();
    for (const viewer of this.#viewers) this.#judge(viewer, now);
    const viewers = [...this.#viewers];
    if (this.#ticks % HEARTBEAT_TICKS === 0) for (const viewer of viewers) send(viewer, HEARTBEAT);
    if (!this.#isTelling) void this.#tellState(viewers);
    const byMachine = Map.groupBy(viewers, ({ machine }) => machine);
    try {
      for (const [machine, watching] of byMachine) if (machine !== undefined) this.#tellSignals(machine, watching);
    } catch (error) {
      this.#log.error({ err: error }, 'the viewers get no signals');
    }
  }

  #judge(viewer: Viewer, now: number): void {
    if (hasRoom(viewer)) {
      viewer.fullSince = undefined;
      return;
    }
    viewer.fullSince ??= now;
    if (now - viewer.fullSince >= this.#stuckMs) viewer.outgoing.destroy();
  }

  async #tellState(viewers: readonly Viewer[]): Promise<void> {
    this.#isTelling = true;
    try {
      const frame = frameOf('state', await this.#state.now());
      for (const viewer of viewers) send(viewer, frame);
    } catch (error) {
      this.#log.debug(`the viewers get no state: ${explain(error)}`);
    }
    this.#isTelling = false;
  }

  #tellSignals(machine: string, viewers: readonly Viewer[]): void {
    const signals = this.#view.signals(machine) ?? [];
    const seen = this.#seen.get(machine) ?? new Set();
    const changed = signals.filter((signal) => !seen.has(signal));
    this.#seen.set(machine, new Set(signals));
    const changes = changed.length === 0 ? undefined : frameOf('signals', changed);
    let all: Buffer | undefined;
    for (const viewer of viewers) {
      if (!viewer.isCurrent) {
        all ??= frameOf('signals', signals);
        viewer.isCurrent = send(viewer, all);
      } else if (changes !== undefined) {
        viewer.isCurrent = send(viewer, changes);
      }
    }
  }
}

function frameOf(event: string, data: unknown): Buffer {
  return Buffer.from(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

/** Whether it was sent: what there is no room for is not kept. */
function send(viewer: Viewer, frame: Buffer): boolean {
  if (viewer.outgoing.writableEnded || !hasRoom(viewer)) return false;
  viewer.outgoing.write(frame);
  return true;
}

function hasRoom({ outgoing }: Viewer): boolean {
  return outgoing.writableLength <= MAX_WAITING_BYTES;
}
