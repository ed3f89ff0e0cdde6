import { join, resolve } from 'node:path';

/** Where a driver keeps what must outlive a restart: `DriverContext.folder`. A package's scope is part of its name. */
export function driverFolder(dataDir: string, driver: string): string {
  return join(resolve(dataDir), 'drivers', driver.replace('/', '+'));
}
