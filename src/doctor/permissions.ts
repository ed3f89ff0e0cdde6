import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { userInfo } from 'node:os';
import type { ConfigError } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { Secret } from '../config/secrets.ts';
import { codeOf } from '../errors.ts';
import type { Finding, Section } from './check.ts';
import { bytes } from './words.ts';

/** Less memory than this, and the system begins to kill processes. */
const LEAST_MEMORY_BYTES = 128 * 2 ** 20;
const LIMIT_MS = 5000;
/** What the broker's own checks tell, with more detail. */
const TOLD_BY_BROKER = /expire|^cannot read/;

export interface PermissionsSetup {
  readonly config: Config;
  /** What loading the config has warned of. */
  readonly warnings: readonly ConfigError[];
}

/** Whether this user may use what the config names, and what it runs on. */
export function permissionsSection({ config, warnings }: PermissionsSetup): Section {
  return {
    group: 'permissions',
    subject: 'this computer',
    limit: LIMIT_MS,
    async run(tell) {
      tell(user(config.gateway.dataDir));
      for (const finding of secrets(config, warnings)) tell(finding);
      for (const path of serialPaths(config)) tell(serialPort(path));
      tell(program());
      tell(memory(process.availableMemory()));
    },
  };
}

function user(dataDir: string): Finding {
  const name = 'user';
  const own = process.getuid?.() ?? -1;
  const who = `${nameOf('/etc/passwd', own)} (${own})`;
  const owner = statSync(dataDir, { throwIfNoEntry: false })?.uid;
  if (owner === undefined || owner === own) return { name, level: 'good', text: who };
  const text = `${who}, but the data folder belongs to ${nameOf('/etc/passwd', owner)} (${owner})`;
  return { name, level: 'warn', text, hint: `test as the gateway runs: sudo -u '#${owner}' edge-gateway doctor …` };
}

/** Secrets and certificates: what loading the config found, or that all is well. */
function secrets(config: Config, warnings: readonly ConfigError[]): Finding[] {
  const name = 'config';
  const told = warnings
    .filter(({ path, message }) => !(path.startsWith('uplink.tls') && TOLD_BY_BROKER.test(message)))
    .filter(({ path }) => !isUnresolved(config, path))
    .map(({ path, message }): Finding => ({ name, level: 'warn', text: `${path}: ${message}` }));
  if (told.length > 0) return told;
  const files = Object.values(config.uplink.tls ?? {}).filter((file) => file !== config.uplink.tls?.serverName).length;
  const all = files + [...secretsIn(config)].length;
  const are =
    all === 1 ? 'the one secret or certificate can be read' : `all ${all} secrets and certificates can be read`;
  return [{ name, level: 'good', text: all === 0 ? 'names no secrets and no certificates' : are }];
}

/** The login fails on those, and tells it. */
function isUnresolved({ uplink }: Config, path: string): boolean {
  return Object.entries(uplink.auth ?? {}).some(
    ([key, value]) => path === `uplink.auth.${key}` && value instanceof Secret && !value.isResolved,
  );
}

function* secretsIn(value: unknown): Generator<Secret> {
  if (value instanceof Secret) yield value;
  else if (typeof value === 'object' && value !== null) for (const one of Object.values(value)) yield* secretsIn(one);
}

/** Devices that `modbus+rtu:///dev/…` URLs name, each once. */
function serialPaths({ machines }: Config): Set<string> {
  const urls = machines.flatMap(({ url }) => (typeof url === 'string' && URL.canParse(url) ? [new URL(url)] : []));
  return new Set(
    urls.filter(({ protocol }) => protocol === 'modbus+rtu:').map(({ pathname }) => decodeURIComponent(pathname)),
  );
}

/** Whether a serial device is there and may be used; it is not opened. */
export function serialPort(path: string): Finding {
  const name = 'serial port';
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) {
    const hint = 'plug the adapter in; ls /dev/serial/by-id tells what is there';
    return { name, level: 'bad', text: `${path} is not there`, hint };
  }
  if (!stat.isCharacterDevice()) {
    return { name, level: 'bad', text: `${path} is no serial device`, hint: 'check the url of the machine' };
  }
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return { name, level: 'good', text: `${path} can be used` };
  } catch (error) {
    const group = nameOf('/etc/group', stat.gid);
    const hint = `run: sudo usermod -aG ${group} ${userInfo().username}, and log in again or restart the service`;
    return {
      name,
      level: 'bad',
      text: `${path} may not be used (${codeOf(error)}): it belongs to the group ${group}`,
      hint,
    };
  }
}

function program(): Finding {
  const text = `Node.js ${process.versions.node}, ${process.arch}`;
  const name = 'program';
  if (process.arch === 'x64' || process.arch === 'arm64') return { name, level: 'good', text };
  return { name, level: 'bad', text, hint: 'use a 64-bit system on x86 or ARM' };
}

/** Pure. `available` in bytes, within what a container may take. */
export function memory(available: number): Finding {
  const name = 'memory';
  const text = `${bytes(available)} available`;
  if (available >= LEAST_MEMORY_BYTES) return { name, level: 'good', text };
  return { name, level: 'warn', text, hint: 'stop what else runs here, or use a computer with more memory' };
}

/** Name of a user or group; its number where it has none. */
function nameOf(file: string, id: number): string {
  try {
    const line = readFileSync(file, 'utf8')
      .split('\n')
      .find((text) => text.split(':')[2] === String(id));
    return line?.split(':')[0] ?? String(id);
  } catch {
    // Then the number says it.
    return String(id);
  }
}
