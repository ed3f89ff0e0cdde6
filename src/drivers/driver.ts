import type { z } from 'zod';
import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { Cursor, Reading } from '../observation.ts';

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
}

/** What every driver instance is handed. */
export interface DriverContext {
  /** Id of the machine, for messages. */
  readonly machine: string;
  readonly log: Log;
  readonly clock: Clock;
}

/** A protocol: its folder under `src/drivers/` and its line in the registry. */
export interface DriverModule<Settings extends z.ZodObject = z.ZodObject> {
  /** The driver's own keys of a machine entry; `id`, `driver` and `labels` are the gateway's. */
  readonly settings: Settings;
  /** Imports the code when the first machine needs it, so that an unused protocol costs no memory. */
  load(): Promise<(settings: z.output<Settings>, context: DriverContext) => Driver>;
}
