import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type DriverModules, loadWithDrivers } from '../../src/cli/load-config.ts';
import type { ConfigError } from '../../src/config/load.ts';
import type { Config } from '../../src/config/schema.ts';
import type { Finding, Section } from '../../src/doctor/check.ts';

const DEFAULT_MACHINES = '[{ id: vmc-3, driver: mtconnect, url: "http://127.0.0.1:1" }]';

/** A config as the command would load it; parts are YAML in one line. */
export async function loaded(
  folder: string,
  { machines = DEFAULT_MACHINES, uplink = '{ url: "mqtt://127.0.0.1:1" }', dataDir = 'data', more = '' } = {},
): Promise<{ config: Config; drivers: DriverModules; warnings: readonly ConfigError[] }> {
  const file = join(folder, 'gateway.yaml');
  const gateway = `{ id: gw-01, tenant: acme, dataDir: ${JSON.stringify(dataDir)} }`;
  writeFileSync(file, `gateway: ${gateway}\nmachines: ${machines}\nuplink: ${uplink}\n${more}\n`);
  const { result, drivers } = await loadWithDrivers(file, { absent: 'warning' });
  if ('errors' in result) throw new Error(JSON.stringify(result.errors));
  return { config: result.config, drivers, warnings: result.warnings };
}

/** All that a section tells. */
export async function told(section: Section): Promise<Finding[]> {
  const findings: Finding[] = [];
  await section.run((finding) => findings.push(finding), AbortSignal.timeout(section.limit));
  return findings;
}

export function named(findings: readonly Finding[], name: string): Finding | undefined {
  return findings.find((finding) => finding.name === name);
}

/** What is not good. */
export function ailing(findings: readonly Finding[]): Finding[] {
  return findings.filter(({ level }) => level !== 'good');
}
