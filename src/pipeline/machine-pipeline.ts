import { untilAborted } from '../abort.ts';
import type { Clock, ClockQuality, StampClock } from '../clock.ts';
import type { Cursor, MachineEvent, Reading } from '../observation.ts';
import type { NewBatch, Outbox, WhenFull } from '../outbox/outbox.ts';
import { TelemetryBatcher } from './batcher.ts';

/** Appends that may wait for the disk before the driver is no longer pulled: some 16,000 observations. */
const MAX_PENDING_APPENDS = 8;

/** An idle machine's cursor moves with every heartbeat; writing each one would wear the card for nothing. */
const IDLE_CURSOR_MS = 10_000;

export interface MachinePipelineOptions {
  readonly machine: string;
  /** Told with each machine event. */
  readonly labels: Readonly<Record<string, string>>;
  readonly outbox: Outbox;
  /** What happens when the buffer's budget is used up. */
  readonly whenFull: () => WhenFull;
  /** What events of the gateway itself are stamped by. */
  readonly clock: StampClock;
  /** Never set back. */
  readonly steady: Clock;
  readonly clockQuality: () => ClockQuality;
}

/**
 * Turns one machine's readings into batches and hands them to the outbox, each with the cursor that it brings the
 * machine to. What was accepted is in the next `flush` at the latest; nothing is dropped and the order is kept.
 */
export class MachinePipeline {
  readonly #options: MachinePipelineOptions;
  readonly #batcher = new TelemetryBatcher();
  readonly #units = new Map<string, string>();
  #events: MachineEvent[] = [];
  /** Of the clock that stamped what waits in the batcher, and in `#events`; undefined: the machine's own. */
  #origin: number | undefined;
  #eventOrigin: number | undefined;
  /** Batches that were full before their cursor was known. */
  #sealed: NewBatch[] = [];
  #cursor: Cursor | undefined;
  #appendedAt = 0;
  readonly #pending = new Set<Promise<void>>();

  constructor(options: MachinePipelineOptions) {
    this.#options = options;
  }

  /** Takes a reading and resolves when the next one may be pulled. Rejects when `signal` aborts meanwhile. */
  async accept(reading: Reading, signal: AbortSignal): Promise<void> {
    for (const event of reading.events ?? []) this.#note(event, reading.origin);
    if (reading.origin !== this.#origin) this.#sealTelemetry();
    this.#origin = reading.origin;
    for (const observation of reading.observations) {
      this.#batcher.add(observation);
      if (this.#batcher.full) this.#sealTelemetry();
    }
    this.#cursor = reading.cursor ?? this.#cursor;
    if (this.#sealed.length > 0) this.#append();
    while (this.#pending.size >= MAX_PENDING_APPENDS) await untilAborted(Promise.race(this.#pending), signal);
    const { outbox, whenFull } = this.#options;
    if (outbox.isFull(whenFull())) await outbox.room(whenFull(), signal);
  }

  /** Adds an event of the gateway's own. */
  tell(event: MachineEvent): void {
    this.#note(event, this.#options.clock.origin());
  }

  /** Events of different clocks make different batches. */
  #note(event: MachineEvent, origin: number | undefined): void {
    if (origin !== this.#eventOrigin) this.#sealEvents();
    this.#eventOrigin = origin;
    if (event.type !== 'machine') {
      this.#events.push(event);
      return;
    }
    for (const [signal, info] of Object.entries(event.signals)) {
      if (info.unit !== undefined) this.#units.set(signal, info.unit);
    }
    this.#events.push({ ...event, labels: this.#options.labels });
  }

  /** Hands over what has come since the last flush. A cursor that moved without data waits for up to ten seconds. */
  flush(): void {
    const idle = this.#batcher.count === 0 && this.#events.length === 0 && this.#sealed.length === 0;
    if (idle && this.#options.steady.now() - this.#appendedAt < IDLE_CURSOR_MS) return;
    this.#append();
  }

  /** Hands over everything and resolves when it is durable; rejects when the outbox is gone. */
  async drain(): Promise<void> {
    this.#append();
    await Promise.all(this.#pending);
  }

  #sealTelemetry(): void {
    const sealed = this.#batcher.seal((signal) => this.#units.get(signal));
    if (sealed !== undefined) this.#sealed.push(this.#batch('telemetry', sealed, this.#origin));
  }

  #sealEvents(): void {
    if (this.#events.length > 0) this.#sealed.push(this.#batch('event', sealEvents(this.#events), this.#eventOrigin));
    this.#events = [];
  }

  #append(): void {
    // A reading's tail may still be in the batcher: the cursor may only go out with it.
    if (this.#batcher.count > 0) this.#sealTelemetry();
    this.#sealEvents();
    // Events first: a consumer learns what a signal is before its values come.
    const batches = this.#sealed.toSorted((a, b) => Number(b.kind === 'event') - Number(a.kind === 'event'));
    this.#sealed = [];
    const cursor = this.#cursor;
    this.#cursor = undefined;
    if (batches.length === 0 && cursor === undefined) return;
    this.#appendedAt = this.#options.steady.now();
    const { machine, outbox } = this.#options;
    const append = outbox
      .append(cursor === undefined ? { batches } : { batches, cursor: { machine, cursor } })
      .finally(() => this.#pending.delete(append));
    // A rejection means that the outbox is gone, which ends the gateway; `drain` is told as well.
    append.catch(() => undefined);
    this.#pending.add(append);
  }

  #batch(
    kind: 'telemetry' | 'event',
    sealed: { t0: number; count: number; body: string },
    origin: number | undefined,
  ): NewBatch {
    const { machine, clock, clockQuality } = this.#options;
    const common = { machine, kind, lane: 'live', ...sealed } as const;
    if (origin === undefined) return { ...common, clock: clockQuality() };
    // What the clock stamped before it was set is as doubtful as it was then.
    return origin === clock.origin() && clockQuality() === 'synced'
      ? { ...common, clock: 'synced' }
      : { ...common, clock: 'unsynced', origin };
  }
}

function sealEvents(events: readonly MachineEvent[]): { t0: number; count: number; body: string } {
  const t0 = Math.min(...events.map((event) => event.t));
  const body = JSON.stringify(events.map((event) => ({ ...event, t: event.t - t0 })));
  return { t0, count: events.length, body };
}
