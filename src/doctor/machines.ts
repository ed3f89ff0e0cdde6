import { pino } from 'pino';
import { within } from '../abort.ts';
import { systemClock } from '../clock.ts';
import type { Config, MachineConfig } from '../config/schema.ts';
import type { Driver, DriverModule } from '../drivers/driver.ts';
import { driverFolder } from '../drivers/folder.ts';
import { Fault } from '../errors.ts';
import { failed, type Section } from './check.ts';
import { judgeMachine } from './judge-machine.ts';
import type { Watched } from './machine-record.ts';
import { GRACE_MS, STOP_MS, watchMachine } from './watch-machine.ts';

/** For what a driver does before it reads. */
const MARGIN_MS = 2000;
/** Packages of others may hang. */
const LOAD_MS = 20_000;

type Create = Awaited<ReturnType<DriverModule['load']>>;

/** Drivers by name; a promise rejects where one cannot be loaded. */
export type LoadedDrivers = ReadonlyMap<string, Promise<Create>>;

/**
 * Loads each driver that the machines name once, as a gateway does. Resolves when all are loaded or have failed, after
 * 20 s at the latest: loading takes the processor for a second, in which nothing could be measured.
 */
export async function loadDrivers(
  machines: readonly MachineConfig[],
  drivers: Readonly<Record<string, DriverModule>>,
): Promise<LoadedDrivers> {
  const names = new Set(machines.map(({ driver }) => driver));
  const loaded = new Map([...names].map((name) => [name, load(name, drivers[name])]));
  await within(LOAD_MS, Promise.allSettled(loaded.values()));
  return loaded;
}

async function load(name: string, driverModule: DriverModule | undefined): Promise<Create> {
  if (driverModule === undefined) throw new Fault('config', `there is no driver ${name}`);
  return driverModule.load();
}

export interface MachinesSetup {
  readonly config: Config;
  readonly loaded: LoadedDrivers;
  /** Milliseconds to watch each machine. */
  readonly duration: number;
  /** Told what a machine did, for what is judged over all of them. */
  readonly watched: (machine: string, watched: Watched) => void;
}

/** A section for each machine: its driver runs as it does in the gateway. */
export function machineSections(machines: readonly MachineConfig[], setup: MachinesSetup): Section[] {
  return machines.map((machine) => ({
    group: 'machines',
    subject: machine.id,
    limit: setup.duration + GRACE_MS + STOP_MS + MARGIN_MS,
    async run(tell, signal) {
      let driver: Driver | undefined;
      try {
        const create = await setup.loaded.get(machine.driver);
        driver = create?.(machine, {
          machine: machine.id,
          log: pino({ level: 'silent' }),
          clock: systemClock,
          folder: driverFolder(setup.config.gateway.dataDir, machine.driver),
        });
      } catch (error) {
        tell(failed('driver', error));
      }
      if (driver === undefined) return;
      const watched = await watchMachine(driver, { clock: systemClock, duration: setup.duration }, signal);
      setup.watched(machine.id, watched);
      for (const finding of judgeMachine(watched)) tell(finding);
    },
  }));
}
