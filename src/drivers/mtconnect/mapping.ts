import { Fault } from '../../errors.ts';
import type { SignalInfo } from '../../observation.ts';
import { CANONICAL, type Canonical, chooseCanonical, isEvent } from './canonical.ts';
import type { DataItem, DeviceModel } from './model.ts';
import { toMmMin, toRevMin, unitWord } from './units.ts';

/** Where the values of a data item go. */
export interface Target {
  readonly signal: string;
  /** Numbers are multiplied with it. */
  readonly factor: number;
  /** `available` turns AVAILABLE and UNAVAILABLE into true and false. */
  readonly as: 'value' | 'available';
}

/** What to do with the observations of one data item. */
export interface MappedItem {
  readonly id: string;
  readonly targets: readonly Target[];
  /** An event whose text becomes a number when it is one. */
  readonly numeric: boolean;
  readonly sampleRate: number | undefined;
  /** What the derived `state` takes from it. */
  readonly drives: 'execution' | 'availability' | 'estop' | undefined;
}

/** Built afresh from each probe. */
export interface Mapping {
  /** By data item id. */
  readonly items: ReadonlyMap<string, MappedItem>;
  /** By signal, for the machine event. */
  readonly signals: ReadonlyMap<string, SignalInfo>;
}

/** Behind the name of a condition: the list of what is active. */
export const ACTIVE_SUFFIX = '.active';

const UNITS: Readonly<Partial<Record<Canonical, string>>> = { rpm: 'rev/min', feed_mm_min: 'mm/min' };

/**
 * Decides what every data item of a device is called and how it is converted.
 *
 * - The items chosen for `rpm`, `feed_mm_min` and `available` go under that name only; `state` is sent beside its Execution.
 * - Any other item has its own name if that is unique within the device and not taken, else its id, else `item.<id>`.
 * - `signals` (our name → id or name of an item) overrides the choice, and gives any other item another name.
 * @throws Fault of the config where `signals` names an item that is not there, or one that does not fit
 */
export function mapDevice(device: DeviceModel, signals: Readonly<Record<string, string>>): Mapping {
  const own = new Map(Object.entries(signals).map(([signal, wanted]) => [signal, findItem(device, signal, wanted)]));
  const chosen = new Map<string, DataItem>([...Object.entries(chooseCanonical(device.items)), ...own]);
  const targets = new Map<string, Target[]>();
  const infos = new Map<string, SignalInfo>();
  for (const [signal, item] of chosen) {
    infos.set(signal, infoOf(item, UNITS[signal as Canonical] ?? unitWord(item.units), item.name ?? item.id));
    if (signal !== 'state') add(targets, item.id, target(signal, item));
  }
  for (const [item, signal] of nativeNames(device.items, new Set([...CANONICAL, ...chosen.keys()]))) {
    if (targets.has(item.id)) continue;
    infos.set(signal, infoOf(item, unitWord(item.units), item.id));
    if (item.category === 'CONDITION') infos.set(signal + ACTIVE_SUFFIX, infoOf(item, undefined, item.id));
    add(targets, item.id, { signal, factor: 1, as: 'value' });
  }
  const execution = chosen.get('state');
  const items = device.items.map((item): [string, MappedItem] => [
    item.id,
    {
      id: item.id,
      targets: targets.get(item.id) ?? [],
      numeric: isNumericEvent(item),
      sampleRate: item.sampleRate,
      drives: driveOf(item, execution, chosen.get('available')),
    },
  ]);
  return { items: new Map(items), signals: infos };
}

/** Of an item that the probe did not declare: by its name, or id, without conversion. */
export function mapUnknown(id: string, name: string | undefined, mapping: Mapping): MappedItem {
  const free = (label: string) => !mapping.signals.has(label) && !(CANONICAL as readonly string[]).includes(label);
  const signal = [name, id].find((label) => label !== undefined && free(label)) ?? `item.${id}`;
  return {
    id,
    targets: [{ signal, factor: 1, as: 'value' }],
    numeric: false,
    sampleRate: undefined,
    drives: undefined,
  };
}

function add(targets: Map<string, Target[]>, id: string, target: Target): void {
  targets.set(id, [...(targets.get(id) ?? []), target]);
}

function target(signal: string, item: DataItem): Target {
  if (signal === 'available') return { signal, factor: 1, as: 'available' };
  const factorOf = { rpm: toRevMin, feed_mm_min: toMmMin }[signal];
  const factor = factorOf === undefined ? 1 : factorOf(item.units);
  if (factor !== undefined) return { signal, factor, as: 'value' };
  throw new Fault('config', `signals.${signal}: ${label(item)} is in ${item.units}`, {
    hint: `choose an item that can be converted to ${UNITS[signal as Canonical]}`,
  });
}

function infoOf(item: DataItem, unit: string | undefined, source: string): SignalInfo {
  const type = item.subType === undefined ? item.type : `${item.type} ${item.subType}`;
  return unit === undefined ? { source, type } : { unit, source, type };
}

/** In document order, each with a name of its own. */
function nativeNames(items: readonly DataItem[], taken: Set<string>): [DataItem, string][] {
  const uses = new Map<string, number>();
  for (const { name } of items) if (name !== undefined) uses.set(name, (uses.get(name) ?? 0) + 1);
  // Ids come second: a unique name wins over another item's id.
  const named = new Map<string, string>();
  for (const { id, name } of items) {
    if (name === undefined || uses.get(name) !== 1 || taken.has(name)) continue;
    named.set(id, name);
    taken.add(name);
  }
  return items.map((item) => {
    const name = named.get(item.id) ?? (taken.has(item.id) ? `item.${item.id}` : item.id);
    taken.add(name);
    return [item, name];
  });
}

/** A number by its unit, or by a type that the standard defines as a number. */
function isNumericEvent({ category, units, type }: DataItem): boolean {
  return category === 'EVENT' && (units !== undefined || /^LINE_NUMBER$|_(COUNT|OVERRIDE)$/.test(type));
}

function driveOf(item: DataItem, execution: DataItem | undefined, available: DataItem | undefined) {
  if (item.id === execution?.id) return 'execution';
  if (item.id === available?.id) return 'availability';
  return isEvent(item, 'EMERGENCY_STOP') ? 'estop' : undefined;
}

/** By id, else by a name that only one item has. */
function findItem(device: DeviceModel, signal: string, wanted: string): DataItem {
  const byId = device.items.find((item) => item.id === wanted);
  const byName = device.items.filter((item) => item.name === wanted);
  const found = byId ?? byName[0];
  if (byId === undefined && byName.length > 1) {
    throw new Fault('config', `signals.${signal}: ${byName.length} data items are called ${wanted}`, {
      hint: `take the id of one: ${byName.map(({ id }) => id).join(', ')}`,
    });
  }
  if (found === undefined) {
    throw new Fault('config', `signals.${signal}: the device has no data item ${JSON.stringify(wanted)}`, {
      hint: `take one of its items, e.g. ${nearest(device.items, wanted).map(label).join(', ')}`,
    });
  }
  return found;
}

function label({ id, name }: DataItem): string {
  return name === undefined ? id : `${name} (${id})`;
}

/** The few items whose id or name looks most like what was asked for. */
function nearest(items: readonly DataItem[], wanted: string): DataItem[] {
  const likeness = ({ id, name }: DataItem) => Math.max(similarity(id, wanted), similarity(name ?? '', wanted));
  return items.toSorted((a, b) => likeness(b) - likeness(a)).slice(0, 6);
}

/** Dice coefficient of the pairs of letters: 1 for equal texts, 0 where none is shared. */
function similarity(a: string, b: string): number {
  const [left, right] = [pairs(a), pairs(b)];
  const shared = left.filter((pair) => right.includes(pair)).length;
  return shared === 0 ? 0 : (2 * shared) / (left.length + right.length);
}

function pairs(text: string): string[] {
  const letters = text.toLowerCase();
  return Array.from({ length: Math.max(0, letters.length - 1) }, (_, i) => letters.slice(i, i + 2));
}
