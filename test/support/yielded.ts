import type { Driver } from '../../src/drivers/driver.ts';
import type { Cursor, MachineEvent, Observation, Reading } from '../../src/observation.ts';

/** Everything that a driver yielded. */
export class Yielded {
  readonly readings: Reading[] = [];

  get observations(): Observation[] {
    return this.readings.flatMap(({ observations }) => observations);
  }

  get events(): MachineEvent[] {
    return this.readings.flatMap(({ events }) => events ?? []);
  }

  get cursor(): Cursor | undefined {
    return this.readings.findLast(({ cursor }) => cursor !== undefined)?.cursor;
  }

  of<T extends MachineEvent['type']>(type: T): Extract<MachineEvent, { type: T }>[] {
    return this.events.filter((event): event is Extract<MachineEvent, { type: T }> => event.type === type);
  }

  notices(code: string): string[] {
    return this.of('notice').flatMap((event) => (event.code === code ? [event.message] : []));
  }

  signal(name: string): Observation[] {
    return this.observations.filter(({ signal }) => signal === name);
  }

  values(name: string): unknown[] {
    return this.signal(name).map(({ v }) => v);
  }
}

export interface CollectOptions {
  readonly from?: Cursor | undefined;
  /** Called after each reading; true ends. */
  readonly until?: (yielded: Yielded, reading: Reading) => boolean;
  /** Called with each reading before the next is pulled. */
  readonly each?: (reading: Reading, yielded: Yielded) => Promise<void> | void;
  /** Milliseconds after which it gives up. */
  readonly within?: number;
  /** To be added to; default: a new one. */
  readonly yielded?: Yielded;
}

/** Pulls readings until the test has enough. @throws what the driver throws */
export async function collect(driver: Driver, options: CollectOptions): Promise<Yielded> {
  const { from, until, each, within = 8000, yielded = new Yielded() } = options;
  for await (const reading of driver.observe(from, AbortSignal.timeout(within))) {
    yielded.readings.push(reading);
    await each?.(reading, yielded);
    if (until?.(yielded, reading)) break;
  }
  return yielded;
}
