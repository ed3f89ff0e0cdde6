import type { Derived, Engines } from './engines.ts';

/** What a pipeline has of engines. */
export type MachineEngines = Pick<Engines, keyof Engines>;

export const NOTHING_DERIVED: Derived = { observations: [], transitions: [], rollups: [], events: [] };

/** Of a machine of which nothing is computed: spares the memory of the code that would. */
export function noEngines(machine: string): MachineEngines {
  return {
    machine,
    isIdle: true,
    history: 0,
    foreign: [],
    isRaw: () => true,
    reduce: () => undefined,
    flush: () => undefined,
    observe: () => true,
    observeOther: () => undefined,
    advance: () => undefined,
    take: () => NOTHING_DERIVED,
    acknowledge: () => false,
    openAlerts: () => [],
    oeeNow: () => [],
    snapshot: () => null,
    restore: () => undefined,
    warm: () => undefined,
    settle: () => undefined,
    started: () => undefined,
  };
}
