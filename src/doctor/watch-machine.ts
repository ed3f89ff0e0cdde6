import { setTimeout as sleep } from 'node:timers/promises';
import { aborted, within } from '../abort.ts';
import type { Clock } from '../clock.ts';
import { type Driver, vitalsOf } from '../drivers/driver.ts';
import { MachineRecord, type Watched } from './machine-record.ts';

/** A driver that has read nothing yet gets this much longer to say why. */
export const GRACE_MS = 3000;
/** A driver that has been told to stop gets so long. */
export const STOP_MS = 1000;
/** How often it is looked whether everything is known. */
const LOOK_MS = 250;

export interface WatchOptions {
  readonly clock: Clock;
  /** Milliseconds to watch for at most; it ends sooner once everything is known. */
  readonly duration: number;
}

/** Runs a driver from the start for a while, as the gateway would. @throws the abort reason */
export async function watchMachine(
  driver: Driver,
  { clock, duration }: WatchOptions,
  signal: AbortSignal,
): Promise<Watched> {
  const record = new MachineRecord();
  const begun = performance.now();
  const elapsed = () => performance.now() - begun;
  const stop = new AbortController();
  const stopped = AbortSignal.any([signal, stop.signal]);
  const reading = read(driver, (one) => record.take(one, elapsed(), clock.now()), stopped);
  const isOver = () => {
    if (record.isComplete(elapsed())) return true;
    const isMute = record.firstAt === undefined && record.failure === undefined;
    return elapsed() >= duration + (isMute ? GRACE_MS : 0);
  };
  let ended: { readonly fault: unknown } | undefined;
  const over = reading.then((fault) => {
    ended = { fault };
  });
  while (ended === undefined && !isOver()) {
    await Promise.race([over, aborted(signal), sleep(LOOK_MS)]);
    signal.throwIfAborted();
  }
  const fault = ended;
  const vitals = vitalsOf(driver);
  const length = elapsed();
  stop.abort(new Error('watched long enough'));
  await within(STOP_MS, over);
  return { record, duration: length, vitals, ...fault };
}

/** Resolves with what the driver threw. */
async function read(
  driver: Driver,
  take: (reading: Parameters<MachineRecord['take']>[0]) => void,
  signal: AbortSignal,
): Promise<unknown> {
  try {
    for await (const reading of driver.observe(undefined, signal)) take(reading);
    return new Error('the driver ended without a reason');
  } catch (error) {
    return error;
  }
}
