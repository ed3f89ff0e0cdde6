import type { StageHealth } from '../../health/judgement.ts';
import { isRead } from '../../observation.ts';
import type { ApiAlert, ApiMachine, ApiState } from '../api.ts';

/** How urgent something is; also the order in which things are shown. */
export const LEVELS = ['bad', 'warn', 'good', 'off'] as const;
export type Level = (typeof LEVELS)[number];

const WELL: readonly string[] = ['progress', 'idle'] satisfies StageHealth['state'][];

/** Connected, and still nothing comes: the gateway's watchdog knows how long its driver may be silent. */
export function isSilent({ id, link }: ApiMachine, { health }: ApiState): boolean {
  return isRead(link) && health.stages.some(({ machine, state }) => machine === id && !WELL.includes(state));
}

/** Whether what is known of it is not how it is now. */
export function isStale(machine: ApiMachine, state: ApiState): boolean {
  return !isRead(machine.link) || machine.heardAt === null || isSilent(machine, state);
}

/** How a machine stands: whether it is read first of all, then what its alerts say. */
export function levelOf(machine: ApiMachine, state: ApiState): Level {
  if (machine.link === 'failed') return 'bad';
  const open = state.alerts.filter((alert) => alert.machine === machine.id && isPressing(alert));
  if (open.some(({ severity }) => severity === 'critical')) return 'bad';
  if (machine.link === 'stopped') return 'off';
  if (machine.link === 'starting' || isSilent(machine, state) || open.length > 0) return 'warn';
  return machine.available === false ? 'off' : 'good';
}

/** Somebody should look at it. */
export function isPressing({ acknowledged, shadow, severity }: ApiAlert): boolean {
  return !acknowledged && !shadow && severity !== 'info';
}

/** Those that a filter lets through, the worst first. Every word of the filter must occur. */
export function pickMachines(
  state: ApiState,
  filter: string,
): { readonly machine: ApiMachine; readonly level: Level }[] {
  const words = filter.toLowerCase().split(/\s+/);
  const rank = (level: Level) => LEVELS.indexOf(level);
  return state.machines
    .filter(({ id, driver, labels, state: does, link }) => {
      const text = [id, driver, does ?? '', link, ...Object.values(labels)].join(' ').toLowerCase();
      return words.every((word) => text.includes(word));
    })
    .map((machine) => ({ machine, level: levelOf(machine, state) }))
    .sort((a, b) => rank(a.level) - rank(b.level) || a.machine.id.localeCompare(b.machine.id, 'en', { numeric: true }));
}
