import { AttributeIds, type DataValue, ReadRequest, type ReadResponse, TimestampsToReturn } from 'node-opcua-client';
import type { Value } from '../../observation.ts';
import type { Link } from './link.ts';
import { toValue } from './values.ts';

/** Well-known nodes (OPC UA Part 6, annex A). */
const NODES = {
  namespaces: 'i=2255',
  serverArray: 'i=2254',
  status: 'i=2256',
  maxRead: 'i=11705',
  maxBrowse: 'i=11710',
  maxMonitored: 'i=11714',
} as const;

/** What is asked of a server at each connect. */
export interface Survey {
  readonly namespaces: readonly string[];
  readonly serverUri: string | undefined;
  /** Of the server's process; milliseconds since the epoch. Ids of sessions and subscriptions mean something until it changes. */
  readonly startTime: number | null;
  /** The server's clock when it answered. */
  readonly currentTime: number | undefined;
  /** `productName`, `manufacturerName`, `softwareVersion` … as the server tells them. */
  readonly build: Readonly<Record<string, Value>>;
  /** Nodes that the server takes in one request; Infinity where it says nothing. */
  readonly limits: { readonly read: number; readonly browse: number; readonly monitored: number };
}

/** Reads what is known of any server, in one request. Nodes that it does not have are left out. */
export async function survey(link: Link): Promise<Survey> {
  const values = await read(link, Object.values(NODES));
  const [namespaces, servers, status, ...limits] = values.map((data) =>
    data.statusCode.isGoodish() ? toValue(data.value) : null,
  );
  const told = isRecord(status) ? status : {};
  const build = isRecord(told['buildInfo']) ? told['buildInfo'] : {};
  const [maxRead, maxBrowse, maxMonitored] = limits.map((limit) =>
    typeof limit === 'number' && limit > 0 ? limit : Infinity,
  );
  return {
    namespaces: Array.isArray(namespaces) ? namespaces.map(String) : [],
    serverUri: Array.isArray(servers) && typeof servers[0] === 'string' ? servers[0] : undefined,
    startTime: timeOf(told['startTime']) ?? null,
    currentTime: timeOf(told['currentTime']),
    build,
    limits: { read: maxRead ?? Infinity, browse: maxBrowse ?? Infinity, monitored: maxMonitored ?? Infinity },
  };
}

/** Values of nodes in one request, in their order. @throws ServiceError, Error */
export async function read(link: Link, nodes: readonly string[]): Promise<DataValue[]> {
  const nodesToRead = nodes.map((nodeId) => ({ nodeId, attributeId: AttributeIds.Value }));
  const request = new ReadRequest({ maxAge: 0, timestampsToReturn: TimestampsToReturn.Both, nodesToRead });
  const response = await link.request<ReadResponse>(request);
  return response.results ?? [];
}

function timeOf(value: Value | undefined): number | undefined {
  return typeof value === 'string' ? Date.parse(value) : undefined;
}

export function isRecord(value: Value | undefined): value is { readonly [key: string]: Value } {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
