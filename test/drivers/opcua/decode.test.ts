import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  Argument,
  BinaryStream,
  coerceStatusCode,
  DataType,
  DataValue,
  decodeDataValue,
  encodeDataValue,
  Range,
  resolveNodeId,
  StatusCode,
  StatusCodes,
  Variant,
  VariantArrayType,
} from 'node-opcua';
import t from 'tap';
import { decode, isOverflow } from '../../../src/drivers/opcua/decode.ts';
import type { Observation } from '../../../src/observation.ts';

interface Case {
  readonly name: string;
  readonly dataType?: keyof typeof DataType;
  readonly arrayType?: keyof typeof VariantArrayType;
  readonly dimensions?: number[];
  readonly value?: unknown;
  readonly structure?: { readonly type: 'Argument' | 'Range'; readonly value: object | object[] };
  readonly status?: keyof typeof StatusCodes;
  readonly infoBits?: number;
  readonly overflow?: boolean;
  readonly source?: string;
  readonly sourcePicoseconds?: number;
  readonly server?: string;
  readonly serverPicoseconds?: number;
  readonly conversion?: { readonly scale?: number; readonly offset?: number };
  readonly observations: readonly Observation[];
}

const cases: Case[] = JSON.parse(readFileSync(join(import.meta.dirname, 'cases/values.json'), 'utf8'));
const NOW = 1000;

/** What JSON cannot say, as node-opcua wants it. */
function raw(type: Case['dataType'], value: unknown): unknown {
  if (type === 'Double' || type === 'Float') return typeof value === 'string' ? Number(value) : value;
  if (type === 'DateTime') return new Date(String(value));
  if (type === 'ByteString') return Buffer.from(String(value), 'base64');
  if (type === 'NodeId') return resolveNodeId(String(value));
  if (type === 'StatusCode') return coerceStatusCode(String(value));
  return value;
}

function variantOf({ structure, dataType, arrayType = 'Scalar', dimensions, value }: Case): Variant | undefined {
  if (structure !== undefined) {
    const make = (fields: object) => (structure.type === 'Range' ? new Range(fields) : new Argument(fields));
    const isArray = Array.isArray(structure.value);
    return new Variant({
      dataType: DataType.ExtensionObject,
      arrayType: isArray ? VariantArrayType.Array : VariantArrayType.Scalar,
      value: Array.isArray(structure.value) ? structure.value.map(make) : make(structure.value),
    });
  }
  if (dataType === undefined) return undefined;
  const made = arrayType === 'Scalar' ? raw(dataType, value) : (value as unknown[]).map((one) => raw(dataType, one));
  return new Variant({
    dataType: DataType[dataType],
    arrayType: VariantArrayType[arrayType],
    value: made,
    ...(dimensions ? { dimensions } : {}),
  });
}

/** Over the wire and back: what the driver sees. */
function received(one: Case): DataValue {
  const base = StatusCodes[one.status ?? 'Good'] as StatusCode;
  const value = variantOf(one);
  const sent = new DataValue({
    ...(value === undefined ? {} : { value }),
    statusCode: one.infoBits === undefined ? base : StatusCode.makeStatusCode(base, one.infoBits),
    ...(one.source === undefined ? {} : { sourceTimestamp: new Date(one.source) }),
    sourcePicoseconds: one.sourcePicoseconds ?? 0,
    ...(one.server === undefined ? {} : { serverTimestamp: new Date(one.server) }),
    serverPicoseconds: one.serverPicoseconds ?? 0,
  });
  const stream = new BinaryStream(10_000);
  encodeDataValue(sent, stream);
  stream.rewind();
  return decodeDataValue(stream);
}

t.test('golden cases: every type, status and time', async (test) => {
  for (const one of cases) {
    const data = received(one);
    test.strictSame(decode({ signal: 's', ...one.conversion }, data, NOW), one.observations, one.name);
    test.equal(isOverflow(data), one.overflow ?? false, `${one.name}: overflow`);
  }
});

t.test('every built-in type that a variable may have has a case', async (test) => {
  const shown = new Set(cases.map(({ dataType }) => dataType));
  const left = ['Null', 'XmlElement', 'ExpandedNodeId', 'ExtensionObject', 'DataValue', 'Variant', 'DiagnosticInfo'];
  for (const name of Object.keys(DataType).filter((key) => Number.isNaN(Number(key)) && !left.includes(key))) {
    test.ok(shown.has(name as keyof typeof DataType), name);
  }
});
