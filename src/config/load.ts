import { dirname, resolve } from 'node:path';
import { messageOf } from '../errors.ts';
import { crossCheck } from './cross-checks.ts';
import type { Finding } from './finding.ts';
import { readBounded } from './read-file.ts';
import { type Resolved, resolveReferences } from './references.ts';
import { type Config, configSchema, type Drivers, machineBase } from './schema.ts';
import { isMapping, type Path, pathText, valueAt } from './visit.ts';
import { parseWith } from './words.ts';
import { type ParsedYaml, parseYaml } from './yaml.ts';

/** Hundreds of machines take a few hundred lines; what is larger is another file. */
const MAX_CONFIG_BYTES = 1024 * 1024;

/** Something wrong, or worth a warning, at a place in a config file. `line` and `column` count from 1. */
export interface ConfigError {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** `machines[0].url`; empty for the whole file. */
  readonly path: string;
  /** What is wrong, and what would be right; never a value of the file. */
  readonly message: string;
}

export type LoadResult = {
  /** Sorted by position, like the errors. */
  readonly warnings: readonly ConfigError[];
} & ({ readonly config: Config } | { readonly errors: readonly ConfigError[] });

export interface LoadOptions {
  /**
   * What becomes of secrets and files that are not on this computer: with `warning` the config loads without them
   * (`Secret.reveal` throws), to check it elsewhere than on the gateway.
   */
  readonly absent?: 'error' | 'warning';
  /** Names of drivers that there might be, and why they cannot be used: packages that failed to load. */
  readonly unusable?: Readonly<Record<string, string>>;
}

/** `file:line:col: path: what is wrong, and what would be right`; a warning says so after the position. */
export function configErrorText(
  { file, line, column, path, message }: ConfigError,
  label: 'error' | 'warning' = 'error',
): string {
  const told = [label === 'warning' ? 'warning' : '', path, message].filter((part) => part !== '');
  return `${file}:${line}:${column}: ${told.join(': ')}`;
}

/**
 * Reads a config file and resolves its secrets and relative paths (against the file's folder), or tells all that is
 * wrong with it, sorted by position. Never throws, changes nothing.
 */
export function loadConfig(file: string, drivers: Drivers, options: LoadOptions = {}): LoadResult {
  let text: string;
  try {
    text = decode(readBounded(file, MAX_CONFIG_BYTES));
  } catch (error) {
    const message = `cannot read the config: ${messageOf(error)}`;
    return { errors: [{ file, line: 1, column: 1, path: '', message }], warnings: [] };
  }
  const yaml = parseYaml(text);
  const errors: ConfigError[] = yaml.errors.map((error) => ({ file, path: '', ...error }));
  const warnings: ConfigError[] = [];
  let config: Config | undefined;
  if (yaml.usable) {
    const checked = check(yaml.data, drivers, options.unusable ?? {}, dirname(resolve(file)));
    config = checked.config;
    for (const finding of checked.findings) {
      const level = finding.level === 'absent' ? (options.absent ?? 'error') : (finding.level ?? 'error');
      (level === 'error' ? errors : warnings).push(placed(finding, file, yaml));
    }
  }
  const told = { warnings: ordered(warnings) };
  return config === undefined || errors.length > 0 ? { errors: ordered(errors), ...told } : { config, ...told };
}

/** @throws Error in plain words for what is not UTF-8 text */
function decode(bytes: Buffer): string {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    if (!text.includes('\0')) return text;
  } catch {
    // Told below, with the other sign of a file that is not text.
  }
  throw new Error('it is not text in UTF-8');
}

function check(
  data: unknown,
  drivers: Drivers,
  unusable: Readonly<Record<string, string>>,
  folder: string,
): { config: Config | undefined; findings: Finding[] } {
  if (data === null) {
    return {
      config: undefined,
      findings: [{ path: [], message: 'is empty: expected at least gateway, machines and uplink' }],
    };
  }
  const schema = configSchema(drivers);
  const { output, findings: misfits } = parseWith(schema, data);
  const findings = misfits.map((finding) => explained(finding, data, unusable));
  const { resolved, findings: unresolved } = resolveReferences(schema, data, {
    folder,
    env: process.env,
    now: Date.now(),
  });
  if (output !== undefined) place(output, resolved);
  return {
    config: output,
    findings: [
      ...findings,
      ...driverless(data, drivers),
      ...unresolved,
      ...crossCheck(data),
      ...checkDrivers(data, drivers),
    ],
  };
}

/** A driver that there might be is told by why it cannot be used. */
function explained(finding: Finding, data: unknown, unusable: Readonly<Record<string, string>>): Finding {
  const { path } = finding;
  const name = path.length === 3 && path[0] === 'machines' && path[2] === 'driver' ? valueAt(data, path) : undefined;
  const why = typeof name === 'string' && Object.hasOwn(unusable, name) ? unusable[name] : undefined;
  return why === undefined ? finding : { ...finding, message: why };
}

/** What the drivers themselves say of their machines, as far as these fit the settings. */
function checkDrivers(data: unknown, drivers: Drivers): Finding[] {
  const machines = valueAt(data, ['machines']);
  if (!Array.isArray(machines)) return [];
  return Object.entries(drivers).flatMap(([name, driver]) => {
    const own = machines.flatMap((machine: unknown, index) => {
      if (driver.check === undefined || !isMapping(machine) || machine['driver'] !== name) return [];
      const { data: settings } = driver.settings.safeParse(machine);
      return settings === undefined ? [] : [{ index, id: String(machine['id']), settings: settings as never }];
    });
    const findings = own.length === 0 ? [] : (driver.check?.(own) ?? []);
    return findings.map(({ machine, path, message, level = 'error' }) => ({
      path: ['machines', own[machine]?.index ?? 0, ...path],
      message,
      level,
    }));
  });
}

/** A machine without a driver that exists has no schema: what all machines have is checked all the same. */
function driverless(data: unknown, drivers: Drivers): Finding[] {
  const machines = valueAt(data, ['machines']);
  if (!Array.isArray(machines)) return [];
  return machines.flatMap((machine: unknown, i) =>
    isMapping(machine) && !Object.hasOwn(drivers, String(machine['driver']))
      ? parseWith(machineBase, machine).findings.map((finding) => ({
          ...finding,
          path: ['machines', i, ...finding.path],
        }))
      : [],
  );
}

/** Puts what was resolved into a config of our own making. */
function place(config: Config, resolved: readonly Resolved[]): void {
  for (const { path, value } of resolved) {
    const parent = valueAt(config, path.slice(0, -1)) as Record<string | number, unknown>;
    parent[path.at(-1) as string] = value;
  }
}

function placed(
  { path, at = 'value', character, unnamed, see, message }: Finding,
  file: string,
  yaml: ParsedYaml,
): ConfigError {
  const told: Path = unnamed === true ? path.slice(0, -1) : path;
  return {
    file,
    ...yaml.locate(path, at, character),
    path: pathText(told),
    message: see === undefined ? message : `${message} on line ${yaml.locate(see, 'value').line}`,
  };
}

function ordered(findings: readonly ConfigError[]): ConfigError[] {
  const unique = new Map(findings.map((finding) => [configErrorText(finding), finding]));
  return [...unique.values()].sort((a, b) => a.line - b.line || a.column - b.column);
}
