import type { Value } from '../../observation.ts';
import type { Element } from './element.ts';
import { parseNumber } from './numbers.ts';

/** Keys that are kept of one set; what comes beyond is not taken. */
const MAX_KEYS = 10_000;

type Cells = ReadonlyMap<string, Value>;

/**
 * Data sets and tables by data item (MTConnect Part 3, DataSet and Table): `current` carries all entries, `sample` only
 * those that changed, so they are merged by key.
 */
export class DataSets {
  readonly #sets = new Map<string, Map<string, Value | Cells>>();

  /** Forgets a set that became unavailable: what follows is a whole one. */
  clear(dataItemId: string): void {
    this.#sets.delete(dataItemId);
  }

  /**
   * Takes a report and returns the set as it is then, an object by key; rows of a table are objects by cell.
   * @param whole the report is not a change but everything there is
   */
  report(dataItemId: string, element: Element, whole: boolean): Value {
    const replaces = whole || element.attribute('resetTriggered') !== undefined;
    const set = (replaces ? undefined : this.#sets.get(dataItemId)) ?? new Map<string, Value | Cells>();
    this.#sets.set(dataItemId, set);
    for (const entry of element.children) {
      const key = entry.name === 'Entry' ? entry.attribute('key') : undefined;
      if (key === undefined) continue;
      if (entry.attribute('removed') === 'true') set.delete(key);
      else if (set.has(key) || set.size < MAX_KEYS) set.set(key, entryValue(entry));
    }
    return toObject(set);
  }
}

function entryValue(entry: Element): Value | Cells {
  const cells = entry.children.filter((cell) => cell.name === 'Cell');
  if (cells.length === 0) return scalar(entry.text);
  return new Map(cells.map((cell) => [cell.attribute('key') ?? '', scalar(cell.text)]));
}

function scalar(text: string): Value {
  return parseNumber(text) ?? text;
}

/** Made from entries, a key such as `__proto__` is a key like any other. */
function toObject(set: ReadonlyMap<string, Value | Cells>): Value {
  return Object.fromEntries(
    [...set].map(([key, value]) => [key, value instanceof Map ? toObject(value) : (value as Value)]),
  );
}
