import type { Finding } from './finding.ts';
import { isMapping, valueAt } from './visit.ts';

/** What no schema of a single value can tell. Takes the data as it was read, so that it finds what it can in any. */
export function crossCheck(data: unknown): Finding[] {
  return [...checkMachines(valueAt(data, ['machines'])), ...checkUplink(valueAt(data, ['uplink']))];
}

function checkMachines(machines: unknown): Finding[] {
  if (!Array.isArray(machines)) return [];
  const ids = new Map<string, number>();
  const sources = new Map<string, number>();
  return machines.flatMap((machine: unknown, i): Finding[] => {
    if (!isMapping(machine)) return [];
    const { id, driver, url, device } = machine;
    const findings: Finding[] = [];
    if (typeof id === 'string') {
      const first = ids.get(id);
      if (first === undefined) ids.set(id, i);
      else findings.push(same(['machines', i, 'id'], first, 'id', 'the same id as'));
    }
    if (typeof url === 'string') {
      const source = JSON.stringify([driver, normalUrl(url), device ?? null]);
      const first = sources.get(source);
      const message = 'the same url and device as';
      if (first === undefined) sources.set(source, i);
      else findings.push(same(['machines', i, 'url'], first, 'url', message));
    }
    return findings;
  });
}

function same(path: Finding['path'], first: number, key: string, message: string): Finding {
  return { path, message: `${message} machines[${first}]`, see: ['machines', first, key] };
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
  if (isMapping(auth) && ('password' in auth || 'token' in auth) && !isLoopback(hostname)) {
    const message = `anyone on the network can read the password or token, as ${protocol}// is not encrypted: use ${secure}`;
    findings.push({ path: ['uplink', 'auth'], at: 'key', message, level: 'warning' });
  }
  return findings;
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}

function normalUrl(url: string): string {
  return URL.canParse(url) ? new URL(url).href.replace(/\/$/, '') : url;
}
