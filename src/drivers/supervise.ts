import { setTimeout as sleep } from 'node:timers/promises';
import { aborted } from '../abort.ts';
import { Backoff, type BackoffRange } from '../backoff.ts';
import type { Clock } from '../clock.ts';
import { explain, Fault, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Cursor, MachineEvent, Reading } from '../observation.ts';
import type { Driver } from './driver.ts';

/** Pause before a driver that failed is started again. */
export const RESTART_BACKOFF: BackoffRange = { min: 1000, max: 30_000 };
/** A fault that stays the same is told again after this long. */
const REPEAT_LOG_MS = 5 * 60_000;

/** Where a machine's readings go. */
export interface Sink {
  /** Resolves when the next reading may be pulled. */
  accept(reading: Reading, signal: AbortSignal): Promise<void>;
  tell(event: MachineEvent): void;
}

export interface Supervised {
  readonly driver: Driver;
  readonly sink: Sink;
  /** The machine's last durable cursor. */
  readonly cursor: Cursor | undefined;
  readonly log: Log;
  readonly clock: Clock;
  readonly backoff?: Backoff;
}

/**
 * Keeps one machine's driver running until `signal` aborts: pulls its readings into the sink and starts it again, from
 * the last cursor that the sink took, when it ends. A fault of the config stops the machine, and nothing but the
 * machine, until a reload. Never throws.
 */
export async function supervise(machine: Supervised, signal: AbortSignal): Promise<void> {
  const { driver, sink, log, clock, backoff = new Backoff(RESTART_BACKOFF) } = machine;
  let cursor = machine.cursor;
  let told = { text: '', at: 0 };
  while (!signal.aborted) {
    try {
      for await (const reading of driver.observe(cursor, signal)) {
        for (const event of reading.events ?? []) logEvent(event, log);
        await sink.accept(reading, signal);
        cursor = reading.cursor ?? cursor;
        if (reading.cursor === undefined && reading.observations.length === 0) continue;
        told = { text: '', at: 0 };
        backoff.reset();
      }
      throw new Fault('us', 'the driver ended without a reason');
    } catch (error) {
      if (signal.aborted) return;
      const delay = backoff.next();
      const text = messageOf(error);
      const isConfig = error instanceof Fault && error.of === 'config';
      if (text !== told.text || performance.now() - told.at >= REPEAT_LOG_MS) {
        if (text !== told.text) sink.tell({ type: 'driver', t: clock.now(), state: 'failed', message: text });
        told = { text, at: performance.now() };
        const next = isConfig ? 'The machine stays down until the config is mended and reloaded' : 'Trying again';
        log.error(error instanceof Fault ? {} : { err: error }, `${explain(error)}. ${next}.`);
      }
      // A machine that only a person can mend waits for the reload, which aborts it.
      await (isConfig ? aborted(signal) : sleep(delay, undefined, { signal }).catch(() => undefined));
    }
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
