import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { untilAborted } from '../abort.ts';
import { Backoff, type BackoffRange } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import { explain, Fault } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Cursor } from '../observation.ts';
import { ID_PATTERN, KINDS } from '../wire/contract.ts';
import { CommitQueue, type Taken } from './commit-queue.ts';
import type { Watched } from './guard.ts';
import type { HistoryRange, LocalOutbox, MachineState, StoredNotice } from './local.ts';
import {
  type Append,
  type Budget,
  type Claim,
  LANES,
  type Lane,
  type LaneStats,
  type NewBatch,
  type OutboxStats,
  type Recall,
  type StoredBatch,
  type WhenFull,
} from './outbox.ts';
import { type CommitReply, faultFrom, type Pressure, type Terms } from './protocol.ts';
import type { SalvageReport } from './take-over.ts';
import { startWorker, type WorkerLink } from './worker-link.ts';

/** Pause before a commit that the disk refused is tried again. */
const RETRY_BACKOFF: BackoffRange = { min: 100, max: 5000 };
/** How often retention looks at an idle outbox, and how soon it goes on when there is more to do. */
const TIDY_IDLE_MS = 60_000;
const TIDY_BUSY_MS = 100;
/** What is given up for want of room is told at most so often. */
const SHED_TOLD_MS = 600_000;

export interface OutboxOptions {
  /** Folder of the database; made where it is missing. */
  readonly dataDir: string;
  readonly budget: Budget;
  /** Told of the loss where nothing of a damaged database can be read, not even whose batches it had. */
  readonly machines?: readonly string[];
  readonly log: Log;
  /** The wall clock. */
  readonly clock: Clock;
  /** One that is never set back, for order and age; default: the same. */
  readonly steady?: Clock;
  /** The main thread is watched over by the outbox's; default: it is not. */
  readonly watched?: Watched;
  /** What differs from boot to boot; default: nothing outlives this process. */
  readonly boot?: string | undefined;
}

/**
 * Opens the outbox of a folder in its own thread. One process at a time has it open.
 * @throws Fault of the config when the folder cannot be used (another gateway, no permission, a newer or foreign file),
 *   of the disk when the disk refuses. A damaged database is set aside and salvaged first, which the log tells
 */
export async function openOutbox(options: OutboxOptions): Promise<LocalOutbox> {
  const link = startWorker(options.watched);
  try {
    const { dataDir, machines = [], clock, log, boot = randomUUID() } = options;
    const now = clock.now();
    const { reports, deleted, ...opened } = await link.call({ type: 'open', dataDir, machines, now, boot });
    for (const report of reports) log.warn(salvageText(report));
    if (deleted.length > 0) log.warn(`older damaged buffers were deleted from quarantine: ${deleted.join(', ')}`);
    const outbox = new OutboxClient(options, link, opened);
    outbox.start();
    return outbox;
  } catch (error) {
    await link.stop();
    throw error;
  }
}

function salvageText(report: SalvageReport): string {
  const { file, batches, observations, before, lost, nameless, withoutCursor, interrupted } = report;
  const where = `the buffer was damaged and lies in ${file}`;
  if (interrupted !== undefined) {
    return `${where}: not all of it was salvaged (${batches} batches for now), the next start goes on: ${interrupted}`;
  }
  const earlier = before === 0 ? '' : `, beside ${before} at an earlier start`;
  const saved = `${batches} undelivered batches with ${observations} observations were salvaged${earlier}`;
  const unnamed = nameless === 0 ? '' : ` (but for ${nameless}, of which not even the machine is known)`;
  const some = lost === 0 ? 'none are lost' : `${lost} are lost, recorded as gaps${unnamed}`;
  const gone = lost === null ? 'nothing else can be read' : some;
  const places = withoutCursor.length === 0 ? '' : `; ${withoutCursor.join(', ')} are read from the present on`;
  return `${where}: ${saved}, ${gone}${places}: check the card or disk (dmesg)`;
}

/** The main thread's side: group commit, retries, timers and what callers wait for. */
class OutboxClient implements LocalOutbox {
  readonly stream: string;
  readonly storedUntil: number;
  readonly #link: WorkerLink;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #steady: Clock;
  readonly #queue = new CommitQueue();
  /** By machine, of the newest append; it may still wait for its commit. */
  readonly #cursors = new Map<string, Cursor>();
  readonly #backoff = new Backoff(RETRY_BACKOFF);
  readonly #listeners = new Set<(lanes: ReadonlySet<Lane>) => void>();
  readonly #closing = new AbortController();
  #budget: Budget;
  #committing: Promise<void> | undefined;
  #closed: Promise<void> | undefined;
  #full = false;
  #tight = false;
  /** Observations given up since it was last told, and when that was. */
  #given = { thinned: 0, dropped: 0 };
  #givenToldAt = Number.NEGATIVE_INFINITY;
  #roomAgain = newRoom();
  #tidyTimer: NodeJS.Timeout | undefined;
  /** When marks stop waiting for a commit that they could share. */
  #markTimer: NodeJS.Timeout | undefined;
  #troubled = false;

  constructor(options: OutboxOptions, link: WorkerLink, opened: { stream: string; storedUntil: number }) {
    const { budget, log, clock, steady = clock } = options;
    this.#budget = budget;
    this.#log = log;
    this.#clock = clock;
    this.#steady = steady;
    this.#link = link;
    this.stream = opened.stream;
    this.storedUntil = opened.storedUntil;
  }

  start(): void {
    this.#link.failed.catch((fault) => this.#end(fault));
    this.#tidyIn(TIDY_BUSY_MS);
  }

  get failed(): Promise<never> {
    return this.#link.failed;
  }

  get unanswered(): number | null {
    return this.#link.unanswered;
  }

  get isRefused(): boolean {
    return this.#troubled;
  }

  isFull(policy: WhenFull): boolean {
    return this.#full || (policy === 'pause' && this.#tight);
  }

  async append(entry: Append): Promise<void> {
    for (const batch of entry.batches) assertStorable(batch);
    if (entry.cursor !== undefined) this.#cursors.set(entry.cursor.machine, entry.cursor.cursor);
    return this.#enqueue(() => this.#queue.append(entry));
  }

  async settle(ids: readonly number[], within = 0): Promise<void> {
    if (within === 0 || this.#committing !== undefined) return this.#enqueue(() => this.#queue.settle(ids));
    this.#assertOpen();
    this.#markTimer ??= setTimeout(() => this.#startCommit(), within);
    return this.#queue.settle(ids);
  }

  hold(id: number, until: number, reason: string): Promise<void> {
    return this.#enqueue(() => this.#queue.hold({ id, until, reason }));
  }

  async claim(claim: Claim): Promise<StoredBatch[]> {
    this.#assertOpen();
    return this.#link.call({ type: 'claim', claim, now: this.#steady.now() });
  }

  giveBack(lease: number): void {
    // Where the thread is gone there is nobody to use it.
    this.#link.call({ type: 'giveBack', lease }).catch(() => undefined);
  }

  async due(limit: number): Promise<StoredBatch[]> {
    this.#assertOpen();
    return this.#link.call({ type: 'due', limit, now: this.#steady.now() });
  }

  async find(ids: readonly number[]): Promise<StoredBatch[]> {
    this.#assertOpen();
    return this.#link.call({ type: 'find', ids, now: this.#steady.now() });
  }

  async boundary(before: number): Promise<number> {
    this.#assertOpen();
    return this.#link.call({ type: 'boundary', before });
  }

  async weigh(after: number, upTo: number): Promise<Omit<LaneStats, 'oldest'>> {
    this.#assertOpen();
    return this.#link.call({ type: 'weigh', after, upTo });
  }

  async recall(recall: Recall, after: number, limit: number, maxBytes: number): Promise<StoredBatch[]> {
    this.#assertOpen();
    return this.#link.call({ type: 'recall', recall, after, limit, maxBytes });
  }

  async split(id: number, parts: number): Promise<boolean> {
    this.#assertOpen();
    const isSplit = await this.#link.call({ type: 'split', id, parts, terms: this.#terms });
    if (isSplit) for (const listener of this.#listeners) listener(new Set(['live']));
    return isSplit;
  }

  async release(machine?: string): Promise<number> {
    this.#assertOpen();
    return this.#link.call({ type: 'release', machine, now: this.#steady.now() });
  }

  async cursor(machine: string): Promise<Cursor | undefined> {
    this.#assertOpen();
    return this.#cursors.get(machine) ?? this.#link.call({ type: 'cursor', machine });
  }

  async stats(): Promise<OutboxStats> {
    this.#assertOpen();
    const stats = await this.#link.call({ type: 'stats', now: this.#steady.now() });
    return { ...stats, maxBytes: this.#budget.maxBytes };
  }

  async state(machine: string): Promise<MachineState | undefined> {
    this.#assertOpen();
    return this.#link.call({ type: 'state', machine });
  }

  async idBefore(time: number): Promise<number> {
    this.#assertOpen();
    return this.#link.call({ type: 'idBefore', time });
  }

  async idNear(time: number): Promise<number> {
    this.#assertOpen();
    return this.#link.call({ type: 'idNear', time });
  }

  async telemetry(range: HistoryRange, limit: number, maxBytes: number): Promise<StoredBatch[]> {
    this.#assertOpen();
    return this.#link.call({ type: 'telemetry', range, limit, maxBytes });
  }

  async noticeChannels(): Promise<string[]> {
    this.#assertOpen();
    return this.#link.call({ type: 'noticeChannels' });
  }

  async notices(channel: string, limit: number): Promise<StoredNotice[]> {
    this.#assertOpen();
    return this.#link.call({ type: 'notices', channel, limit });
  }

  async endNotice(id: number): Promise<void> {
    this.#assertOpen();
    return this.#link.call({ type: 'endNotice', id });
  }

  async delayNotice(id: number, until: number): Promise<void> {
    this.#assertOpen();
    return this.#link.call({ type: 'delayNotice', id, until });
  }

  async repairClock(origin: number): Promise<{ moved: number; told: number }> {
    this.#assertOpen();
    await this.#committing;
    const sum = { moved: 0, told: 0 };
    for (let more = true; more; ) {
      const slice = await this.#link.call({ type: 'repairClock', origin, terms: this.#terms });
      sum.moved += slice.moved;
      sum.told += slice.told;
      more = slice.more;
    }
    if (sum.moved + sum.told > 0) for (const listener of this.#listeners) listener(new Set(['live']));
    return sum;
  }

  async room(policy: WhenFull, signal: AbortSignal): Promise<void> {
    this.#assertOpen();
    while (this.isFull(policy)) await untilAborted(this.#roomAgain.promise, signal);
  }

  setBudget(budget: Budget): void {
    this.#budget = budget;
    this.#tidyIn(0);
  }

  onStored(listener: (lanes: ReadonlySet<Lane>) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    this.#closed ??= this.#shutDown();
    return this.#closed;
  }

  async #shutDown(): Promise<void> {
    clearTimeout(this.#tidyTimer);
    this.#startCommit();
    this.#closing.abort();
    await this.#committing;
    const closed = new Fault('us', 'the outbox is closed');
    this.#end(closed);
    try {
      await this.#link.call({ type: 'close' });
    } catch (error) {
      // What is committed is safe in the WAL; the next start moves it.
      this.#log.warn(`the outbox was not closed in order: ${explain(error)}`);
    } finally {
      await this.#link.stop();
    }
  }

  get #terms(): Terms {
    return { now: this.#steady.now(), wall: this.#clock.now(), budget: this.#budget };
  }

  #assertOpen(): void {
    if (this.#closing.signal.aborted) throw new Fault('us', 'the outbox is closed');
  }

  async #enqueue(add: () => Promise<void>): Promise<void> {
    this.#assertOpen();
    const done = add();
    this.#startCommit();
    return done;
  }

  #startCommit(): void {
    clearTimeout(this.#markTimer);
    this.#markTimer = undefined;
    this.#committing ??= this.#commitAll().finally(() => {
      this.#committing = undefined;
    });
  }

  /** Commits group after group until nothing waits. Never rejects: each caller is told about its own entry. */
  async #commitAll(): Promise<void> {
    // What is handed over in the same turn of the event loop shares the first commit.
    await null;
    while (!this.#queue.empty) {
      const lastTry = this.#closing.signal.aborted;
      const taken = this.#queue.take();
      try {
        const reply = await this.#link.call({ type: 'commit', group: taken.group, terms: this.#terms });
        this.#book(taken, reply);
        if (reply.fault === undefined) continue;
        if (lastTry) this.#queue.rejectAll(faultFrom(reply.fault));
        else await sleep(this.#backoff.next(), undefined, { signal: this.#closing.signal }).catch(() => undefined);
      } catch (error) {
        // Damage, or the thread is gone: no retry can help.
        const fault = error as Fault;
        this.#queue.rejectAll(fault, taken);
        this.#link.fail(fault);
      }
    }
  }

  #book(taken: Taken, reply: CommitReply): void {
    if (reply.pressure !== undefined) this.#take(reply.pressure);
    if (reply.fault === undefined) this.#healed();
    else this.#tell(faultFrom(reply.fault));
    this.#queue.book(taken, reply);
    const lanes = new Set(taken.group.appends.flatMap(({ batches }) => batches.map(({ lane }) => lane)));
    if (!reply.appended || lanes.size === 0) return;
    for (const listener of this.#listeners) listener(lanes);
  }

  #take({ full, tight, more, shed }: Pressure): void {
    const waits = this.isFull('pause');
    if (full && !this.#full) {
      this.#log.warn(
        'the buffer is full of data that nobody has acknowledged: machines are not read until there is room',
      );
    }
    if (!full && this.#full) this.#log.info('the buffer has room again');
    const hadRoom = !this.#full;
    this.#full = full;
    this.#tight = tight;
    if ((waits && !this.isFull('pause')) || (!full && !hadRoom)) {
      this.#roomAgain.resolve();
      this.#roomAgain = newRoom();
    }
    this.#tellShed(shed);
    this.#tidyIn(more ? TIDY_BUSY_MS : TIDY_IDLE_MS);
  }

  #tellShed({ thinned, dropped }: Pressure['shed']): void {
    this.#given = { thinned: this.#given.thinned + thinned, dropped: this.#given.dropped + dropped };
    const now = this.#steady.now();
    if (this.#given.thinned + this.#given.dropped === 0 || now - this.#givenToldAt < SHED_TOLD_MS) return;
    const parts = [
      ...(this.#given.thinned > 0 ? [`${this.#given.thinned} observations were thinned to rollups of a minute`] : []),
      ...(this.#given.dropped > 0 ? [`${this.#given.dropped} observations were dropped`] : []),
    ];
    this.#log.warn(
      `the buffer is full of data that nobody has acknowledged: ${parts.join(' and ')}, and recorded as gaps: bring the uplink back, or raise buffer.maxBytes`,
    );
    this.#given = { thinned: 0, dropped: 0 };
    this.#givenToldAt = now;
  }

  #tidyIn(ms: number): void {
    clearTimeout(this.#tidyTimer);
    if (this.#closing.signal.aborted) return;
    this.#tidyTimer = setTimeout(() => void this.#tidy(), ms).unref();
  }

  async #tidy(): Promise<void> {
    try {
      this.#take(await this.#link.call({ type: 'tidy', terms: this.#terms }));
    } catch (error) {
      if (this.#closing.signal.aborted) return;
      this.#tell(error as Fault);
      this.#tidyIn(TIDY_IDLE_MS);
    }
  }

  #tell(fault: Fault): void {
    if (!this.#troubled) this.#log.error(`${explain(fault)}. Nothing is dropped; trying again.`);
    this.#troubled = true;
  }

  #healed(): void {
    if (this.#troubled) this.#log.info('the disk takes data again');
    this.#troubled = false;
    this.#backoff.reset();
  }

  /** Nobody waits for room or a commit any more. */
  #end(fault: Fault): void {
    clearTimeout(this.#tidyTimer);
    clearTimeout(this.#markTimer);
    this.#roomAgain.reject(fault);
    this.#queue.rejectAll(fault);
  }
}

/** The database would refuse it and, with it, what other machines have in the same transaction. */
function assertStorable({ machine, kind, lane, t0, count, origin = 0 }: NewBatch): void {
  const sound = ID_PATTERN.test(machine) && KINDS.includes(kind) && LANES.includes(lane);
  if (sound && [t0, count, origin].every(Number.isSafeInteger)) return;
  throw new Fault('us', `not a batch: ${JSON.stringify({ machine, kind, lane, t0, count, origin })}`);
}

function newRoom(): PromiseWithResolvers<void> {
  const room = Promise.withResolvers<void>();
  // It is rejected at the end whether somebody waits or not.
  room.promise.catch(() => undefined);
  return room;
}
