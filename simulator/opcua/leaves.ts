import { DataType, type StatusCodes } from 'node-opcua';

/** A value as JSON holds it: int64 as decimal text, bytes as base64, times as ISO text, a structure by its members. */
export type Produced = number | string | boolean | readonly number[] | Tool;

/** Members of the structure `Tool`. */
export interface Tool {
  readonly number: number;
  readonly name: string;
  readonly wear: number;
}

export type StatusName = Exclude<keyof typeof StatusCodes, 'prototype'>;

export interface Unit {
  /** As it is written. */
  readonly text: string;
  /** Of UNECE recommendation 20. */
  readonly code: string;
}

const RPM = { text: 'rev/min', code: 'RPM' };
const PERCENT = { text: '%', code: 'P1' };
const MM = { text: 'mm', code: 'MMT' };

export interface Leaf {
  readonly dataType: DataType;
  readonly unit?: Unit;
  /** EURange: lowest and highest value in normal use. */
  readonly range?: readonly [low: number, high: number];
  readonly isArray?: boolean;
  /** Texts of the numbers from 0 on, as the variable's own property. */
  readonly texts?: readonly string[];
  /** Its type is an enumeration or a structure of the machines' namespace. */
  readonly type?: 'OperationMode' | 'Tool';
  /** What it always has instead of Good. */
  readonly status?: StatusName;
}

/** States of `Production/State`, by their number. */
export const STATES = ['Initializing', 'Idle', 'Running', 'Interrupted', 'Aborted'] as const;
/** `Production/Mode`, by its number (OPC 40501-1, 10.1). */
export const MODES = ['Manual', 'Automatic', 'Setup', 'Maintenance', 'Other'] as const;

/** What a machine shows, by names below it, in the words of OPC UA for Machine Tools (OPC 40501-1) where it has them. */
export const LEAVES = {
  'Spindle/Speed': { dataType: DataType.Double, unit: RPM, range: [0, 12_000] },
  'Spindle/Override': { dataType: DataType.UInt16, unit: PERCENT, range: [0, 120] },
  'Spindle/Load': { dataType: DataType.Float, unit: PERCENT, range: [0, 150] },
  'Spindle/IsRotating': { dataType: DataType.Boolean },
  'Spindle/Tool': { dataType: DataType.ExtensionObject, type: 'Tool' },
  'Feed/Actual': { dataType: DataType.Double, unit: { text: 'mm/min', code: 'H81' }, range: [0, 30_000] },
  'Feed/Override': { dataType: DataType.UInt16, unit: PERCENT, range: [0, 120] },
  'Axes/X/Position': { dataType: DataType.Double, unit: MM, range: [-400, 400] },
  'Axes/Y/Position': { dataType: DataType.Double, unit: MM, range: [-300, 300] },
  'Axes/Z/Position': { dataType: DataType.Double, unit: MM, range: [-250, 250] },
  'Axes/Positions': { dataType: DataType.Double, isArray: true },
  /** Increments of the encoder: more than a double can count. */
  'Axes/Increments': { dataType: DataType.Int64 },
  'Production/State': { dataType: DataType.Int32, texts: STATES },
  'Production/Mode': { dataType: DataType.Int32, type: 'OperationMode' },
  'Production/Program': { dataType: DataType.String },
  'Production/Checksum': { dataType: DataType.ByteString },
  'Production/Started': { dataType: DataType.DateTime },
  'Production/PartCount': { dataType: DataType.UInt32 },
  'Alarm/Number': { dataType: DataType.Int32 },
  'Sensors/Temperature': { dataType: DataType.Float, unit: { text: '°C', code: 'CEL' }, range: [0, 90] },
  'Sensors/Vibration': {
    dataType: DataType.Float,
    unit: { text: 'mm/s', code: 'C16' },
    status: 'UncertainSensorNotAccurate',
  },
  'Sensors/Coolant': { dataType: DataType.Float, unit: { text: 'l', code: 'LTR' }, status: 'BadNotConnected' },
} as const satisfies Readonly<Record<string, Leaf>>;

export type LeafPath = keyof typeof LEAVES;
