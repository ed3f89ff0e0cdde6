import { readFileSync } from 'node:fs';
import { createRequire, isBuiltin } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parse } from 'yaml';
import { z } from 'zod';
import { nearest } from '../config/nearest.ts';
import { codeOf, messageOf } from '../errors.ts';
import type { DriverModule } from './driver.ts';
import { kit } from './kit.ts';

/** Name of an npm package, with or without a scope. */
const PACKAGE_NAME = /^(@[a-z0-9._-]+\/)?[a-z0-9][a-z0-9._-]*$/;

/** Drivers of other packages, and why those that could not be loaded were not. */
export interface DriverPackages {
  readonly packages: Readonly<Record<string, DriverModule>>;
  readonly unusable: Readonly<Record<string, string>>;
}

/**
 * Loads the packages that a config names as drivers beside ours (`known`): from `node_modules` beside the config, or in a
 * folder above it. A name that is no installed package is left to the config's own check. Never rejects.
 */
export async function loadDriverPackages(file: string, known: readonly string[]): Promise<DriverPackages> {
  const packages: Record<string, DriverModule> = {};
  const unusable: Record<string, string> = {};
  const { resolve: find } = createRequire(resolve(file));
  for (const name of namedDrivers(file).filter((driver) => !known.includes(driver))) {
    try {
      packages[name] = await load(find(name));
    } catch (error) {
      if (codeOf(error) === 'MODULE_NOT_FOUND' && messageOf(error).includes(`'${name}'`)) {
        // A slip in one of our names is told by the config's own check.
        if (nearest(name, known) !== undefined) continue;
        unusable[name] =
          `there is no such driver, and no npm package ${name} beside the config: expected one of ${known.join(', ')}, or npm install ${name}`;
      } else {
        unusable[name] = `the package ${name} is of no use as a driver: ${messageOf(error).split('\n')[0]}`;
      }
    }
  }
  return { packages, unusable };
}

/** The drivers that a config names, as far as it can be read: what is wrong with it is told by `loadConfig`. */
function namedDrivers(file: string): string[] {
  let machines: unknown;
  try {
    // Keys that are given twice are told by the config's own check, which need not compare each with all before it.
    machines = parse(readFileSync(file, 'utf8'), { maxAliasCount: 100, uniqueKeys: false })?.machines;
  } catch {
    return [];
  }
  if (!Array.isArray(machines)) return [];
  const names = machines.map((machine: unknown) => (machine as { driver?: unknown } | null)?.driver);
  const isPackage = (name: unknown): name is string =>
    typeof name === 'string' && PACKAGE_NAME.test(name) && !isBuiltin(name);
  return [...new Set(names.filter(isPackage))];
}

/** @throws Error that says what the package lacks */
async function load(path: string): Promise<DriverModule> {
  const exported: { driver?: unknown } = await import(pathToFileURL(path).href);
  if (typeof exported.driver !== 'function') throw new Error('it exports no function named driver');
  const made: Partial<DriverModule> = exported.driver(kit);
  if (!(made?.settings instanceof z.ZodObject)) throw new Error('its settings are not a z.object of the kit’s z');
  if (typeof made.load !== 'function') throw new Error('it has no load function');
  return made as DriverModule;
}
