import type { ApiAlert, ApiMachine } from '../api.ts';

/** A machine that is read gives a sign of life every few seconds, also when nothing changes. */
const SILENT_MS = 60_000;

/** How urgent something is; also the order in which things are shown. */
export const LEVELS = ['bad', 'warn', 'good', 'off'] as const;
export type Level = (typeof LEVELS)[number];

/** Whether what is known of it is not how it is now. */
export function isStale(machine: ApiMachine, now: number): boolean {
  const isRead = machine.link === 'streaming' || machine.link === 'polling';
  return !isRead || machine.heardAt === null || now - machine.heardAt > SILENT_MS;
}

/** Read, as far as the driver knows, and still silent. */
export function isSilent(machine: ApiMachine, now: number): boolean {
  return (machine.link === 'streaming' || machine.link === 'polling') && isStale(machine, now);
}

/** How a machine stands: whether it is read first of all, then what its alerts say. */
export function levelOf(machine: ApiMachine, alerts: readonly ApiAlert[], now: number): Level {
  if (machine.link === 'failed') return 'bad';
  const open = alerts.filter((alert) => alert.machine === machine.id && isPressing(alert));
  if (open.some(({ severity }) => severity === 'critical')) return 'bad';
  if (machine.link === 'stopped') return 'off';
  if (machine.link === 'starting' || isSilent(machine, now) || open.length > 0) return 'warn';
  return machine.available === false ? 'off' : 'good';
}

/** Somebody should look at it. */
export function isPressing({ acknowledged, shadow, severity }: ApiAlert): boolean {
  return !acknowledged && !shadow && severity !== 'info';
}

/** Those that a filter lets through, the worst first. Every word of the filter must occur. */
export function pickMachines(
  machines: readonly ApiMachine[],
  alerts: readonly ApiAlert[],
  filter: string,
  now: number,
): { readonly machine: ApiMachine; readonly level: Level }[] {
  const words = filter.toLowerCase().split(/\s+/);
  const rank = (level: Level) => LEVELS.indexOf(level);
  return machines
    .filter(({ id, driver, labels, state, link }) => {
      const text = [id, driver, state ?? '', link, ...Object.values(labels)].join(' ').toLowerCase();
      return words.every((word) => text.includes(word));
    })
    .map((machine) => ({ machine, level: levelOf(machine, alerts, now) }))
    .sort((a, b) => rank(a.level) - rank(b.level) || a.machine.id.localeCompare(b.machine.id, 'en', { numeric: true }));
}
