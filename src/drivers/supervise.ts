import { setTimeout as sleep } from 'node:timers/promises';
import { aborted, untilAborted, within } from '../abort.ts';
import { Backoff, type BackoffRange } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import { explain, Fault, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Cursor, MachineEvent, Reading } from '../observation.ts';
import { type Driver, type Vital, vitalsOf } from './driver.ts';
import { Pulse } from './pulse.ts';

/** Pause before a driver that failed is started again. */
export const RESTART_BACKOFF: BackoffRange = { min: 1000, max: 30_000 };
/** A fault that stays the same is told again after this long. */
const REPEAT_LOG_MS = 5 * 60_000;
/** What a driver that is let go gets to clean up; one that hangs is left behind. */
const LET_GO_MS = 1000;
/** Longest pause of a driver that does not say. */
const PATIENCE_MS = 10_000;

/** Where a machine's readings go. */
export interface Sink {
  /** Resolves when the next reading may be pulled. */
  accept(reading: Reading, signal: AbortSignal): Promise<void>;
  tell(event: MachineEvent): void;
}

export interface Supervised {
  /** Makes the driver; called again when one hangs and has to be replaced. */
  readonly create: () => Driver;
  readonly sink: Sink;
  /** The machine's last durable cursor. */
  readonly cursor: Cursor | undefined;
  readonly log: Log;
  readonly clock: Clock;
  readonly backoff?: Backoff;
  /** What the driver of `create` gives its signs to. */
  readonly pulse?: Pulse;
}

/**
 * Keeps one machine's driver running: pulls its readings into the sink and starts it again, from the last cursor that the sink took,
 * when it ends. A fault of the config stops the machine, and nothing but the machine, until a reload.
 */
export class Supervisor {
  readonly #machine: Supervised;
  readonly #backoff: Backoff;
  readonly #pulse: Pulse;
  #driver: Driver;
  #cursor: Cursor | undefined;
  #told = { text: '', at: 0 };
  #kick = new AbortController();
  /** How often a driver that hung was replaced. */
  #replaced = 0;

  constructor(machine: Supervised) {
    const { create, cursor, backoff = new Backoff(RESTART_BACKOFF), pulse = new Pulse() } = machine;
    this.#machine = machine;
    this.#backoff = backoff;
    this.#pulse = pulse;
    this.#driver = create();
    this.#cursor = cursor;
  }

  get pulse(): Pulse {
    return this.#pulse;
  }

  /** How often a driver that hung was replaced. */
  get replaced(): number {
    return this.#replaced;
  }

  /** Milliseconds that the driver may be silent while all is well. */
  get patience(): number {
    return this.#driver.patience ?? PATIENCE_MS;
  }

  /** How the link to the machine is doing. */
  vitals(): readonly Vital[] {
    return vitalsOf(this.#driver);
  }

  /** Lets go of a driver that hangs, whether or not it lets go, and goes on with a new one. */
  replace(why: string): void {
    this.#replaced += 1;
    this.#kick.abort(new Fault('us', why));
  }

  /** Runs until `signal` aborts. Never throws. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      this.#kick = new AbortController();
      const stop = AbortSignal.any([signal, this.#kick.signal]);
      try {
        await this.#read(stop);
        throw new Fault('us', 'the driver ended without a reason');
      } catch (error) {
        if (signal.aborted) return;
        if (this.#kick.signal.aborted) this.#driver = this.#machine.create();
        await this.#fail(this.#kick.signal.aborted ? this.#kick.signal.reason : error, signal);
      }
    }
  }

  /** Pulls until the driver ends or `stop` aborts. A `next` that never settles holds up nothing. @throws what it threw */
  async #read(stop: AbortSignal): Promise<void> {
    const readings = this.#driver.observe(this.#cursor, stop)[Symbol.asyncIterator]();
    try {
      for (;;) {
        this.#pulse.turnTo('reading');
        const { done, value } = await untilAborted(readings.next(), stop);
        if (done === true) return;
        await this.#take(value, stop);
      }
    } finally {
      await within(
        LET_GO_MS,
        Promise.resolve(readings.return?.()).catch(() => undefined),
      );
    }
  }

  async #take(reading: Reading, stop: AbortSignal): Promise<void> {
    const { sink, log } = this.#machine;
    this.#pulse.turnTo('handing-over');
    for (const event of reading.events ?? []) logEvent(event, log);
    await sink.accept(reading, stop);
    this.#cursor = reading.cursor ?? this.#cursor;
    if (reading.cursor === undefined && reading.observations.length === 0) return;
    this.#told = { text: '', at: 0 };
    this.#backoff.reset();
  }

  async #fail(error: unknown, signal: AbortSignal): Promise<void> {
    const { sink, log, clock } = this.#machine;
    this.#pulse.turnTo('waiting');
    this.#pulse.failures += 1;
    const delay = this.#backoff.next();
    const text = messageOf(error);
    const isConfig = error instanceof Fault && error.of === 'config';
    if (text !== this.#told.text || performance.now() - this.#told.at >= REPEAT_LOG_MS) {
      if (text !== this.#told.text) sink.tell({ type: 'driver', t: clock.now(), state: 'failed', message: text });
      this.#told = { text, at: performance.now() };
      const next = isConfig ? 'The machine stays down until the config is mended and reloaded' : 'Trying again';
      log.error(error instanceof Fault ? {} : { err: error }, `${explain(error)}. ${next}.`);
    }
    // A machine that only a person can mend waits for the reload, which aborts it.
    await (isConfig ? aborted(signal) : sleep(delay, undefined, { signal }).catch(() => undefined));
  }
}

/** What the cloud is told of a machine, the technician reads in the log. */
function logEvent(event: MachineEvent, log: Log): void {
  switch (event.type) {
    case 'driver':
      log[event.state === 'failed' ? 'error' : 'info'](
        event.message === undefined ? event.state : `${event.state}: ${event.message}`,
      );
      break;
    case 'gap':
      log.warn({ gap: event }, `gap: ${event.count ?? 'an unknown number of'} observations are lost (${event.cause})`);
      break;
    case 'notice':
      log.warn(event.message);
      break;
    case 'clock':
      break;
    case 'machine':
      log.info({ model: event.model }, `found, with ${Object.keys(event.signals).length} signals`);
      break;
  }
}
