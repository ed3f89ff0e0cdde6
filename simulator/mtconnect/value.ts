/**
 * What a data item can be observed to be, before it is put into XML.
 * A string or number is the value itself; `UNAVAILABLE` fits every item.
 */
export type SimulatedValue =
  | string
  | number
  | ConditionValue
  | EntriesValue
  | SeriesValue
  | MessageValue
  | AssetValue
  | ResetValue;

export type ConditionLevel = 'NORMAL' | 'WARNING' | 'FAULT' | 'UNAVAILABLE';

/** A change of one condition. `NORMAL` without a code clears all of the item's; with one, only that one. */
export interface ConditionValue {
  readonly level: ConditionLevel;
  readonly nativeCode?: string;
  /** Sent from 2.3 on; there the nativeCode stands in for it when left out. */
  readonly conditionId?: string;
  readonly nativeSeverity?: string;
  readonly qualifier?: 'LOW' | 'HIGH';
  readonly text?: string;
}

/** An entry's value; an object is a row of a table; null is an entry that was removed. */
export type Entry = string | number | null | { readonly [cell: string]: string | number };

/** A change of a data set or table: what is not named stays, unless `resetTriggered` replaces everything. */
export interface EntriesValue {
  readonly entries: { readonly [key: string]: Entry };
  readonly resetTriggered?: string;
}

/** A time series; `timestamp` of the observation is that of the last value. `rate` in values per second. */
export interface SeriesValue {
  readonly series: readonly number[];
  readonly rate?: number;
}

export interface MessageValue {
  readonly message: string;
  readonly nativeCode?: string;
  /** The text goes out as it is, as from an agent that does not escape what the machine says: the document may break. */
  readonly raw?: boolean;
}

/** Value of an AssetChanged, AssetAdded or AssetRemoved. */
export interface AssetValue {
  readonly assetType: string;
  readonly assetId: string;
}

/** A value that starts anew, e.g. a part count at `DAY`. */
export interface ResetValue {
  readonly value: string | number;
  readonly resetTriggered: string;
}

export const UNAVAILABLE = 'UNAVAILABLE';

export function isCondition(value: SimulatedValue): value is ConditionValue {
  return typeof value === 'object' && 'level' in value;
}

export function isAsset(value: SimulatedValue): value is AssetValue {
  return typeof value === 'object' && 'assetId' in value;
}

export function isEntries(value: SimulatedValue): value is EntriesValue {
  return typeof value === 'object' && 'entries' in value;
}
