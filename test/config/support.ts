import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Test } from 'tap';
import { configErrorText, type LoadOptions, loadConfig } from '../../src/config/load.ts';
import type { Config } from '../../src/config/schema.ts';
import { drivers } from '../../src/drivers/registry.ts';

/** The smallest useful config, as DESIGN.md has it. */
export const MINIMAL = `gateway: { id: gw-01, tenant: acme }
machines:
  - { id: vmc-3, driver: mtconnect, url: "http://192.168.0.21:5000" }
uplink: { url: "mqtts://broker.example.com:8883" }
`;

/** The same with the uplink in lines of its own, from line 4 on; `lines` are indented under it. */
export const withUplink = (...lines: string[]): string => {
  const [gateway, machines, machine] = MINIMAL.split('\n');
  return [gateway, machines, machine, 'uplink:', ...lines.map((line) => `  ${line}`), ''].join('\n');
};

export interface Told {
  readonly config: Config | undefined;
  /** `line:column: path: message` */
  readonly errors: readonly string[];
  readonly warnings: readonly string[];
}

/** Writes a config into a folder and loads it. */
export function load(folder: string, text: string | Buffer, options?: LoadOptions): Told {
  const file = join(folder, 'gateway.yaml');
  writeFileSync(file, text);
  const result = loadConfig(file, drivers, options);
  const tell = (findings: Parameters<typeof configErrorText>[0][]) =>
    findings.map((finding) => configErrorText(finding).slice(file.length + 1));
  return {
    config: 'config' in result ? result.config : undefined,
    errors: 'errors' in result ? tell([...result.errors]) : [],
    warnings: tell([...result.warnings]),
  };
}

/** The config of a text that is right. @throws Error with its errors */
export function loadGood(folder: string, text: string): Config {
  const { config, errors } = load(folder, text);
  if (config === undefined) throw new Error(errors.join('\n'));
  return config;
}

/** Sets variables of this process, or unsets them (undefined), until the test ends. */
export function environment(t: Test, variables: Readonly<Record<string, string | undefined>>): void {
  for (const [name, text] of Object.entries(variables)) {
    const before = process.env[name];
    const set = (value: string | undefined) => {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    };
    set(text);
    t.teardown(() => set(before));
  }
}
