import type { Config, MachineConfig } from './schema.ts';
import { Secret } from './secrets.ts';
import { isMapping } from './visit.ts';

/** What a reload has to do. Machines are told by their ids. */
export interface ConfigChange {
  readonly removed: readonly string[];
  readonly added: readonly string[];
  readonly changed: readonly string[];
  readonly uplink: boolean;
  readonly buffer: boolean;
  /** Rules or channels. What is computed of the machines starts them anew: they are then all among `changed`. */
  readonly rules: boolean;
  readonly http: boolean;
  /** Keys that changed and that a running gateway cannot take up, e.g. `gateway.dataDir`. */
  readonly needsRestart: readonly string[];
}

/** What machines are computed by. */
const COMPUTED = ['alerts', 'features', 'rollups', 'oee', 'anomaly'] as const satisfies readonly (keyof Config)[];

/** Compares two loaded configs. The order of machines and keys does not matter; secrets are compared by their text. */
export function diffConfig(before: Config, after: Config): ConfigChange {
  const old = byId(before);
  const now = byId(after);
  const [gatewayBefore, gatewayAfter] = [before.gateway, after.gateway];
  const isComputed = COMPUTED.some((key) => !same(before[key], after[key]));
  const fixed = ['id', 'tenant', 'site', 'dataDir'] as const;
  return {
    removed: [...old.keys()].filter((id) => !now.has(id)),
    added: [...now.keys()].filter((id) => !old.has(id)),
    changed: [...now].flatMap(([id, machine]) =>
      old.has(id) && (isComputed || !same(old.get(id), machine)) ? [id] : [],
    ),
    uplink: !same(before.uplink, after.uplink),
    buffer: !same(before.buffer, after.buffer),
    http: !same(before.http, after.http),
    rules: isComputed || !same(before.channels, after.channels),
    needsRestart: [
      ...fixed.filter((key) => gatewayBefore[key] !== gatewayAfter[key]).map((key) => `gateway.${key}`),
      ...(same(before.log, after.log) ? [] : ['log']),
    ],
  };
}

function byId({ machines }: Config): Map<string, MachineConfig> {
  return new Map(machines.map((machine) => [machine.id, machine]));
}

/** A key that is undefined counts as left out. */
function same(a: unknown, b: unknown): boolean {
  if (a instanceof Secret && b instanceof Secret) return a.reveal() === b.reveal();
  if (Array.isArray(a) && Array.isArray(b)) return a.length === b.length && a.every((item, i) => same(item, b[i]));
  if (isMapping(a) && isMapping(b)) {
    return [...new Set([...Object.keys(a), ...Object.keys(b)])].every((key) => same(a[key], b[key]));
  }
  return Object.is(a, b);
}
