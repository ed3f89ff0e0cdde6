import {
  DataChangeNotification,
  type DataValue,
  EventNotificationList,
  type NotificationMessage,
  StatusChangeNotification,
} from 'node-opcua-client';
import type { Notice, Observation } from '../../observation.ts';
import { decode, isOverflow, qualityOf } from './decode.ts';
import type { Item } from './items.ts';
import type { Life, Subscribed } from './life.ts';
import { HEARTBEAT, MODEL_CHANGE, NAMESPACES } from './monitored.ts';
import { toValue } from './values.ts';

/** The node is no longer there: the item is dead, and resolved again. */
const NODE_GONE: ReadonlySet<string> = new Set(['BadNodeIdUnknown', 'BadNodeIdInvalid', 'BadAttributeIdInvalid']);

/** What a notification message says. */
export interface Digest {
  readonly observations: readonly Observation[];
  readonly notices: readonly Notice[];
  /** The server's clock has ticked. */
  readonly isTick: boolean;
  /** Nodes or namespaces have changed: what is watched may be another thing now. */
  readonly isModelChanged: boolean;
  /** The subscription has ended, with this status. */
  readonly ended: string | undefined;
}

/** The values of a message, still as they came. */
export function valuesOf(message: NotificationMessage): DataValue[] {
  return changesOf(message).map(({ value }) => value);
}

/**
 * Reads a notification message, and notes in `subscribed` and `life` what it says of items, queues and clocks. `arrived` is
 * when it came, by our clock; undefined where it was asked for again and its times are old. Observations are in the server's
 * order, the states that follow from them at the end.
 */
export function digest(
  message: NotificationMessage,
  subscribed: Subscribed,
  life: Life,
  { arrived, now }: { readonly arrived: number | undefined; readonly now: number },
): Digest {
  const observations: Observation[] = [];
  const notices: Notice[] = [];
  let isTick = false;
  let isModelChanged = false;
  for (const { clientHandle, value } of changesOf(message)) {
    const item = subscribed.items[clientHandle];
    if (item !== undefined) {
      observations.push(...ofItem(item, clientHandle, value, subscribed, life, now));
    } else if (clientHandle === HEARTBEAT) {
      isTick = true;
      const time = toValue(value.value);
      const notice =
        arrived === undefined || typeof time !== 'string' ? undefined : life.skew.note(Date.parse(time), arrived);
      if (notice !== undefined) notices.push(notice);
    } else if (clientHandle === NAMESPACES) {
      const namespaces = toValue(value.value);
      isModelChanged ||=
        Array.isArray(namespaces) && namespaces.map(String).join() !== subscribed.survey.namespaces.join();
    }
  }
  observations.push(...(subscribed.state?.derive(observations) ?? []));
  const others = message.notificationData ?? [];
  isModelChanged ||= others.some(
    (data) =>
      data instanceof EventNotificationList && data.events?.some(({ clientHandle }) => clientHandle === MODEL_CHANGE),
  );
  const end = others.find((data) => data instanceof StatusChangeNotification);
  return { observations, notices, isTick, isModelChanged, ended: end?.status.name };
}

function changesOf({ notificationData }: NotificationMessage) {
  return (notificationData ?? []).flatMap((data) =>
    data instanceof DataChangeNotification ? (data.monitoredItems ?? []) : [],
  );
}

function ofItem(
  item: Item,
  handle: number,
  value: DataValue,
  { lastTimes, watched, dead, badValues }: Subscribed,
  { overflows }: Life,
  now: number,
): Observation[] {
  const decoded = decode(item, value, now);
  const t = decoded[0]?.t ?? now;
  if (isOverflow(value)) overflows.note(item.signal, lastTimes.get(handle), t);
  lastTimes.set(handle, t);
  const isBad = qualityOf(value.statusCode) === 'bad';
  if (isBad) badValues.add(handle);
  else badValues.delete(handle);
  const current = watched.get(handle);
  if (isBad && current?.ok && NODE_GONE.has(value.statusCode.name)) {
    dead.push(current.id);
    watched.set(handle, { ok: false, status: value.statusCode.name });
  }
  return decoded;
}
