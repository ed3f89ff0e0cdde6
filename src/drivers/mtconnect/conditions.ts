import type { Quality, Value } from '../../observation.ts';
import type { RawObservation } from './document.ts';
import type { Element } from './element.ts';

/** Active entries that are kept of one condition; more are a fault of the agent, and the oldest give way. */
const MAX_ACTIVE = 100;

type Level = 'NORMAL' | 'WARNING' | 'FAULT';

interface Active {
  readonly level: Exclude<Level, 'NORMAL'>;
  readonly code: string | undefined;
  /** As it is sent, made once: every report of the condition carries it as long as it is active. */
  readonly value: Value;
}

/** What a condition is after a report: its worst active level and all that is active. Both `null` while unavailable. */
export interface ConditionReport {
  readonly level: Level | null;
  readonly active: Value;
  readonly q: Quality;
}

/**
 * The active chain of every condition (MTConnect Part 2, Condition): warnings and faults add up until each is cleared.
 * They are told apart by conditionId (≥ 2.3), else by nativeCode; a Normal with a code clears that one, a bare Normal
 * all, Unavailable resets.
 */
export class Conditions {
  readonly #chains = new Map<string, Map<string, Active>>();

  /** Takes one report of the condition `dataItemId` and returns what it is then. */
  report(dataItemId: string, { type, element }: RawObservation): ConditionReport {
    const chain = this.#chains.get(dataItemId) ?? new Map<string, Active>();
    this.#chains.set(dataItemId, chain);
    const id = element.attribute('conditionId');
    const code = element.attribute('nativeCode') || undefined;
    const key = id ?? code ?? '';
    switch (type.toUpperCase()) {
      case 'UNAVAILABLE':
        chain.clear();
        return { level: null, active: null, q: 'bad' };
      case 'NORMAL':
        if (key === '') chain.clear();
        else for (const [other, entry] of chain) if (other === key || entry.code === key) chain.delete(other);
        break;
      case 'WARNING':
      case 'FAULT':
        if (chain.size >= MAX_ACTIVE && !chain.has(key)) chain.delete(chain.keys().next().value as string);
        chain.set(key, activeOf(element, type.toUpperCase() as Active['level'], id, code));
        break;
    }
    return { level: worst(chain), active: Array.from(chain.values(), ({ value }) => value), q: 'good' };
  }
}

function worst(chain: ReadonlyMap<string, Active>): Level {
  let level: Level = 'NORMAL';
  for (const entry of chain.values()) {
    if (entry.level === 'FAULT') return 'FAULT';
    level = entry.level;
  }
  return level;
}

function activeOf(element: Element, level: Active['level'], id: string | undefined, code: string | undefined): Active {
  const severity = element.attribute('nativeSeverity') || undefined;
  const qualifier = element.attribute('qualifier') || undefined;
  const told = { id, level, code, severity, qualifier, text: element.text };
  const value = Object.fromEntries(Object.entries(told).filter(([, one]) => one !== undefined)) as Value;
  return { level, code, value };
}
