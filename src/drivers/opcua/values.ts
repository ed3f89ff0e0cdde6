import {
  DataType,
  DataValue,
  ExtensionObject,
  type LocalizedText,
  NodeId,
  QualifiedName,
  StatusCode,
  Variant,
  VariantArrayType,
} from 'node-opcua-client';
import type { Value } from '../../observation.ts';

/** Structures within structures, and arrays within arrays, deeper than this are cut off. */
const MAX_DEPTH = 20;
/** 1601-01-01, the zero of OPC UA, and the end of 9999: both mean “no time” (OPC UA Part 6, 5.2.2.5). */
const FIRST_TIME = Date.UTC(1602, 0, 1);
const LAST_TIME = Date.UTC(9999, 11, 31);

/**
 * A value as JSON: numbers as they are; int64 and uint64 beyond 2^53 as decimal text; a number that is not finite, an absent
 * time and a structure of unknown type as null; times as ISO text; bytes as base64; LocalizedText as its text; a status by its name;
 * ids and qualified names as text; arrays as arrays, matrices nested; structures as objects.
 */
export function toValue(variant: Variant | null | undefined): Value {
  if (variant === null || variant === undefined || variant.value === null || variant.value === undefined) return null;
  return ofVariant(variant, 0);
}

function ofVariant({ dataType, arrayType, value, dimensions }: Variant, depth: number): Value {
  if (depth > MAX_DEPTH || value === null || value === undefined) return null;
  if (arrayType === VariantArrayType.Scalar) return scalar(dataType, value, depth);
  const flat = Array.from(value as Iterable<unknown>, (one) => scalar(dataType, one, depth));
  return arrayType === VariantArrayType.Matrix && dimensions ? nest(flat, dimensions) : flat;
}

/** Elements in row-major order (OPC UA Part 6, 5.2.2.16) as nested arrays. */
function nest(flat: readonly Value[], [size, ...inner]: readonly number[]): Value {
  // Where one dimension is 0 the others mean nothing, however large they are.
  if (size === undefined || inner.length === 0 || flat.length === 0) return flat;
  const step = inner.reduce((product, one) => product * one, 1);
  return Array.from({ length: size }, (_, i) => nest(flat.slice(i * step, (i + 1) * step), inner));
}

function scalar(type: DataType, value: unknown, depth: number): Value {
  if (type === DataType.Int64 || type === DataType.UInt64) return wide(value, type === DataType.Int64);
  return plain(value, depth);
}

function plain(value: unknown, depth: number): Value {
  if (value === null || value === undefined || depth > MAX_DEPTH) return null;
  switch (typeof value) {
    case 'boolean':
    case 'string':
      return value;
    case 'number':
      return Number.isFinite(value) ? value : null;
    case 'bigint':
      return ofBigInt(value);
    case 'object':
      return ofObject(value, depth);
    default:
      return null;
  }
}

function ofObject(value: object, depth: number): Value {
  if (value instanceof Date) return ofDate(value);
  if (Buffer.isBuffer(value)) return value.toString('base64');
  if (value instanceof NodeId) return value.toString();
  if (value instanceof QualifiedName)
    return value.namespaceIndex > 0 ? `${value.namespaceIndex}:${value.name}` : value.name;
  if (value instanceof StatusCode) return value.name;
  if (value instanceof Variant) return ofVariant(value, depth + 1);
  if (value instanceof DataValue) return value.value ? ofVariant(value.value, depth + 1) : null;
  if (isLocalizedText(value)) return value.text ?? null;
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    return Array.from(value as unknown as Iterable<unknown>, (one) => plain(one, depth + 1));
  }
  return value instanceof ExtensionObject ? ofStructure(value, depth) : null;
}

/** Members by their names in the structure's definition; optional members that are absent are left out. */
function ofStructure(structure: ExtensionObject, depth: number): Value {
  const types = memberTypes(structure);
  if (types.size === 0) return null;
  const members = [...types].flatMap(([name, type]): [string, Value][] => {
    const member: unknown = (structure as unknown as Record<string, unknown>)[name];
    if (member === undefined) return [];
    return [[name, type === 'Int64' || type === 'UInt64' ? wides(member, type === 'Int64') : plain(member, depth + 1)]];
  });
  return Object.fromEntries(members);
}

interface Schema {
  readonly fields?: readonly { readonly name: string; readonly fieldType: string }[];
  readonly _baseSchema?: Schema | null;
}

/** Names in the order of the definition, those of base types first. */
function memberTypes(structure: ExtensionObject): Map<string, string> {
  const types: [string, string][] = [];
  let schema: Schema | null | undefined = (structure as unknown as { schema?: Schema }).schema;
  for (let level = 0; schema && level < MAX_DEPTH; level++, schema = schema._baseSchema) {
    types.unshift(...(schema.fields ?? []).map(({ name, fieldType }): [string, string] => [name, fieldType]));
  }
  return new Map(types);
}

/** node-opcua keeps 64-bit integers as [high, low]. */
function wide(value: unknown, isSigned: boolean): Value {
  if (!Array.isArray(value) && !ArrayBuffer.isView(value)) return plain(value, 0);
  const [high, low] = Array.from(value as Iterable<number>);
  const bits = (BigInt((high ?? 0) >>> 0) << 32n) | BigInt((low ?? 0) >>> 0);
  return ofBigInt(isSigned ? BigInt.asIntN(64, bits) : bits);
}

function wides(value: unknown, isSigned: boolean): Value {
  const isArray = Array.isArray(value) && value.every((one) => typeof one === 'object');
  return isArray ? value.map((one) => wide(one, isSigned)) : wide(value, isSigned);
}

function ofBigInt(value: bigint): Value {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

function ofDate(date: Date): Value {
  const time = date.getTime();
  return Number.isNaN(time) || time < FIRST_TIME || time >= LAST_TIME ? null : date.toISOString();
}

function isLocalizedText(value: object): value is LocalizedText {
  return 'text' in value && 'locale' in value;
}
