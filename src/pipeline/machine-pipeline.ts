import { untilAborted } from '../abort.ts';
import type { Clock, ClockQuality, StampClock } from '../clock.ts';
import { LatestValues } from '../history/latest.ts';
import type { Log } from '../log.ts';
import type { Cursor, Gap, MachineEvent, Observation, Quality, Reading, Value } from '../observation.ts';
import type { NewNotice } from '../outbox/local.ts';
import type { Append, NewBatch, Outbox, WhenFull } from '../outbox/outbox.ts';
import { type AlertSource, noticesOf, sealAlerts } from './alerts.ts';
import { TelemetryBatcher } from './batcher.ts';
import type { Derived } from './engines.ts';
import { MachineFigures, Totals } from './figures.ts';
import type { MachineEngines } from './no-engines.ts';
import { type Transition, UNPUBLISHED } from './rules/rule.ts';
import { Uncommitted, weightOf } from './uncommitted.ts';

/** An idle machine's cursor moves with every heartbeat; writing each one would wear the card for nothing. */
const IDLE_CURSOR_MS = 10_000;

/** What engines know is written so often at least, and with each alert: a start goes through what came since. */
const STATE_MS = 5 * 60_000;

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
  readonly engines: MachineEngines;
  /** Ids of the channels that tell of a rule's alerts. */
  readonly channelsOf: (rule: string) => readonly string[];
  readonly source: AlertSource;
  /** What another machine's rules may want to know. */
  readonly observed: (observation: Observation) => void;
  /** Takes the last values; default: its own. */
  readonly latest?: LatestValues;
  /** Something was lost. */
  readonly lost?: (gap: Gap) => void;
  /** Counts what is told of all machines together; default: its own. */
  readonly totals?: Totals;
  /** Bounds what waits for the disk, of all machines together; default: of this one alone. */
  readonly uncommitted?: Uncommitted;
  /** What people are told of a step of an alert, if anything; default: all of it. */
  readonly toTell?: (transition: Transition) => Transition | undefined;
  /** So many observations were handed over to be stored. */
  readonly stored?: (observations: number) => void;
  readonly log: Log;
}

/**
 * Turns one machine's readings into batches and hands them to the outbox, each with the cursor that it brings the
 * machine to. What was accepted is in the next `flush` at the latest; nothing is dropped and the order is kept.
 */
export class MachinePipeline {
  readonly #options: MachinePipelineOptions;
  readonly #batcher = new TelemetryBatcher();
  /** What is not sent as it is. */
  readonly #local = new TelemetryBatcher();
  readonly #units = new Map<string, string>();
  readonly #unitOf = (signal: string) => this.#units.get(signal);
  readonly #latest: LatestValues;
  readonly #totals: Totals;
  readonly #uncommitted: Uncommitted;
  /** What was counted since it was made. */
  readonly figures: MachineFigures;
  #events: MachineEvent[] = [];
  /** Of the clock that stamped what waits in the batcher, and in `#events`; undefined: the machine's own. */
  #origin: number | undefined;
  #eventOrigin: number | undefined;
  /** Batches that were full before their cursor was known. */
  #sealed: NewBatch[] = [];
  #notices: NewNotice[] = [];
  #cursor: Cursor | undefined;
  #appendedAt = 0;
  /** None is known: the first goes out with the first data. */
  #stateAt = Number.NEGATIVE_INFINITY;
  #isAheadTold = false;
  /** Appends that wait for the disk, the oldest first, and what they weigh. */
  readonly #pending = new Set<Promise<void>>();
  #pendingBytes = 0;

  constructor(options: MachinePipelineOptions) {
    this.#options = options;
    this.#latest = options.latest ?? new LatestValues();
    this.#totals = options.totals ?? new Totals();
    this.#uncommitted = options.uncommitted ?? new Uncommitted();
    this.figures = new MachineFigures(options.clock.now(), this.#totals);
  }

  /** Whether it waits for room in the outbox. */
  get isHeldUp(): boolean {
    const { outbox, whenFull } = this.#options;
    return outbox.isFull(whenFull());
  }

  /** The last value of each signal; those of an instant ago as well. */
  latest(): LatestValues {
    this.#batcher.latest(this.#takeLatest);
    this.#local.latest(this.#takeLatest);
    return this.#latest;
  }

  /** Bound, as it is handed to the batchers. */
  readonly #takeLatest = (signal: string, t: number, v: Value, q: Quality): void =>
    this.#latest.observe(signal, this.#units.get(signal), t, v, q);

  /** Takes a reading and resolves when the next one may be pulled. Rejects when `signal` aborts meanwhile. */
  async accept(reading: Reading, signal: AbortSignal): Promise<void> {
    this.figures.reading(reading, this.#options.clock.now());
    for (const event of reading.events ?? []) this.#note(event, reading.origin);
    if (reading.origin !== this.#origin) {
      this.#sealTelemetry();
      this.#sealLocal();
    }
    this.#origin = reading.origin;
    this.#observe(reading.observations);
    this.#cursor = reading.cursor ?? this.#cursor;
    const isAlert = this.#derive(this.#take());
    if (isAlert || this.#sealed.length > 0) this.#append();
    await this.#commits(signal);
    const { outbox, whenFull } = this.#options;
    if (outbox.isFull(whenFull())) await outbox.room(whenFull(), signal);
  }

  /** Resolves when there is not too much that waits for the disk. */
  async #commits(signal: AbortSignal): Promise<void> {
    for (const oldest of this.#pending) {
      if (!this.#uncommitted.isFull(this.#pendingBytes)) return;
      await untilAborted(oldest, signal);
    }
  }

  /** Takes what another machine has observed, for the rules that read it. */
  observeOther(machine: string, observation: Observation): void {
    const { engines, steady } = this.#options;
    engines.observeOther(machine, observation, steady.now());
    this.emit(this.#take());
  }

  /** Lets event time go on where nothing is observed. */
  advance(): void {
    const { engines, steady } = this.#options;
    engines.advance(steady.now());
    this.emit(this.#take());
  }

  /** Somebody has seen the alert of a rule. Whether there was one. */
  acknowledge(rule: string, by: string): boolean {
    const { engines, steady } = this.#options;
    const found = engines.acknowledge(rule, steady.now(), by);
    this.emit(this.#take());
    return found;
  }

  /** Adds what engines have made; alerts are handed over at once. */
  emit(derived: Derived): void {
    if (this.#derive(derived)) this.#append();
  }

  #observe(observations: readonly Observation[]): void {
    const { engines, observed, steady, clock } = this.#options;
    const [now, wall] = [steady.now(), clock.now()];
    for (const observation of observations) {
      if (engines.isIdle) this.#add(observation);
      else this.#compute(observation, now, wall);
      observed(observation);
    }
  }

  #compute(observation: Observation, now: number, wall: number): void {
    const { engines } = this.#options;
    if (engines.isRaw(observation.signal)) this.#add(observation);
    else {
      const sent: Observation[] = [];
      engines.reduce(observation, sent);
      for (const one of sent) this.#add(one);
      this.#local.add(observation);
      if (this.#local.full) this.#sealLocal();
    }
    if (!engines.observe(observation, now, wall)) this.#tellAhead(observation);
  }

  #add(observation: Observation): void {
    this.#batcher.add(observation);
    if (this.#batcher.full) this.#sealTelemetry();
  }

  #take(): Derived {
    return this.#options.engines.take(this.#unitOf);
  }

  /** Whether there are alerts among it. */
  #derive({ observations, transitions, rollups, events }: Derived): boolean {
    for (const observation of observations) this.#add(observation);
    for (const event of events) this.#note(event, this.#origin);
    for (const { t0, count, rollups: body } of rollups) {
      this.#sealed.push(this.#batch('rollup', { t0, count, body: JSON.stringify(body) }, this.#origin));
    }
    const sealed = sealAlerts(transitions);
    if (sealed === undefined) return false;
    const { channelsOf, source, log } = this.#options;
    for (const transition of transitions) {
      this.#totals.transition(transition);
      logTransition(transition, log);
    }
    this.#sealed.push(this.#batch('alert', sealed, this.#origin));
    this.#notices.push(...noticesOf(transitions, channelsOf, source, this.#options.toTell));
    return true;
  }

  /** Once: a clock that is wrong stamps everything wrong. */
  #tellAhead({ signal, t }: Observation): void {
    if (this.#isAheadTold) return;
    this.#isAheadTold = true;
    const message = `${signal} is stamped ${new Date(t).toISOString()}, more than a day ahead: rules and features leave such values out`;
    this.tell({ type: 'notice', t: this.#options.clock.now(), code: 'time-ahead', message });
    this.#options.log.warn(message);
  }

  /** Adds an event of the gateway's own. */
  tell(event: MachineEvent): void {
    this.#note(event, this.#options.clock.origin());
  }

  /** Events of different clocks make different batches. */
  #note(event: MachineEvent, origin: number | undefined): void {
    this.figures.event(event);
    if (event.type === 'gap') this.#options.lost?.(event);
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
    const idle =
      this.#batcher.count + this.#local.count === 0 && this.#events.length === 0 && this.#sealed.length === 0;
    if (idle && this.#options.steady.now() - this.#appendedAt < IDLE_CURSOR_MS) return;
    this.#append();
  }

  /** Hands over everything and resolves when it is durable; rejects when the outbox is gone. */
  async drain(): Promise<void> {
    const waiting: Observation[] = [];
    this.#options.engines.flush(waiting);
    for (const observation of waiting) this.#add(observation);
    this.#append(true);
    await Promise.all(this.#pending);
  }

  #sealTelemetry(): void {
    this.#batcher.latest(this.#takeLatest);
    const sealed = this.#batcher.seal(this.#unitOf);
    if (sealed !== undefined) this.#sealed.push(this.#batch('telemetry', sealed, this.#origin));
  }

  #sealLocal(): void {
    this.#local.latest(this.#takeLatest);
    const sealed = this.#local.seal(this.#unitOf);
    if (sealed !== undefined) this.#sealed.push({ ...this.#batch('telemetry', sealed, this.#origin), local: true });
  }

  #sealEvents(): void {
    if (this.#events.length > 0) this.#sealed.push(this.#batch('event', sealEvents(this.#events), this.#eventOrigin));
    this.#events = [];
  }

  #append(isLast = false): void {
    // A reading's tail may still be in the batcher: the cursor may only go out with it.
    if (this.#batcher.count > 0) this.#sealTelemetry();
    this.#sealLocal();
    this.#sealEvents();
    // Events first: a consumer learns what a signal is before its values come.
    this.#options.stored?.(observationsIn(this.#sealed));
    const batches = this.#sealed.toSorted((a, b) => Number(b.kind === 'event') - Number(a.kind === 'event'));
    this.#sealed = [];
    const cursor = this.#cursor;
    this.#cursor = undefined;
    const notices = this.#notices;
    this.#notices = [];
    const { machine, engines, steady } = this.#options;
    const now = steady.now();
    const hasAlerts = batches.some(({ kind }) => kind === 'alert');
    const withState = !engines.isIdle && (hasAlerts || isLast || now - this.#stateAt >= STATE_MS);
    if (batches.length === 0 && cursor === undefined && !withState) return;
    this.#appendedAt = now;
    if (withState) this.#stateAt = now;
    this.#handOver({
      batches,
      ...(cursor === undefined ? {} : { cursor: { machine, cursor } }),
      ...(withState ? { state: { machine, state: engines.snapshot() } } : {}),
      ...(notices.length === 0 ? {} : { notices }),
    });
  }

  #handOver(entry: Append): void {
    const bytes = weightOf(entry);
    this.#pendingBytes += bytes;
    this.#uncommitted.add(bytes);
    const append = this.#options.outbox.append(entry).finally(() => {
      this.#pending.delete(append);
      this.#pendingBytes -= bytes;
      this.#uncommitted.add(-bytes);
    });
    // A rejection means that the outbox is gone, which ends the gateway; `drain` is told as well.
    append.catch(() => undefined);
    this.#pending.add(append);
  }

  #batch(
    kind: NewBatch['kind'],
    sealed: { t0: number; count: number; body: string },
    origin: number | undefined,
  ): NewBatch {
    const { machine, clock, clockQuality } = this.#options;
    const common = { machine, kind, lane: kind === 'alert' ? 'alert' : 'live', ...sealed } as const;
    if (origin === undefined) return { ...common, clock: clockQuality() };
    // What the clock stamped before it was set is as doubtful as it was then.
    return origin === clock.origin() && clockQuality() === 'synced'
      ? { ...common, clock: 'synced' }
      : { ...common, clock: 'unsynced', origin };
  }
}

function logTransition({ rule, state, t, values, reason, shadow }: Transition, log: Log): void {
  const isLoud = shadow !== true && (state === 'firing' || state === 'disabled');
  const level = UNPUBLISHED.includes(state) ? 'debug' : isLoud ? 'warn' : 'info';
  const why = reason === undefined ? '' : `: ${reason}`;
  log[level]({ rule, values, t }, `alert ${rule}: ${state}${shadow === true ? ' (on trial)' : ''}${why}`);
}

function sealEvents(events: readonly MachineEvent[]): { t0: number; count: number; body: string } {
  const t0 = Math.min(...events.map((event) => event.t));
  const body = JSON.stringify(events.map((event) => ({ ...event, t: event.t - t0 })));
  return { t0, count: events.length, body };
}

function observationsIn(batches: readonly NewBatch[]): number {
  return batches.reduce((sum, { kind, count }) => (kind === 'telemetry' ? sum + count : sum), 0);
}
