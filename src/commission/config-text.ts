import { Document } from 'yaml';
import { type MachineEntry, machinesYaml } from './machine-yaml.ts';

/** What a config is made of; the values have been checked by who asked for them. */
export interface ConfigPlan {
  readonly gateway: string;
  readonly tenant: string;
  /** Left out: the default. */
  readonly dataDir?: string | undefined;
  /** Empty: an example stands in their place. */
  readonly entries: readonly MachineEntry[];
  readonly uplink: UplinkPlan;
}

export interface UplinkPlan {
  readonly url: string;
  /** Path of a PEM file, as it is written in the config. */
  readonly ca?: string | undefined;
  readonly username?: string | undefined;
  /** A reference such as `${env:MQTT_PASSWORD}`, never the password. */
  readonly password?: string | undefined;
}

/** A machine that is to be replaced: without one a config is refused. */
const EXAMPLE = `  # An example: put your machine here. edge-gateway probe URL prints its lines.
  - id: machine-1
    driver: mtconnect
    url: http://192.168.0.21:5000
`;

/** A commented config. `file` is told in the comments only. */
export function configText({ gateway, tenant, dataDir, entries, uplink }: ConfigPlan, file: string): string {
  const { url, ca, username, password } = uplink;
  const hasAuth = username !== undefined || password !== undefined;
  return `# Config of an edge-gateway, begun with: edge-gateway init
# After a change: edge-gateway check ${file.replace(/\p{Cc}/gu, ' ')}
# All settings are in docs/config.md. What was read from the machines on that day stands behind #.

${section({
  gateway: { id: gateway, tenant, ...(dataDir === undefined ? {} : { dataDir }) },
})}${dataDir === undefined ? '  # dataDir: edge-gateway-data # what waits to be sent is kept here; default: $STATE_DIRECTORY of systemd, else this\n' : ''}
machines:
${entries.length === 0 ? EXAMPLE : machinesYaml(entries)}
${section({
  uplink: {
    url,
    ...(ca === undefined ? {} : { tls: { ca } }),
    ...(hasAuth ? { auth: { ...(username && { username }), ...(password && { password }) } } : {}),
  },
})}
# What waits for the uplink, and for how long what was delivered is kept:
# buffer: { maxBytes: 2GiB, maxAge: 7d }
`;
}

function section(data: object): string {
  return new Document(data).toString({ lineWidth: 0 });
}
