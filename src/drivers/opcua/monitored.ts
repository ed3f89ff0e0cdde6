import {
  AttributeIds,
  CreateMonitoredItemsRequest,
  type CreateMonitoredItemsResponse,
  constructEventFilter,
  DataChangeFilter,
  DataChangeTrigger,
  DeadbandType,
  DeleteMonitoredItemsRequest,
  MonitoringMode,
  type NodeId,
  ofType,
  resolveNodeId,
  TimestampsToReturn,
} from 'node-opcua-client';
import type { Item, Watch } from './items.ts';
import type { Link } from './link.ts';

/** Handles that are no place in the list of items. */
export const HEARTBEAT = 0xffff_ff00;
export const NAMESPACES = 0xffff_ff01;
export const MODEL_CHANGE = 0xffff_ff02;

const CURRENT_TIME = 'i=2258';
const NAMESPACE_ARRAY = 'i=2255';
const SERVER = 'i=2253';
const BASE_MODEL_CHANGE_EVENT = 'i=2132';

/** What became of an item in a subscription. Intervals are in milliseconds. */
export type Watched =
  | { readonly ok: true; readonly id: number; readonly samplingInterval: number; readonly queueSize: number }
  | { readonly ok: false; readonly status: string };

export interface MonitorOptions {
  readonly link: Link;
  readonly subscription: number;
  readonly itemsPerCall: number;
}

/** Watches the nodes of items, by their places in the list; those without a node are left out. */
export async function watch(
  { link, subscription, itemsPerCall }: MonitorOptions,
  items: readonly { readonly handle: number; readonly item: Item }[],
): Promise<Map<number, Watched>> {
  const results = new Map<number, Watched>();
  const found = items.flatMap(({ handle, item }) =>
    item.nodeId === undefined ? [] : [{ handle, item, nodeId: item.nodeId }],
  );
  for (let i = 0; i < found.length; i += itemsPerCall) {
    const chunk = found.slice(i, i + itemsPerCall);
    const request = new CreateMonitoredItemsRequest({
      subscriptionId: subscription,
      timestampsToReturn: TimestampsToReturn.Both,
      itemsToCreate: chunk.map(({ handle, item, nodeId }) => toCreate(handle, nodeId, item.watch)),
    });
    const response = await link.request<CreateMonitoredItemsResponse>(request);
    for (const [k, { handle }] of chunk.entries()) {
      const result = response.results?.[k];
      const ok = result?.statusCode.isGoodish() ?? false;
      results.set(
        handle,
        ok && result
          ? {
              ok,
              id: result.monitoredItemId,
              samplingInterval: result.revisedSamplingInterval,
              queueSize: result.revisedQueueSize,
            }
          : { ok: false, status: result?.statusCode.name ?? 'BadUnexpectedError' },
      );
    }
  }
  return results;
}

/**
 * Watches the server itself: its clock, as a heartbeat every `interval` ms, its namespaces, and events of a changed model
 * where it has them. Gives how often
 * the server looks at its clock, in milliseconds; undefined where it does not.
 */
export async function watchServer(
  { link, subscription }: MonitorOptions,
  interval: number,
): Promise<number | undefined> {
  const values = { queueSize: 1, discardOldest: true, deadband: undefined };
  const events = {
    itemToMonitor: { nodeId: resolveNodeId(SERVER), attributeId: AttributeIds.EventNotifier },
    monitoringMode: MonitoringMode.Reporting,
    requestedParameters: {
      clientHandle: MODEL_CHANGE,
      samplingInterval: 0,
      queueSize: 10,
      discardOldest: true,
      filter: constructEventFilter(['EventType'], ofType(BASE_MODEL_CHANGE_EVENT)),
    },
  };
  const request = new CreateMonitoredItemsRequest({
    subscriptionId: subscription,
    timestampsToReturn: TimestampsToReturn.Both,
    itemsToCreate: [
      toCreate(HEARTBEAT, resolveNodeId(CURRENT_TIME), { ...values, samplingInterval: interval }),
      toCreate(NAMESPACES, resolveNodeId(NAMESPACE_ARRAY), { ...values, samplingInterval: interval }),
      events,
    ],
  });
  const response = await link.request<CreateMonitoredItemsResponse>(request);
  const clock = response.results?.[0];
  return clock?.statusCode.isGoodish() ? clock.revisedSamplingInterval : undefined;
}

/** Stops watching; what the server no longer has is no fault. */
export async function unwatch({ link, subscription }: MonitorOptions, ids: readonly number[]): Promise<void> {
  if (ids.length === 0) return;
  await link.request(new DeleteMonitoredItemsRequest({ subscriptionId: subscription, monitoredItemIds: [...ids] }));
}

function toCreate(
  clientHandle: number,
  nodeId: NodeId,
  { samplingInterval, queueSize, discardOldest, deadband }: Watch,
) {
  const filter =
    deadband === undefined
      ? null
      : new DataChangeFilter({
          trigger: DataChangeTrigger.StatusValue,
          deadbandType: deadband.kind === 'absolute' ? DeadbandType.Absolute : DeadbandType.Percent,
          deadbandValue: deadband.value,
        });
  return {
    itemToMonitor: { nodeId, attributeId: AttributeIds.Value },
    monitoringMode: MonitoringMode.Reporting,
    requestedParameters: { clientHandle, samplingInterval, queueSize, discardOldest, filter },
  };
}
