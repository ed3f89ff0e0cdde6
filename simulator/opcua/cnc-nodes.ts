import {
  coerceInt64,
  coerceLocalizedText,
  DataType,
  type Namespace,
  StatusCodes,
  type UAObject,
  type UAVariable,
  Variant,
  VariantArrayType,
} from 'node-opcua';
import { addAlarm } from './alarm.ts';
import type { DataTypes } from './data-types.ts';
import { LEAVES, type Leaf, type LeafPath, type Produced, type StatusName, type Unit } from './leaves.ts';

/** Organization whose codes EngineeringUnits use (OPC 10000-8, 5.6.4.3). */
const UNECE = 'http://www.opcfoundation.org/UA/units/un/cefact';

/** The nodes of a CNC in an address space: `Identification`, the leaves and an alarm below `Machines/<name>`. */
export class CncNodes {
  readonly name: string;
  readonly #namespace: Namespace;
  readonly #types: DataTypes;
  readonly #folders: Map<string, UAObject>;
  readonly #nodes = new Map<LeafPath, UAVariable>();
  readonly #setAlarm: (number: number) => void;

  constructor(namespace: Namespace, machines: UAObject, types: DataTypes, name: string, serial: string) {
    this.name = name;
    this.#namespace = namespace;
    this.#types = types;
    const { server } = namespace.addressSpace.rootFolder.objects;
    const machine = namespace.addObject({
      organizedBy: machines,
      browseName: name,
      nodeId: `s=${name}`,
      eventSourceOf: server,
    });
    this.#folders = new Map([['', machine]]);
    this.#identify(serial);
    for (const path of Object.keys(LEAVES) as LeafPath[]) this.add(path);
    this.#setAlarm = addAlarm(namespace, machine, this.#folder('Alarm'), this.#nodes.get('Alarm/Number') as UAVariable);
  }

  has(path: string): path is LeafPath {
    return this.#nodes.has(path as LeafPath);
  }

  /** Adds a leaf; without a value until it is written. */
  add(path: LeafPath): void {
    if (this.#nodes.has(path)) return;
    const leaf: Leaf = LEAVES[path];
    const at = path.lastIndexOf('/');
    const nodeId = this.#id(path);
    const options = {
      componentOf: this.#folder(path.slice(0, at)),
      browseName: path.slice(at + 1),
      nodeId,
      dataType: leaf.type === undefined ? DataType[leaf.dataType] : this.#types[leaf.type].nodeId,
      // The server tells each change, however fast (OPC 10000-3, 5.6.2).
      minimumSamplingInterval: 0,
      ...(leaf.isArray ? { valueRank: 1, arrayDimensions: [0] } : {}),
    };
    const { unit, range = [-1e6, 1e6] } = leaf;
    const node =
      unit === undefined
        ? this.#namespace.addVariable(options)
        : this.#namespace.addAnalogDataItem({
            ...options,
            engineeringUnitsRange: { low: range[0], high: range[1] },
            engineeringUnits: unitOf(unit) as never,
          });
    if (leaf.texts !== undefined) this.#addTexts(node, `${nodeId}.EnumStrings`, leaf.texts);
    node.setValueFromSource({ dataType: DataType.Null }, StatusCodes.BadWaitingForInitialData);
    this.#nodes.set(path, node);
  }

  /** Takes a leaf out of the address space. */
  remove(path: LeafPath): void {
    const node = this.#nodes.get(path);
    if (node === undefined) return;
    node.addressSpace.deleteNode(node);
    this.#nodes.delete(path);
  }

  write(path: LeafPath, value: Produced, status: StatusName, sourceTimestamp: Date): void {
    const leaf: Leaf = LEAVES[path];
    this.#nodes.get(path)?.setValueFromSource(this.#variant(leaf, value), StatusCodes[status], sourceTimestamp);
    if (path === 'Alarm/Number') this.#setAlarm(value as number);
  }

  #variant({ dataType, isArray }: Leaf, value: Produced): Variant {
    if (isArray) {
      const values = Float64Array.from(value as readonly number[]);
      return new Variant({ dataType, arrayType: VariantArrayType.Array, value: values });
    }
    return new Variant({ dataType, arrayType: VariantArrayType.Scalar, value: this.#scalar(dataType, value) });
  }

  #scalar(dataType: DataType, value: Produced): unknown {
    switch (dataType) {
      case DataType.Int64:
        return coerceInt64(value as string);
      case DataType.ByteString:
        return Buffer.from(value as string, 'base64');
      case DataType.DateTime:
        return new Date(value as string);
      case DataType.ExtensionObject:
        return this.#namespace.addressSpace.constructExtensionObject(this.#types.Tool, value as never);
      default:
        return value;
    }
  }

  #id(path: string): string {
    return `s=${this.name}.${path.replaceAll('/', '.')}`;
  }

  #folder(path: string): UAObject {
    const known = this.#folders.get(path);
    if (known !== undefined) return known;
    const at = path.lastIndexOf('/');
    const made = this.#namespace.addObject({
      componentOf: this.#folder(path.slice(0, Math.max(0, at))),
      browseName: path.slice(at + 1),
      nodeId: this.#id(path),
    });
    this.#folders.set(path, made);
    return made;
  }

  #identify(serial: string): void {
    const facts = { Manufacturer: 'Simulated Machines', Model: 'VMC 850', SerialNumber: serial };
    for (const [browseName, value] of Object.entries(facts)) {
      this.#namespace.addVariable({
        propertyOf: this.#folder('Identification'),
        browseName,
        nodeId: this.#id(`Identification/${browseName}`),
        dataType: 'String',
        value: { dataType: DataType.String, value },
      });
    }
  }

  #addTexts(node: UAVariable, nodeId: string, texts: readonly string[]): void {
    this.#namespace.addVariable({
      propertyOf: node,
      browseName: { name: 'EnumStrings', namespaceIndex: 0 },
      nodeId,
      dataType: 'LocalizedText',
      valueRank: 1,
      value: {
        dataType: DataType.LocalizedText,
        arrayType: VariantArrayType.Array,
        value: texts.map((text) => coerceLocalizedText(text)),
      },
    });
  }
}

/** `unitId` is the code's characters as the bytes of a number. */
function unitOf({ text, code }: Unit) {
  const unitId = [...Buffer.from(code)].reduce((number, byte) => number * 256 + byte, 0);
  const displayName = coerceLocalizedText(text);
  return { namespaceUri: UNECE, unitId, displayName, description: displayName };
}
