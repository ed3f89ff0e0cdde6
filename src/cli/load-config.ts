import { configErrorText, type LoadOptions, type LoadResult, loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import type { DriverModule } from '../drivers/driver.ts';
import { loadDriverPackages } from '../drivers/packages.ts';
import { drivers } from '../drivers/registry.ts';

/** Every driver that can be used, by name. */
export type DriverModules = Readonly<Record<string, DriverModule>>;

/** A config and the drivers that its machines name: ours, and those of packages. */
export interface Loaded {
  readonly config: Config;
  readonly drivers: DriverModules;
}

/** Loads a config with the packages of the drivers that it names. Never rejects. */
export async function loadWithDrivers(
  file: string,
  options: LoadOptions = {},
): Promise<{ readonly result: LoadResult; readonly drivers: DriverModules }> {
  // Mostly there are none: then the config is parsed once, which for thousands of signals is most of a start.
  const ours = loadConfig(file, drivers, options);
  if ('config' in ours) return { result: ours, drivers };
  const { packages, unusable } = await loadDriverPackages(file, Object.keys(drivers));
  const all = { ...packages, ...drivers };
  return { result: loadConfig(file, all, { ...options, unusable }), drivers: all };
}

/** The config of a file with its drivers, or undefined when it has errors. Errors and warnings are told on stderr. */
export async function loadOrTell(file: string, options?: LoadOptions): Promise<Loaded | undefined> {
  const { result, drivers } = await loadWithDrivers(file, options);
  for (const warning of result.warnings) process.stderr.write(`${configErrorText(warning, 'warning')}\n`);
  if ('config' in result) return { config: result.config, drivers };
  for (const error of result.errors) process.stderr.write(`${configErrorText(error)}\n`);
  return undefined;
}

/** As `loadOrTell`, where the drivers are of no use. */
export async function loadConfigOrTell(file: string, options?: LoadOptions): Promise<Config | undefined> {
  return (await loadOrTell(file, options))?.config;
}
