import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import type { NamedTools } from './toolboxes.ts';

/** Serial ports of adapters and boards; consoles and pseudo-terminals are none. */
const PORT = /^tty(USB|ACM|AMA|S|SC|mxc|O)\d+$/;

/**
 * Serial ports that exist, without opening one: by their names in /dev/serial/by-id, which stay the same when plugs are
 * swapped, else by /dev/tty…. A built-in port that the kernel found no hardware for is left out.
 */
export function serialPorts(dev = '/dev', sys = '/sys'): string[] {
  // In a container the links may be there without what they point to.
  const byId = names(join(dev, 'serial/by-id'))
    .map((name) => join(dev, 'serial/by-id', name))
    .filter((path) => existsSync(path));
  const named = new Set(byId.map((path) => realpathSync(path)));
  const plain = names(dev)
    .filter((name) => PORT.test(name) && hasHardware(sys, name))
    .map((name) => join(dev, name))
    .filter((path) => existsSync(path) && !named.has(realpathSync(path)));
  return [...byId, ...plain];
}

/** What to probe on a serial line: its URL protocol. */
const SERIAL = 'modbus+rtu:';

/**
 * Tells which serial ports could be probed, where a driver reads such. They are not touched before a person says so: one
 * may be the link of a running machine.
 */
export function serialHint(tools: readonly NamedTools[], ports = serialPorts()): string[] {
  const isRead = tools.some(({ tools: { protocols } }) => protocols.includes(SERIAL));
  if (!isRead || ports.length === 0) return [];
  return ['Serial ports, not looked into:', ...ports.map((port) => `  edge-gateway probe ${SERIAL}//${port}`)];
}

/** Nothing where there is no such folder. */
function names(folder: string): string[] {
  try {
    return readdirSync(folder).sort();
  } catch {
    // Without a serial adapter there is no such folder: that is the answer.
    return [];
  }
}

/** The kernel lists ttyS0 to ttyS3 always, with type 0 (PORT_UNKNOWN, include/uapi/linux/serial.h) where there is none. */
function hasHardware(sys: string, name: string): boolean {
  try {
    return readFileSync(join(sys, 'class/tty', name, 'type'), 'utf8').trim() !== '0';
  } catch {
    // Drivers beside the 8250 have no such file; what they list is there.
    return true;
  }
}
