import type { ConfiguredMachine, SettingsFinding } from '../driver.ts';
import { stateInputs } from '../state-rule.ts';
import type { settings } from './settings.ts';

type Machine = ConfiguredMachine<typeof settings>;

/** What the schema alone cannot tell: machines without signals, states without inputs, nodes that are read twice. */
export function check(machines: readonly Machine[]): SettingsFinding[] {
  return [...machines.flatMap(checkOne), ...checkUrls(machines)];
}

function checkOne({ settings: own }: Machine, machine: number): SettingsFinding[] {
  const findings: SettingsFinding[] = [];
  const names = Object.keys(own.signals);
  if (names.length === 0 && own.folders.length === 0) {
    findings.push({
      machine,
      path: ['signals'],
      message: 'expected at least one signal, or folders: nothing would be read',
    });
  }
  for (const name of names) {
    if (name === 'available') {
      findings.push({
        machine,
        path: ['signals', name],
        message: 'the driver itself gives `available`: expected another name',
      });
    }
    if (name === 'state' && own.state !== undefined) {
      findings.push({
        machine,
        path: ['signals', name],
        message: 'it follows from the key `state`: expected another name',
      });
    }
    if (own.signals[name]?.scale === 0) {
      findings.push({
        machine,
        path: ['signals', name, 'scale'],
        message: 'every value would be the offset: expected another than 0',
      });
    }
  }
  findings.push(...twice(own.signals, machine));
  // A folder's variables, and a structure's members, are known to the server only.
  const isKnown = (input: string) => names.some((name) => input === name || input.startsWith(`${name}.`));
  const unknown =
    own.state === undefined || own.folders.length > 0 ? [] : stateInputs(own.state).filter((name) => !isKnown(name));
  if (unknown.length > 0) findings.push({ machine, path: ['state'], message: `no such signal: ${unknown.join(', ')}` });
  if (own.security.mode === 'none' && own.security.policy !== undefined) {
    findings.push({
      machine,
      path: ['security', 'policy'],
      message: 'there is none without security: set mode, or leave it out',
    });
  }
  if (own.security.mode === 'none' && own.auth !== undefined) {
    const message =
      'without security the password or certificate may be read or misused on the network: set security.mode to signAndEncrypt where the server offers it';
    findings.push({ machine, path: ['auth'], message, level: 'warning' });
  }
  if (own.dataAge < 3 * own.publishingInterval) {
    const message = `is shorter than three publishing intervals (${3 * own.publishingInterval} ms): a healthy link would be cut`;
    findings.push({ machine, path: ['dataAge'], message });
  }
  return findings;
}

function twice(signals: Machine['settings']['signals'], machine: number): SettingsFinding[] {
  const first = new Map<string, string>();
  return Object.entries(signals).flatMap(([name, { node }]): SettingsFinding[] => {
    const other = first.get(node.text);
    first.set(node.text, other ?? name);
    if (other === undefined) return [];
    return [{ machine, path: ['signals', name], message: `the same node as ${other}`, level: 'warning' }];
  });
}

/** One session a machine: machines behind one server are fine, as long as it has the sessions. */
function checkUrls(machines: readonly Machine[]): SettingsFinding[] {
  const first = new Map<string, string>();
  return machines.flatMap(({ id, settings: { url, signals, folders } }, machine): SettingsFinding[] => {
    const nodes = [...Object.values(signals), ...folders].map(({ node }) => node.text);
    const source = JSON.stringify([new URL(url).href.replace(/\/$/, ''), nodes]);
    const other = first.get(source);
    first.set(source, other ?? id);
    if (other === undefined || nodes.length === 0) return [];
    return [{ machine, path: ['url'], message: `the same url and nodes as machine ${other}` }];
  });
}
