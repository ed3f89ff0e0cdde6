import {
  type CallMethodResult,
  CallRequest,
  type CallResponse,
  CreateSubscriptionRequest,
  type CreateSubscriptionResponse,
  DeleteSubscriptionsRequest,
  resolveNodeId,
  TransferSubscriptionsRequest,
  type TransferSubscriptionsResponse,
} from 'node-opcua-client';
import { StateFromRule } from '../state-rule.ts';
import type { Position } from './cursor.ts';
import { fingerprint, type Item } from './items.ts';
import type { Subscribed } from './life.ts';
import type { Link } from './link.ts';
import { type MonitorOptions, type Watched, watch, watchServer } from './monitored.ts';
import { ServiceError } from './service-error.ts';
import type { OpcuaSettings } from './settings.ts';
import type { Survey } from './survey.ts';

/** The server's clock is asked for at least this often, in milliseconds. */
const HEARTBEAT_MS = 5000;
/** An end of silence is expected so many times before `dataAge` is over. */
const SIGNS_OF_LIFE = 3;
/** Notifications in one answer; more follow in the next. Keeps an answer after an outage below a few megabytes. */
const MAX_NOTIFICATIONS = 10_000;
const GET_MONITORED_ITEMS = 'i=11492';
const SERVER = 'i=2253';

export interface SubscriptionOptions {
  readonly link: Link;
  readonly settings: OpcuaSettings;
  readonly survey: Survey;
}

/** How the driver asks the server to keep a subscription. */
export function requestOf({ publishingInterval, dataAge, outage, sessionTimeout }: OpcuaSettings) {
  const keepAlive = Math.max(1, Math.floor(dataAge / SIGNS_OF_LIFE / publishingInterval));
  // At least three times the keep-alive count (OPC UA Part 4, 5.14.2.2).
  const lifetime = Math.max(3 * keepAlive, Math.ceil(Math.max(2 * outage, sessionTimeout) / publishingInterval));
  return {
    requestedPublishingInterval: publishingInterval,
    requestedLifetimeCount: lifetime,
    requestedMaxKeepAliveCount: keepAlive,
    maxNotificationsPerPublish: MAX_NOTIFICATIONS,
    publishingEnabled: true,
    priority: 0,
  };
}

export function heartbeatOf({ dataAge }: OpcuaSettings): number {
  return Math.min(HEARTBEAT_MS, dataAge / SIGNS_OF_LIFE);
}

/** Makes a subscription and watches all items. Each of them is notified at once with its value. @throws ServiceError, Error */
export async function create(options: SubscriptionOptions, items: readonly Item[]): Promise<Subscribed> {
  const { link, settings, survey } = options;
  const request = requestOf(settings);
  const response = await link.request<CreateSubscriptionResponse>(new CreateSubscriptionRequest(request));
  const monitor = monitorOf(options, response.subscriptionId);
  const beat = await watchServer(monitor, heartbeatOf(settings));
  const watched = await watch(
    monitor,
    items.map((item, handle) => ({ handle, item })),
  );
  const publishingInterval = granted(response.revisedPublishingInterval, request.requestedPublishingInterval);
  return {
    id: response.subscriptionId,
    items,
    print: fingerprint(items, settings),
    survey,
    watched,
    publishingInterval,
    keepAlive: publishingInterval * granted(response.revisedMaxKeepAliveCount, request.requestedMaxKeepAliveCount),
    lifetime: publishingInterval * granted(response.revisedLifetimeCount, request.requestedLifetimeCount),
    heartbeat: beat === undefined ? undefined : Math.max(granted(beat, heartbeatOf(settings)), publishingInterval),
    state: settings.state === undefined ? undefined : new StateFromRule(settings.state),
    ticks: 0,
    lastTimes: new Map(),
    badValues: new Set(),
    dead: [],
    isSuspect: false,
    isOutdated: false,
  };
}

/** What a server has revised; what was asked for where it says nothing that makes sense. */
export function granted(revised: number, asked: number): number {
  return revised >= 1 && Number.isFinite(revised) ? revised : asked;
}

export function monitorOf({ link, settings, survey }: SubscriptionOptions, subscription: number): MonitorOptions {
  return { link, subscription, itemsPerCall: Math.min(settings.itemsPerCall, survey.limits.monitored) };
}

/** Takes a subscription over from another session; false where the server no longer has it or does not allow it. */
export async function transfer({ link }: SubscriptionOptions, subscription: number): Promise<boolean> {
  const request = new TransferSubscriptionsRequest({ subscriptionIds: [subscription], sendInitialValues: false });
  try {
    const response = await link.request<TransferSubscriptionsResponse>(request);
    return response.results?.[0]?.statusCode.isGoodish() ?? false;
  } catch (error) {
    if (error instanceof ServiceError) return false;
    throw error;
  }
}

/**
 * What is known of a subscription that an earlier process made for the same items and that was just taken over; undefined
 * where the server does not tell which of them it watches.
 */
export async function recollect(
  options: SubscriptionOptions,
  items: readonly Item[],
  { subscription, items: print, inputs }: Position & { readonly subscription: number },
): Promise<Subscribed | undefined> {
  const { link, settings, survey } = options;
  const result = await monitoredItems(link, subscription);
  if (!result?.statusCode.isGoodish()) return undefined;
  const [ids, handles] = (result.outputArguments ?? []).map(({ value }) =>
    Array.from((value ?? []) as Iterable<number>),
  );
  // The server's own are always there: a list without any tells nothing.
  if (ids === undefined || handles === undefined || ids.length === 0) return undefined;
  const watched = new Map<number, Watched>();
  for (const [handle, { nodeId, watch: wanted }] of items.entries()) {
    const id = ids[handles.indexOf(handle)];
    // What the server had granted is not known any more: what was asked for stands for it.
    if (id !== undefined) watched.set(handle, { ok: true, id, ...wanted });
    else if (nodeId !== undefined) watched.set(handle, { ok: false, status: 'not watched' });
  }
  const {
    requestedPublishingInterval: interval,
    requestedMaxKeepAliveCount,
    requestedLifetimeCount,
  } = requestOf(settings);
  return {
    id: subscription,
    items,
    print,
    survey,
    watched,
    publishingInterval: interval,
    keepAlive: interval * requestedMaxKeepAliveCount,
    lifetime: interval * requestedLifetimeCount,
    heartbeat: undefined,
    state: primed(settings, inputs),
    ticks: 0,
    lastTimes: new Map(),
    badValues: new Set(),
    dead: [],
    isSuspect: false,
    isOutdated: false,
  };
}

/** Handles at the server and ours of the items of a subscription (OPC UA Part 5, 9.1); undefined where it cannot be called. */
async function monitoredItems(link: Link, subscription: number): Promise<CallMethodResult | undefined> {
  const request = new CallRequest({
    methodsToCall: [
      {
        objectId: resolveNodeId(SERVER),
        methodId: resolveNodeId(GET_MONITORED_ITEMS),
        inputArguments: [{ dataType: 'UInt32', value: subscription }],
      },
    ],
  });
  try {
    return (await link.request<CallResponse>(request)).results?.[0];
  } catch (error) {
    if (error instanceof ServiceError) return undefined;
    throw error;
  }
}

/** The state's rule where the earlier process has left it: what changed since then is still to come. */
function primed({ state }: OpcuaSettings, inputs: Position['inputs']): StateFromRule | undefined {
  if (state === undefined) return undefined;
  const rule = new StateFromRule(state);
  rule.derive(
    Object.entries(inputs).map(([signal, v]) => ({ signal, t: 0, ns: 0, v, q: v === null ? 'bad' : 'good' })),
  );
  return rule;
}

/** Ends a subscription; that the server has none of this id is no fault. */
export async function remove(link: Link, subscription: number): Promise<void> {
  await link.request(new DeleteSubscriptionsRequest({ subscriptionIds: [subscription] }));
}
