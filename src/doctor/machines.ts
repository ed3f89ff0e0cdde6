import { pino } from 'pino';
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

export interface MachinesSetup {
  readonly config: Config;
  readonly drivers: Readonly<Record<string, DriverModule>>;
  /** Milliseconds to watch each machine. */
  readonly duration: number;
  /** Told what a machine did, for what is judged over all of them. */
  readonly watched: (machine: string, watched: Watched) => void;
}

/** A section for each machine: its driver runs as it does in the gateway. Each driver is loaded once. */
export function machineSections(machines: readonly MachineConfig[], setup: MachinesSetup): Section[] {
  const loading = new Map<string, ReturnType<DriverModule['load']>>();
  const load = (driver: string) => {
    const loaded = loading.get(driver) ?? loadDriver(driver, setup);
    loading.set(driver, loaded);
    return loaded;
  };
  return machines.map((machine) => ({
    group: 'machines',
    subject: machine.id,
    limit: setup.duration + GRACE_MS + STOP_MS + MARGIN_MS,
    async run(tell, signal) {
      let driver: Driver;
      try {
        driver = (await load(machine.driver))(machine, {
          machine: machine.id,
          log: pino({ level: 'silent' }),
          clock: systemClock,
          folder: driverFolder(setup.config.gateway.dataDir, machine.driver),
        });
      } catch (error) {
        tell(failed('driver', error));
        return;
      }
      const watched = await watchMachine(driver, { clock: systemClock, duration: setup.duration }, signal);
      setup.watched(machine.id, watched);
      for (const finding of judgeMachine(watched)) tell(finding);
    },
  }));
}

async function loadDriver(driver: string, { drivers }: MachinesSetup): ReturnType<DriverModule['load']> {
  const driverModule = drivers[driver];
  if (driverModule === undefined) throw new Fault('config', `there is no driver ${driver}`);
  return driverModule.load();
}
