import { checkAlerts } from './alert-checks.ts';
import type { Finding } from './finding.ts';
import { isLoopback } from './http.ts';
import { isMapping, valueAt } from './visit.ts';

/** What no schema of a single value can tell. Takes the data as it was read, so that it finds what it can in any. */
export function crossCheck(data: unknown): Finding[] {
  return [
    ...checkMachines(valueAt(data, ['machines'])),
    ...checkQuota(data),
    ...checkUplink(valueAt(data, ['uplink'])),
    ...checkAlerts(data),
  ];
}

function checkMachines(machines: unknown): Finding[] {
  if (!Array.isArray(machines)) return [];
  const ids = new Map<string, number>();
  return machines.flatMap((machine: unknown, i): Finding[] => {
    const id = valueAt(machine, ['id']);
    if (typeof id !== 'string') return [];
    const first = ids.get(id);
    if (first !== undefined) {
      const message = `the same id as machines[${first}]`;
      return [{ path: ['machines', i, 'id'], message, see: ['machines', first, 'id'] }];
    }
    ids.set(id, i);
    return [];
  });
}

function checkQuota(data: unknown): Finding[] {
  const path = ['gateway', 'quota', 'machines'];
  const [limit, machines] = [valueAt(data, path), valueAt(data, ['machines'])];
  if (typeof limit !== 'number' || !Array.isArray(machines) || machines.length <= limit) return [];
  return [{ path, message: `there are ${machines.length} machines: remove some, or raise the quota` }];
}

function checkUplink(uplink: unknown): Finding[] {
  const url = valueAt(uplink, ['url']);
  if (!isMapping(uplink) || typeof url !== 'string' || !URL.canParse(url)) return [];
  const { protocol, hostname } = new URL(url);
  if (protocol !== 'mqtt:' && protocol !== 'ws:') return [];
  const findings: Finding[] = [];
  const secure = protocol === 'mqtt:' ? 'mqtts://' : 'wss://';
  if (isMapping(uplink['tls'])) {
    const message = `would be ignored, as ${protocol}// is not encrypted: use ${secure}, or remove tls`;
    findings.push({ path: ['uplink', 'tls'], at: 'key', message });
  }
  const auth = uplink['auth'];
  if (isMapping(auth) && ('password' in auth || 'token' in auth) && !isLoopback(hostname.replace(/^\[|\]$/g, ''))) {
    const message = `anyone on the network can read the password or token, as ${protocol}// is not encrypted: use ${secure}`;
    findings.push({ path: ['uplink', 'auth'], at: 'key', message, level: 'warning' });
  }
  return findings;
}
