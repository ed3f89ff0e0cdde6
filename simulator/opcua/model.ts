import {
  coerceLocalizedText,
  DataType,
  type Namespace,
  StatusCodes,
  type UAObject,
  type UAVariable,
  VariantArrayType,
} from 'node-opcua';
import { MACHINES } from '../modbus/machines.ts';
import { Random } from '../mtconnect/random.ts';

/** A value as the server holds it. */
export type Produced = number | string | boolean | readonly number[];

/** One variable of a machine. */
export interface Item {
  /** Names below the machine, e.g. `Spindle/Speed`. */
  readonly path: string;
  readonly node: UAVariable;
  readonly dataType: DataType;
}

/** Names of the states of `Production/State`, by their number. */
export const STATES = ['Initializing', 'Idle', 'Running', 'Interrupted', 'Aborted'] as const;

interface Leaf {
  readonly dataType: DataType;
  /** UNECE code and text of the unit (OPC 10000-8, 5.6.3). */
  readonly unit?: string;
  readonly isArray?: boolean;
}

/** What a machine shows, in the words of OPC UA for Machine Tools (OPC 40501-1) where it has them. */
const LEAVES: Readonly<Record<string, Leaf>> = {
  'Spindle/Speed': { dataType: DataType.Double, unit: 'rev/min' },
  'Spindle/Load': { dataType: DataType.Float, unit: '%' },
  'Spindle/IsRotating': { dataType: DataType.Boolean },
  'Feed/Actual': { dataType: DataType.Double, unit: 'mm/min' },
  'Feed/Override': { dataType: DataType.UInt16, unit: '%' },
  'Axes/X/Position': { dataType: DataType.Double, unit: 'mm' },
  'Axes/Positions': { dataType: DataType.Double, isArray: true },
  'Production/State': { dataType: DataType.Int32 },
  'Production/Program': { dataType: DataType.String },
  'Production/PartCount': { dataType: DataType.UInt32 },
  'Alarm/Number': { dataType: DataType.Int32 },
};

/** A CNC in an address space. The same seed and steps give the same values. */
export class CncModel {
  readonly name: string;
  readonly #items: Map<string, Item>;
  readonly #live: (seconds: number) => Record<string, unknown>;

  constructor(namespace: Namespace, machines: UAObject, name: string, seed: number) {
    this.name = name;
    this.#live = MACHINES.cnc.live(new Random(seed));
    const machine = namespace.addObject({ organizedBy: machines, browseName: name, nodeId: `s=${name}` });
    const identification = namespace.addObject({
      componentOf: machine,
      browseName: 'Identification',
      nodeId: `s=${name}.Identification`,
    });
    for (const [property, value] of Object.entries({
      Manufacturer: 'Simulated Machines',
      Model: 'VMC 850',
      SerialNumber: `SIM-${seed}`,
    })) {
      namespace.addVariable({
        propertyOf: identification,
        browseName: property,
        nodeId: `s=${name}.Identification.${property}`,
        dataType: 'String',
        value: { dataType: DataType.String, value },
      });
    }
    const folders = new Map<string, UAObject>([['', machine]]);
    const folder = (path: string): UAObject => {
      const known = folders.get(path);
      if (known !== undefined) return known;
      const at = path.lastIndexOf('/');
      const made = namespace.addObject({
        componentOf: folder(path.slice(0, Math.max(0, at))),
        browseName: path.slice(at + 1),
        nodeId: `s=${name}.${path.replaceAll('/', '.')}`,
      });
      folders.set(path, made);
      return made;
    };
    this.#items = new Map(
      Object.entries(LEAVES).map(([path, leaf]) => {
        const at = path.lastIndexOf('/');
        return [
          path,
          { path, dataType: leaf.dataType, node: addLeaf(namespace, folder(path.slice(0, at)), name, path, leaf) },
        ];
      }),
    );
  }

  /** By their paths. */
  get items(): ReadonlyMap<string, Item> {
    return this.#items;
  }

  /** The item is no longer there. */
  forget(path: string): void {
    this.#items.delete(path);
  }

  /** Lets time pass; what each item then holds. */
  step(seconds: number): Readonly<Record<string, Produced>> {
    const cnc = this.#live(seconds) as {
      mode: number;
      alarm: number;
      rpm: number;
      feed_mm_min: number;
      position_x: number;
      parts: number;
      program: string;
      load: number;
      override: number;
      spindle_on: boolean;
    };
    return {
      'Spindle/Speed': cnc.rpm,
      'Spindle/Load': Math.fround(cnc.load),
      'Spindle/IsRotating': cnc.spindle_on,
      'Feed/Actual': cnc.feed_mm_min,
      'Feed/Override': cnc.override,
      'Axes/X/Position': cnc.position_x,
      'Axes/Positions': [cnc.position_x, cnc.position_x / 2, 100],
      'Production/State': cnc.alarm !== 0 ? 4 : cnc.mode === 1 ? 2 : 1,
      'Production/Program': cnc.program,
      'Production/PartCount': cnc.parts,
      'Alarm/Number': cnc.alarm,
    };
  }
}

function addLeaf(
  namespace: Namespace,
  parent: UAObject,
  machine: string,
  path: string,
  { dataType, unit, isArray }: Leaf,
): UAVariable {
  const options = {
    componentOf: parent,
    browseName: path.slice(path.lastIndexOf('/') + 1),
    nodeId: `s=${machine}.${path.replaceAll('/', '.')}`,
    dataType: DataType[dataType],
    // The server tells each change, however fast (OPC 10000-3, 5.6.2).
    minimumSamplingInterval: 0,
    ...(isArray ? { valueRank: 1, arrayDimensions: [0] } : {}),
  };
  const node =
    unit === undefined
      ? namespace.addVariable(options)
      : namespace.addAnalogDataItem({
          ...options,
          engineeringUnitsRange: { low: -1e6, high: 1e6 },
          engineeringUnits: {
            namespaceUri: 'http://www.opcfoundation.org/UA/units/un/cefact',
            unitId: -1,
            displayName: coerceLocalizedText(unit),
            description: coerceLocalizedText(unit),
          } as never,
        });
  if (path === 'Production/State') {
    namespace.addVariable({
      propertyOf: node,
      browseName: { name: 'EnumStrings', namespaceIndex: 0 },
      nodeId: `s=${machine}.Production.State.EnumStrings`,
      dataType: 'LocalizedText',
      valueRank: 1,
      value: {
        dataType: DataType.LocalizedText,
        arrayType: VariantArrayType.Array,
        value: STATES.map((text) => coerceLocalizedText(text)),
      },
    });
  }
  node.setValueFromSource({ dataType: DataType.Null }, StatusCodes.BadWaitingForInitialData);
  return node;
}
