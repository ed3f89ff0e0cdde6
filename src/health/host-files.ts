import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { HostFigures } from './host.ts';

/** Of a Raspberry Pi, as the firmware tells it: `vcgencmd get_throttled` in its documentation has the bits. */
const THROTTLED_FILE = 'sys/devices/platform/soc/soc:firmware/get_throttled';
const UNDER_VOLTAGE = 1 << 0;
const THROTTLED = 1 << 2;
const UNDER_VOLTAGE_SINCE_BOOT = 1 << 16;
const THROTTLED_SINCE_BOOT = 1 << 18;
/** Names of sensors that sit in the processor, as drivers of the kernel give them. */
const CPU_SENSOR = /cpu|soc|x86_pkg|coretemp|k10temp/i;
/** Interfaces of this computer only: the loopback, and the ends of containers’ networks. */
const NOT_OUTSIDE = /^(lo|veth.*|docker.*|br-.*|balena.*)$/;
const MAX_INTERFACES = 16;

/** What files of the kernel tell. */
export type HostFiles = Pick<
  HostFigures,
  'temperature' | 'throttled' | 'throttledSinceBoot' | 'underVoltage' | 'underVoltageSinceBoot' | 'memory' | 'network'
>;

/** Reads them below `root`. Never rejects: what is not there is null. */
export async function readHostFiles(root: string): Promise<HostFiles> {
  const [temperature, throttled, memory, network] = await Promise.all([
    temperatureOf(root),
    text(join(root, THROTTLED_FILE)),
    text(join(root, 'proc/meminfo')),
    networkOf(root),
  ]);
  return { temperature, ...throttling(throttled), memory: memoryIn(memory ?? ''), network };
}

/** The sensor in the processor, else the first one: thermal zones as a Pi has them, then hwmon as a PC has it. */
async function temperatureOf(root: string): Promise<number | null> {
  const sensors = [
    ...(await sensorsIn(join(root, 'sys/class/thermal'), 'type', 'temp')),
    ...(await sensorsIn(join(root, 'sys/class/hwmon'), 'name', 'temp1_input')),
  ];
  const found = sensors.find(({ name }) => CPU_SENSOR.test(name)) ?? sensors[0];
  return found === undefined ? null : found.milli / 1000;
}

async function sensorsIn(folder: string, nameFile: string, valueFile: string) {
  // No such folder: there are no sensors of this kind.
  const entries = await readdir(folder).catch(() => []);
  const sensors = await Promise.all(
    entries.sort().map(async (entry) => {
      const [name, value] = await Promise.all([
        text(join(folder, entry, nameFile)),
        text(join(folder, entry, valueFile)),
      ]);
      return { name: name ?? '', milli: value === null || value.trim() === '' ? Number.NaN : Number(value) };
    }),
  );
  return sensors.filter(({ milli }) => Number.isFinite(milli));
}

function throttling(hex: string | null) {
  const bits = hex === null ? Number.NaN : Number.parseInt(hex, 16);
  const bit = (mask: number) => (Number.isNaN(bits) ? null : (bits & mask) !== 0);
  return {
    underVoltage: bit(UNDER_VOLTAGE),
    underVoltageSinceBoot: bit(UNDER_VOLTAGE_SINCE_BOOT),
    throttled: bit(THROTTLED),
    throttledSinceBoot: bit(THROTTLED_SINCE_BOOT),
  };
}

function memoryIn(meminfo: string): HostFigures['memory'] {
  const [total, available] = ['MemTotal', 'MemAvailable'].map((name) =>
    Number(new RegExp(`^${name}: +(\\d+) kB`, 'm').exec(meminfo)?.[1]),
  ) as [number, number];
  return Number.isNaN(total + available) ? null : { total: total * 1024, available: available * 1024 };
}

async function networkOf(root: string): Promise<HostFigures['network']> {
  const table = (await text(join(root, 'proc/net/dev'))) ?? '';
  const outside = [...table.matchAll(/^ *([^\s:|]+):(.*)$/gm)]
    .map(([, name, columns]) => ({ name: name as string, counts: (columns as string).trim().split(/\s+/).map(Number) }))
    // What has carried nothing since boot is not in use.
    .filter(
      ({ name, counts }) => !NOT_OUTSIDE.test(name) && counts.length >= 12 && (counts[0] ?? 0) + (counts[8] ?? 0) > 0,
    )
    .slice(0, MAX_INTERFACES);
  return Promise.all(
    outside.map(async ({ name, counts }) => {
      // proc_pid_net(5): bytes, packets, errs, drop … of what was received, then from column 8 of what was sent.
      const at = (column: number) => counts[column] as number;
      const state = (await text(join(root, 'sys/class/net', name, 'operstate')))?.trim();
      return {
        name,
        up: state === 'up' ? true : state === 'down' || state === 'lowerlayerdown' ? false : null,
        rxBytes: at(0),
        txBytes: at(8),
        errors: at(2) + at(3) + at(10) + at(11),
      };
    }),
  );
}

/** null: no such file here, or it may not be read. */
async function text(file: string): Promise<string | null> {
  return readFile(file, 'utf8').catch(() => null);
}
