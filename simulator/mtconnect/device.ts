import { atLeast, type Version } from './version.ts';

export interface DataItem {
  /** Unique within the agent. */
  readonly id: string;
  readonly category: 'SAMPLE' | 'EVENT' | 'CONDITION';
  /** In the words of the standard, e.g. `ROTARY_VELOCITY`; `x:TYPE` for an extension. */
  readonly type: string;
  readonly name?: string;
  readonly subType?: string;
  readonly units?: string;
  readonly nativeUnits?: string;
  readonly representation?: 'VALUE' | 'DATA_SET' | 'TABLE' | 'TIME_SERIES' | 'DISCRETE';
  readonly discrete?: boolean;
  readonly statistic?: string;
  readonly coordinateSystem?: string;
  readonly sampleRate?: number;
}

export interface Component {
  /** Element name, e.g. `Linear`. */
  readonly element: string;
  readonly id: string;
  readonly name?: string;
  readonly dataItems?: readonly DataItem[];
  readonly components?: readonly Component[];
}

/** A machine as its agent describes it in the probe document. */
export interface SimulatedDevice extends Component {
  readonly element: 'Device' | 'Agent';
  readonly name: string;
  readonly uuid: string;
  readonly description?: { readonly manufacturer?: string; readonly model?: string; readonly serialNumber?: string };
}

/** One data item with what its observations repeat, made once. */
export interface Item {
  /** Position in the agent's documents: by device, component, category and id, as cppagent sorts them. */
  readonly rank: number;
  readonly device: SimulatedDevice;
  readonly component: Component;
  /** Elements from the device down to the data item, for path filters. */
  readonly lineage: readonly (Component | DataItem)[];
  readonly spec: DataItem;
  /** Element name of its observations, e.g. `RotaryVelocity`; a condition's is its level. */
  readonly element: string;
}

/** Names that do not follow from the type's words. */
const ELEMENTS: Readonly<Record<string, string>> = {
  ADAPTER_URI: 'AdapterURI',
  AMPERAGE_AC: 'AmperageAC',
  AMPERAGE_DC: 'AmperageDC',
  MTCONNECT_VERSION: 'MTConnectVersion',
  PH: 'PH',
  VOLTAGE_AC: 'VoltageAC',
  VOLTAGE_DC: 'VoltageDC',
};

const SUFFIXES: Readonly<Record<string, string>> = {
  DATA_SET: 'DataSet',
  TABLE: 'Table',
  TIME_SERIES: 'TimeSeries',
  DISCRETE: 'Discrete',
};

const CATEGORY_ORDER = ['SAMPLE', 'EVENT', 'CONDITION'];

/** `PATH_FEEDRATE` → `PathFeedrate`, with the suffix of its representation (MTConnect Part 1, observation names). */
export function elementName(item: DataItem): string {
  const [prefix, type] = item.type.includes(':') ? (item.type.split(':') as [string, string]) : ['', item.type];
  const words = type.split('_').map((word) => word.charAt(0) + word.slice(1).toLowerCase());
  const name = (ELEMENTS[type] ?? words.join('')) + (SUFFIXES[item.representation ?? ''] ?? '');
  return prefix === '' ? name : `${prefix}:${name}`;
}

/** All data items of the devices in document order. */
export function itemsOf(devices: readonly SimulatedDevice[]): Item[] {
  return devices.flatMap(itemsOfDevice).map((item, rank) => ({ ...item, rank }));
}

function itemsOfDevice(device: SimulatedDevice): Omit<Item, 'rank'>[] {
  const items: Omit<Item, 'rank'>[] = [];
  const visit = (component: Component, lineage: readonly Component[]) => {
    const path = [...lineage, component];
    for (const spec of component.dataItems ?? []) {
      items.push({ device, component, lineage: [...path, spec], spec, element: elementName(spec) });
    }
    for (const child of component.components ?? []) visit(child, path);
  };
  visit(device, []);
  const key = (item: Omit<Item, 'rank'>) =>
    `${item.component === device ? '' : item.component.id}\0${CATEGORY_ORDER.indexOf(item.spec.category)}\0${item.spec.id}`;
  return items.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** The asset events that every device has, by version. */
export function assetItems(prefix: string, version: Version): DataItem[] {
  const items: DataItem[] = [];
  const add = (id: string, type: string, extra: Partial<DataItem> = {}) =>
    items.push({ id: `${prefix}_${id}`, category: 'EVENT', type, ...extra });
  if (atLeast(version, '1.2')) add('asset_chg', 'ASSET_CHANGED', atLeast(version, '1.5') ? { discrete: true } : {});
  if (atLeast(version, '1.3')) add('asset_rem', 'ASSET_REMOVED');
  if (atLeast(version, '2.0')) add('asset_count', 'ASSET_COUNT', { representation: 'DATA_SET' });
  if (atLeast(version, '2.2')) add('asset_add', 'ASSET_ADDED', { discrete: true });
  return items;
}

/** The agent's own device, which agents have from 1.7 on: not a machine. */
export function agentDevice(version: Version): SimulatedDevice {
  const event = (id: string, type: string): DataItem => ({ id, category: 'EVENT', type });
  return {
    element: 'Agent',
    id: 'agent_5e1f',
    name: 'Agent',
    uuid: '5e1f0d3c-0000-4000-8000-000000000001',
    dataItems: [
      event('agent_avail', 'AVAILABILITY'),
      event('device_added', 'DEVICE_ADDED'),
      event('device_removed', 'DEVICE_REMOVED'),
      event('device_changed', 'DEVICE_CHANGED'),
      ...assetItems('agent_5e1f', version),
    ],
    components: [
      {
        element: 'Adapters',
        id: '__adapters__',
        components: [
          {
            element: 'Adapter',
            id: '_127.0.0.1_7878',
            name: 'shdr://127.0.0.1:7878',
            dataItems: [
              event('_127.0.0.1_7878_connection_status', 'CONNECTION_STATUS'),
              event('_127.0.0.1_7878_adapter_uri', 'ADAPTER_URI'),
              {
                id: '_127.0.0.1_7878_observation_update_rate',
                category: 'SAMPLE',
                type: 'OBSERVATION_UPDATE_RATE',
                statistic: 'AVERAGE',
                units: 'COUNT/SECOND',
              },
            ],
          },
        ],
      },
    ],
  };
}
