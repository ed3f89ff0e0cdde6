import { ensureDatatypeExtracted, type Namespace, resolveNodeId, type UADataType } from 'node-opcua';
import { MODES } from './leaves.ts';

/** Types of the machines' own namespace. */
export interface DataTypes {
  readonly OperationMode: UADataType;
  readonly Tool: UADataType;
}

/** Adds an enumeration and a structure, with its binary encoding, to a namespace. Afterwards structures can be made. */
export async function addDataTypes(namespace: Namespace): Promise<DataTypes> {
  const OperationMode = namespace.addEnumerationType({ browseName: 'OperationMode', enumeration: [...MODES] });
  const members = { Number: 'Int32', Name: 'String', Wear: 'Double' };
  const Tool = namespace.createDataType({
    browseName: 'Tool',
    nodeId: 's=Types.Tool',
    isAbstract: false,
    subtypeOf: 'Structure',
    partialDefinition: Object.entries(members).map(([name, type]) => ({
      name,
      dataType: resolveNodeId(type),
      valueRank: -1,
    })),
  });
  namespace.addObject({
    browseName: { name: 'Default Binary', namespaceIndex: 0 },
    nodeId: 's=Types.Tool.Binary',
    encodingOf: Tool,
    typeDefinition: 'DataTypeEncodingType',
  });
  await ensureDatatypeExtracted(namespace.addressSpace);
  return { OperationMode, Tool };
}
