import type { Item } from './device.ts';
import { type ConditionValue, type Entry, isCondition, isEntries, type SimulatedValue } from './value.ts';

/** One observation in the agent's buffer. */
export interface Stored {
  readonly sequence: number;
  readonly item: Item;
  /** As it is sent, e.g. `2026-11-20T21:38:11.2396Z`. */
  readonly timestamp: string;
  readonly value: SimulatedValue;
}

/**
 * What holds after a run of observations: per item the last one, all active ones of a condition, the merged entries of
 * a data set. Lists are replaced, never changed, so a copy is cheap.
 */
export class State {
  readonly #items: Map<Item, readonly Stored[]>;

  constructor(items: Iterable<readonly [Item, readonly Stored[]]> = []) {
    this.#items = new Map(items);
  }

  apply(observation: Stored): void {
    const before = this.#items.get(observation.item) ?? [];
    this.#items.set(observation.item, after(before, observation));
  }

  copy(): State {
    return new State(this.#items);
  }

  /** The same with the items of a changed device model. */
  with(replace: (observation: Stored) => Stored): State {
    const lists = [...this.#items.values()].map((list) => list.map(replace));
    return new State(lists.flatMap((list) => (list[0] === undefined ? [] : [[list[0].item, list] as const])));
  }

  /** In no particular order. */
  *observations(): Iterable<Stored> {
    for (const list of this.#items.values()) yield* list;
  }
}

function after(before: readonly Stored[], observation: Stored): readonly Stored[] {
  const { value } = observation;
  if (isCondition(value)) return chain(before, observation, value);
  const last = before[0]?.value;
  if (!isEntries(value)) return [observation];
  const base = value.resetTriggered === undefined && last !== undefined && isEntries(last) ? last.entries : {};
  return [{ ...observation, value: { ...value, entries: merged(base, value.entries) } }];
}

/** Active conditions, oldest first (MTConnect Part 1, "Condition"); never empty: without one it is a bare Normal. */
function chain(before: readonly Stored[], observation: Stored, value: ConditionValue): readonly Stored[] {
  const code = codeOf(value);
  if (value.level === 'UNAVAILABLE' || (value.level === 'NORMAL' && code === undefined)) return [observation];
  const others = before.filter(({ value: other }) => isCondition(other) && isActive(other) && codeOf(other) !== code);
  if (value.level !== 'NORMAL') return [...others, observation];
  return others.length > 0 ? others : [{ ...observation, value: { level: 'NORMAL' } }];
}

function isActive(value: ConditionValue): boolean {
  return value.level === 'WARNING' || value.level === 'FAULT';
}

function codeOf(value: ConditionValue): string | undefined {
  return value.conditionId ?? value.nativeCode;
}

function merged(base: Readonly<Record<string, Entry>>, change: Readonly<Record<string, Entry>>): Record<string, Entry> {
  return Object.fromEntries(Object.entries({ ...base, ...change }).filter(([, entry]) => entry !== null));
}
