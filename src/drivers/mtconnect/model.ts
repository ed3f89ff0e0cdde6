import { Fault } from '../../errors.ts';
import type { Category, DevicesDocument, Header } from './document.ts';
import type { Element } from './element.ts';

/** Where in a device a data item hangs. */
export interface Component {
  /** Element name, e.g. `Rotary` or `Path`. */
  readonly kind: string;
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly nativeName: string | undefined;
}

/** What can be observed, as the probe declares it (MTConnect Part 2, DataItem). */
export interface DataItem {
  readonly id: string;
  readonly name: string | undefined;
  readonly category: Category;
  readonly type: string;
  readonly subType: string | undefined;
  readonly units: string | undefined;
  readonly representation: string;
  /** Values per second of a time series. */
  readonly sampleRate: number | undefined;
  /** The only values that it can have, where the probe constrains them. */
  readonly constraints: readonly string[];
  /** From the device inwards. */
  readonly path: readonly Component[];
}

/** A machine as its agent describes it. */
export interface DeviceModel {
  readonly id: string | undefined;
  readonly name: string | undefined;
  readonly uuid: string | undefined;
  readonly manufacturer: string | undefined;
  readonly model: string | undefined;
  readonly serialNumber: string | undefined;
  readonly description: string | undefined;
  /** In document order. */
  readonly items: readonly DataItem[];
}

/** What a probe tells. */
export interface AgentModel {
  readonly header: Header;
  /** Machines. The agent's description of itself (`Agent`, from 1.7 on) is none. */
  readonly devices: readonly DeviceModel[];
  /** Whatever shares the agent's sequence numbers: machines and the Agent device. */
  readonly streams: number;
}

/** Reads a probe. Items without an id or of an unknown category are left out. */
export function agentModel(document: DevicesDocument): AgentModel {
  const machines = document.devices.filter((element) => element.name === 'Device');
  return { header: document.header, devices: machines.map(deviceModel), streams: document.devices.length };
}

/** What to call a device in a message. */
export function labelOf(device: Pick<DeviceModel, 'name' | 'uuid' | 'id'>): string {
  return device.name ?? device.uuid ?? device.id ?? '(no name)';
}

/**
 * The device that a machine entry means: by name or uuid, or the only one.
 * @throws Fault of the config where none or several fit, with the list; of the machine where the agent serves none
 */
export function selectDevice(agent: AgentModel, wanted: string | undefined, from: string): DeviceModel {
  const { devices } = agent;
  const list = devices.map((device) => `${labelOf(device)} (uuid ${device.uuid ?? 'none'})`).join(', ');
  const found = wanted === undefined ? devices : devices.filter(({ name, uuid }) => name === wanted || uuid === wanted);
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  if (devices.length === 0) {
    throw new Fault('machine', `${from} serves no device`, { hint: 'check the agent’s own device file' });
  }
  const problem =
    wanted === undefined
      ? `${from} serves ${devices.length} devices`
      : `${from} serves ${found.length === 0 ? 'no' : 'more than one'} device ${JSON.stringify(wanted)}`;
  throw new Fault('config', problem, { hint: `set \`device\` to one of: ${list}` });
}

function deviceModel(device: Element): DeviceModel {
  const description = device.child('Description');
  const described = (name: string) => description?.attribute(name) || undefined;
  return {
    id: device.attribute('id'),
    name: device.attribute('name'),
    uuid: device.attribute('uuid'),
    manufacturer: described('manufacturer'),
    model: described('model'),
    serialNumber: described('serialNumber'),
    description: description?.text.replace(/\s+/g, ' ') || undefined,
    items: itemsOf(device, []),
  };
}

function itemsOf(element: Element, outer: readonly Component[]): DataItem[] {
  const path = [...outer, component(element)];
  return element.children.flatMap((child) => {
    if (child.name === 'DataItems') return child.children.flatMap((item) => dataItem(item, path));
    if (child.name === 'Components') return child.children.flatMap((inner) => itemsOf(inner, path));
    return [];
  });
}

function component(element: Element): Component {
  return {
    kind: element.name,
    id: element.attribute('id'),
    name: element.attribute('name'),
    nativeName: element.attribute('nativeName'),
  };
}

const CATEGORIES: readonly string[] = ['SAMPLE', 'EVENT', 'CONDITION'] satisfies Category[];

function dataItem(element: Element, path: readonly Component[]): DataItem[] {
  const id = element.attribute('id');
  const category = element.attribute('category') ?? '';
  if (element.name !== 'DataItem' || id === undefined || !CATEGORIES.includes(category)) return [];
  const constraints = element.child('Constraints');
  return [
    {
      id,
      name: element.attribute('name'),
      category: category as Category,
      type: element.attribute('type') ?? '',
      subType: element.attribute('subType'),
      units: element.attribute('units'),
      representation: element.attribute('representation') ?? 'VALUE',
      sampleRate: positive(element.attribute('sampleRate')),
      constraints: constraints?.children.map(({ text }) => text) ?? [],
      path,
    },
  ];
}

/** A finite number above 0, or undefined. */
export function positive(text: string | undefined): number | undefined {
  const number = Number(text);
  return Number.isFinite(number) && number > 0 ? number : undefined;
}
