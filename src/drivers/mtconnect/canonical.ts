import type { Component, DataItem } from './model.ts';
import { toMmMin, toRevMin } from './units.ts';

/** The signals that every machine gets, whatever its protocol. */
export const CANONICAL = ['rpm', 'feed_mm_min', 'state', 'available'] as const;
export type Canonical = (typeof CANONICAL)[number];

/** The data items behind the canonical signals; `state` is the Execution that it follows. */
export type Choice = Readonly<Partial<Record<Canonical, DataItem>>>;

/**
 * The items that stand for the canonical signals of a device. Among several, the first in document order with the best
 * rank wins: an actual value before an unqualified before a commanded one; the rest is said at each rule.
 */
export function chooseCanonical(items: readonly DataItem[]): Choice {
  const spindles = new Set(items.filter(turnsAsSpindle).map((item) => item.path.at(-1)?.id));
  const choice = {
    rpm: best(items, (item) => rankRpm(item, spindles)),
    feed_mm_min: best(items, rankFeed) ?? onlyAxisFeed(items),
    state: best(items, rankExecution),
    available: best(items, (item) => (isEvent(item, 'AVAILABILITY') ? item.path.length : undefined)),
  };
  return Object.fromEntries(Object.entries(choice).filter(([, item]) => item !== undefined));
}

/** The item with the lowest rank; undefined ranks do not take part. */
function best(items: readonly DataItem[], rank: (item: DataItem) => number | undefined): DataItem | undefined {
  const ranked = items.flatMap((item) => {
    const value = rank(item);
    return value === undefined ? [] : [{ item, value }];
  });
  return ranked.sort((a, b) => a.value - b.value)[0]?.item;
}

/** Overrides and rapid or jog speeds are no measure of what the machine does. */
const SUBTYPE_RANK: ReadonlyMap<string | undefined, number> = new Map([
  ['ACTUAL', 0],
  [undefined, 10],
  ['COMMANDED', 20],
  ['PROGRAMMED', 20],
]);

/** SPINDLE_SPEED was replaced by ROTARY_VELOCITY in 1.2. Spindles go before other rotary axes. */
function rankRpm(item: DataItem, spindles: ReadonlySet<string | undefined>): number | undefined {
  const rank = SUBTYPE_RANK.get(item.subType);
  const isRotary = item.type === 'ROTARY_VELOCITY' || item.type === 'SPINDLE_SPEED';
  if (item.category !== 'SAMPLE' || !isRotary || rank === undefined) return undefined;
  if (toRevMin(item.units) === undefined) return undefined;
  const axis = item.path.at(-1);
  return rank + (isSpindle(axis) || spindles.has(axis?.id) ? 0 : 1);
}

/** By its element, or by a name such as `S`, `S1` or `main spindle`. */
function isSpindle(component: Component | undefined): boolean {
  if (component === undefined) return false;
  const names = [component.name ?? '', component.nativeName ?? ''];
  return component.kind === 'Spindle' || names.some((name) => /^s\d*$|spindle/i.test(name));
}

/** A rotary axis whose mode can only be SPINDLE. */
function turnsAsSpindle({ type, constraints }: DataItem): boolean {
  return type === 'ROTARY_MODE' && constraints.length === 1 && constraints[0] === 'SPINDLE';
}

/** The feedrate of a path; one that hangs on a Path component goes before one elsewhere. */
function rankFeed(item: DataItem): number | undefined {
  const rank = SUBTYPE_RANK.get(item.subType);
  if (item.category !== 'SAMPLE' || item.type !== 'PATH_FEEDRATE' || rank === undefined) return undefined;
  if (toMmMin(item.units) === undefined) return undefined;
  return rank + (item.path.at(-1)?.kind === 'Path' ? 0 : 1);
}

/** Where no path tells its feedrate, an axis's stands for it, but only if it is the only one: else it is a component of the motion. */
function onlyAxisFeed(items: readonly DataItem[]): DataItem | undefined {
  const feeds = items.filter(
    (item) =>
      item.category === 'SAMPLE' &&
      item.type === 'AXIS_FEEDRATE' &&
      SUBTYPE_RANK.has(item.subType) &&
      toMmMin(item.units) !== undefined,
  );
  const axes = new Set(feeds.map((item) => item.path.at(-1)?.id));
  return axes.size === 1 ? best(feeds, (item) => SUBTYPE_RANK.get(item.subType)) : undefined;
}

/** Of several paths the first one decides. */
function rankExecution(item: DataItem): number | undefined {
  if (!isEvent(item, 'EXECUTION')) return undefined;
  return item.path.at(-1)?.kind === 'Path' ? 0 : 1;
}

/** Whether it is an event of that type with plain values (`DISCRETE` was how 1.3 and 1.4 marked some of them). */
export function isEvent(item: DataItem, type: string): boolean {
  return item.category === 'EVENT' && item.type === type && /^(VALUE|DISCRETE)$/.test(item.representation);
}
