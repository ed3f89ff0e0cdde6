import type { Component, DataItem, Item, SimulatedDevice } from './device.ts';
import type { Stored } from './state.ts';
import { type ConditionValue, type Entry, isCondition, type SimulatedValue, UNAVAILABLE } from './value.ts';
import { atLeast, type Version } from './version.ts';
import { type Attributes, attributes, element, text } from './xml.ts';

/** A whole document: `kind` is `Streams`, `Devices`, `Assets` or `Error`; `header` and `body` are as in the standard. */
export function documentXml(kind: string, version: Version, header: Attributes, body: string): string {
  const urn = `urn:mtconnect.org:MTConnect${kind}:${version}`;
  const location = `${urn} http://schemas.mtconnect.org/schemas/MTConnect${kind}_${version}.xsd`;
  const root = {
    'xmlns:m': urn,
    xmlns: urn,
    'xmlns:xsi': 'http://www.w3.org/2001/XMLSchema-instance',
    'xsi:schemaLocation': location,
  };
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element(`MTConnect${kind}`, root, element('Header', header) + body)}\n`;
}

/** The `Devices` of a probe. */
export function devicesXml(devices: readonly SimulatedDevice[], version: Version): string {
  return element('Devices', {}, devices.map((device) => deviceXml(device, version)).join(''));
}

function deviceXml(device: SimulatedDevice, version: Version): string {
  const { element: tag, id, name, uuid, description } = device;
  const own = { id, mtconnectVersion: tag === 'Agent' ? version : undefined, name, uuid };
  const about = description === undefined ? '' : element('Description', { ...description });
  return element(tag, own, about + contentXml(device));
}

function contentXml({ dataItems = [], components = [] }: Component): string {
  const items = dataItems.map(({ id, ...rest }) => dataItemXml({ id, ...rest })).join('');
  const parts = components.map((part) => element(part.element, { id: part.id, name: part.name }, contentXml(part)));
  return (
    (items && element('DataItems', {}, items)) + (parts.length > 0 ? element('Components', {}, parts.join('')) : '')
  );
}

function dataItemXml(item: DataItem): string {
  const { category, id, type, ...others } = item;
  return element('DataItem', { category, id, ...others, type });
}

const LISTS = { SAMPLE: 'Samples', EVENT: 'Events', CONDITION: 'Condition' } as const;

/** The `Streams` of the observations, grouped by device, component, category and item as cppagent does. */
export function streamsXml(observations: Iterable<Stored>, version: Version): string {
  const byItem = new Map<Item, Stored[]>();
  for (const observation of observations) {
    const list = byItem.get(observation.item);
    if (list === undefined) byItem.set(observation.item, [observation]);
    else list.push(observation);
  }
  const groups = [...byItem].sort(([a], [b]) => a.rank - b.rank);
  let body = '';
  let previous: Item | undefined;
  for (const [item, list] of groups) {
    body += between(previous, item);
    for (const observation of list) body += observationXml(observation, version);
    previous = item;
  }
  return element('Streams', {}, body + between(previous, undefined));
}

/** Closes what ends behind one item and opens what begins before the next. */
function between(last: Item | undefined, next: Item | undefined): string {
  const sameDevice = last?.device === next?.device;
  const sameComponent = sameDevice && last?.component === next?.component;
  if (sameComponent && last?.spec.category === next?.spec.category) return '';
  let out = '';
  if (last !== undefined) {
    out += `</${LISTS[last.spec.category]}>`;
    if (!sameComponent) out += '</ComponentStream>';
    if (!sameDevice) out += '</DeviceStream>';
  }
  if (next === undefined) return out;
  const { device, component } = next;
  if (!sameDevice) out += `<DeviceStream${attributes({ name: device.name, uuid: device.uuid })}>`;
  if (!sameComponent) {
    const own = { component: component.element, name: component.name, componentId: component.id };
    out += `<ComponentStream${attributes(own)}>`;
  }
  return `${out}<${LISTS[next.spec.category]}>`;
}

function observationXml({ item, value, sequence, timestamp }: Stored, version: Version): string {
  const { spec } = item;
  const own = { dataItemId: spec.id, name: spec.name, sequence, subType: spec.subType, timestamp };
  if (isCondition(value)) return conditionXml(value, { ...own, type: spec.type }, version);
  const [more, body] = content(value, item);
  return element(item.element, { ...own, statistic: spec.statistic, ...more }, body);
}

const LEVELS = { NORMAL: 'Normal', WARNING: 'Warning', FAULT: 'Fault', UNAVAILABLE: 'Unavailable' } as const;

function conditionXml(value: ConditionValue, own: Attributes, version: Version): string {
  const { level, nativeCode, nativeSeverity, qualifier } = value;
  const conditionId = atLeast(version, '2.3') ? (value.conditionId ?? nativeCode) : undefined;
  return element(LEVELS[level], { ...own, conditionId, nativeCode, nativeSeverity, qualifier }, text(value.text ?? ''));
}

/** The attributes and the content that the value gives to its element. */
function content(value: Exclude<SimulatedValue, ConditionValue>, item: Item): [Attributes, string] {
  if (value === UNAVAILABLE) return [unavailable(item), UNAVAILABLE];
  if (typeof value !== 'object') return [{}, text(String(value))];
  if ('entries' in value) {
    const entries = Object.entries(value.entries);
    const body = entries.map(([key, entry]) => entryXml(key, entry)).join('');
    return [{ count: entries.length, resetTriggered: value.resetTriggered }, body];
  }
  if ('series' in value) {
    const sampleRate = value.rate ?? item.spec.sampleRate;
    return [{ sampleCount: value.series.length, sampleRate }, value.series.join(' ')];
  }
  if ('message' in value) {
    return [{ nativeCode: value.nativeCode }, value.raw === true ? value.message : text(value.message)];
  }
  if ('assetId' in value) return [{ assetType: value.assetType }, text(value.assetId)];
  return [{ resetTriggered: value.resetTriggered }, text(String(value.value))];
}

function unavailable({ spec }: Item): Attributes {
  if (spec.type.startsWith('ASSET_') && spec.type !== 'ASSET_COUNT') return { assetType: UNAVAILABLE };
  if (spec.representation === 'TIME_SERIES') return { sampleCount: 0 };
  return spec.representation === 'DATA_SET' || spec.representation === 'TABLE' ? { count: 0 } : {};
}

function entryXml(key: string, entry: Entry): string {
  if (entry === null) return element('Entry', { key, removed: true });
  if (typeof entry !== 'object') return element('Entry', { key }, text(String(entry)));
  const cells = Object.entries(entry).map(([name, cell]) => element('Cell', { key: name }, text(String(cell))));
  return element('Entry', { key }, cells.join(''));
}
