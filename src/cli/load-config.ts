import { configErrorText, type LoadOptions, loadConfig } from '../config/load.ts';
import type { Config, DriverSettings } from '../config/schema.ts';
import { drivers } from '../drivers/registry.ts';

/** What a config may say about each driver: the config knows no driver by itself. */
export function driverSettings(): DriverSettings {
  return Object.fromEntries(Object.entries(drivers).map(([name, { settings }]) => [name, settings]));
}

/** The config of a file, or undefined when it has errors. Errors and warnings are told on stderr. */
export async function loadConfigOrTell(file: string, options?: LoadOptions): Promise<Config | undefined> {
  const result = loadConfig(file, driverSettings(), options);
  for (const warning of result.warnings) process.stderr.write(`${configErrorText(warning, 'warning')}\n`);
  if ('config' in result) return result.config;
  for (const error of result.errors) process.stderr.write(`${configErrorText(error)}\n`);
  return undefined;
}
