import type { z } from 'zod';
import type { StampClock } from '../clock.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { Cursor, Reading } from '../observation.ts';
import type { Sign } from './pulse.ts';
import type { DriverTools } from './toolbox.ts';

/**
 * One instance reads one machine.
 *
 * `observe` is called once at a time. It yields readings in the machine's own order and never holds one back to wait
 * for another. It is pulled: while the consumer does not ask, it must not read further than a bounded look-ahead, so
 * that the machine's own buffer holds the data. `from` is the last cursor that became durable; everything after it is
 * yielded again, nothing before it.
 *
 * It ends only by throwing: a `Fault` of the machine (the supervisor restarts it with backoff) or of the config (the
 * machine stays down until the config changes). When `signal` aborts it throws the abort reason within a second and
 * leaves no socket or timer behind. Whatever was lost is yielded as a gap, never skipped in silence.
 */
export interface Driver {
  observe(from: Cursor | undefined, signal: AbortSignal): AsyncIterable<Reading>;
  /** How the link to the machine is doing, as far as it is known now. Cheap, and safe to call at any time. */
  vitals?(): readonly Vital[];
  /**
   * Milliseconds that it may yield nothing and give no sign while all is well: its longest pause. Default 10 s. One that is silent for
   * much longer (`gateway.watchdog`) hangs, and is replaced.
   */
  readonly patience?: number;
}

/** One figure of a link, judged for the technician. */
export interface Vital {
  /** What was looked at, the same in every call, e.g. `clock skew`, `poll cycle`. */
  readonly name: string;
  readonly level: 'good' | 'warn' | 'bad';
  /** The figure in words, e.g. `the agent's clock is 2.1 s behind`. */
  readonly text: string;
  /** What to do about it, when it is not good. */
  readonly hint?: string;
}

/** How a driver's link is doing; a driver that cannot tell is told of. */
export function vitalsOf(driver: Driver): readonly Vital[] {
  try {
    return driver.vitals?.() ?? [];
  } catch (error) {
    return [{ name: 'vitals', level: 'warn', text: `the driver cannot tell how it is: ${messageOf(error)}` }];
  }
}

/** What every driver instance is handed. */
export interface DriverContext {
  /** Id of the machine, for messages. */
  readonly machine: string;
  readonly log: Log;
  /** Of the gateway. A reading whose times are all its own says so by `origin`. */
  readonly clock: StampClock;
  /**
   * Absolute path of a folder for what must outlive a restart (certificates, caches): the driver's own, shared by its
   * machines. It need not exist: who writes first makes it.
   */
  readonly folder: string;
  /**
   * Takes signs of life beside readings: that the machine answered, that the driver's loop goes round although the machine does not,
   * that an answer could not be understood. Cheap; absent where nobody watches.
   */
  readonly sign?: (sign: Sign) => void;
}

/** A machine entry of the config whose keys were found to fit the driver's settings. */
export interface ConfiguredMachine<Settings extends z.ZodObject = z.ZodObject> {
  readonly id: string;
  readonly settings: z.output<Settings>;
}

/** Something about the settings that their schema alone cannot tell. */
export interface SettingsFinding {
  /** Index into the machines that were checked. */
  readonly machine: number;
  /** Keys below the machine's entry, e.g. `['signals', 'rpm', 'address']`. */
  readonly path: readonly (string | number)[];
  /** What is wrong and what would be right; never a value that may be a secret. */
  readonly message: string;
  readonly level?: 'error' | 'warning';
}

/** A protocol: its folder under `src/drivers/` and its line in the registry. */
export interface DriverModule<Settings extends z.ZodObject = z.ZodObject> {
  /** The driver's own keys of a machine entry; `id`, `driver` and `labels` are the gateway's. */
  readonly settings: Settings;
  /** Judges all machines of this driver together: keys that contradict each other, links that cannot carry them all. */
  check?(machines: readonly ConfiguredMachine<Settings>[]): readonly SettingsFinding[];
  /**
   * Imports the code when the first machine needs it, so that an unused protocol costs no memory. Called once by a
   * gateway: what the machines of one gateway share (a serial bus, a certificate store) lives in the closure it returns.
   */
  load(): Promise<(settings: z.output<Settings>, context: DriverContext) => Driver>;
  /** What `probe` and `discover` use; a driver without it is configured by hand. */
  readonly tools?: DriverTools;
}
