import type { MachineModel, Notice, Observation, SignalInfo } from '../../observation.ts';
import { offerText } from './endpoints.ts';
import type { Item } from './items.ts';
import type { Life, Subscribed } from './life.ts';
import type { Watched } from './monitored.ts';
import type { OpcuaSettings } from './settings.ts';
import type { Survey } from './survey.ts';

/** Signals that are named in a notice. */
const MAX_NAMED = 20;
/** Revised by less than this share is as asked. */
const TOLERANCE = 0.01;

/** Why an item gives nothing; undefined where it is watched. */
export function refusal(item: Item, watched: Watched | undefined): string | undefined {
  if (item.nodeId === undefined) return item.problem ?? 'not found';
  return watched?.ok === false ? watched.status : undefined;
}

/** What is told of an item that gives nothing. */
export function unknown({ signal }: Item, t: number): Observation {
  return { signal, t, ns: 0, v: null, q: 'bad' };
}

/** A notice that is told once, until its text changes; an empty text is told only when another was before. */
export function once(life: Life, notice: Notice): Notice[] {
  if ((life.told.get(notice.code) ?? '') === notice.message) return [];
  life.told.set(notice.code, notice.message);
  return [notice];
}

/** Names the signals that the server refuses; or, once, that all are readable again. */
export function refusals(life: Life, subscribed: Pick<Subscribed, 'items' | 'watched'>, now: number): Notice[] {
  const refused = subscribed.items.flatMap((item, i) => {
    const why = refusal(item, subscribed.watched.get(i));
    return why === undefined ? [] : [`${item.signal} (${item.source}: ${why})`];
  });
  const code = 'signals-refused';
  if (refused.length === 0) {
    if (!life.told.delete(code)) return [];
    return [{ type: 'notice', t: now, code: 'signals-readable', message: 'all signals are read again' }];
  }
  const more = refused.length > MAX_NAMED ? ` and ${refused.length - MAX_NAMED} more` : '';
  const message = `${refused.length} of ${subscribed.items.length} signals are not read: ${refused.slice(0, MAX_NAMED).join('; ')}${more}`;
  return once(life, { type: 'notice', t: now, code, message });
}

/** What the server grants other than asked; undefined where all is as asked. Times are in milliseconds. */
export function revisions(
  { items, watched, publishingInterval }: Subscribed,
  settings: OpcuaSettings,
): string | undefined {
  const slower: string[] = [];
  const shorter: string[] = [];
  for (const [i, { signal, watch }] of items.entries()) {
    const granted = watched.get(i);
    if (granted?.ok !== true) continue;
    if (watch.samplingInterval > 0 && granted.samplingInterval > watch.samplingInterval * (1 + TOLERANCE)) {
      slower.push(`${signal} ${granted.samplingInterval} ms`);
    }
    if (granted.queueSize < watch.queueSize) shorter.push(`${signal} ${granted.queueSize} of ${watch.queueSize}`);
  }
  const parts: string[] = [];
  if (publishingInterval > settings.publishingInterval * (1 + TOLERANCE)) {
    parts.push(`publishes every ${publishingInterval} ms instead of ${settings.publishingInterval} ms`);
  }
  if (slower.length > 0) parts.push(`samples ${slower.length} signals more slowly (${example(slower)})`);
  if (shorter.length > 0) parts.push(`gives ${shorter.length} signals shorter queues (${example(shorter)})`);
  return parts.length === 0 ? undefined : parts.join(', ');
}

const example = (texts: readonly string[]): string => `${texts.slice(0, 3).join(', ')}${texts.length > 3 ? ' …' : ''}`;

/** What the machine is, and where its signals come from. */
export function modelOf(
  items: readonly Item[],
  survey: Survey,
  life: Life,
  { url }: OpcuaSettings,
  now: number,
): MachineModel {
  const signals = items.flatMap(({ signal, unit, source, nodeId }): [string, SignalInfo][] => {
    if (nodeId === undefined) return [];
    return [[signal, unit === undefined ? { source } : { unit, source }]];
  });
  const build = Object.fromEntries(
    ['productName', 'manufacturerName', 'softwareVersion', 'productUri'].flatMap((key) =>
      typeof survey.build[key] === 'string' && survey.build[key] !== '' ? [[key, survey.build[key]]] : [],
    ),
  );
  return {
    type: 'machine',
    t: now,
    model: {
      protocol: 'OPC UA',
      link: url,
      security: life.connected === undefined ? null : offerText(life.connected.offer),
      ...(survey.serverUri === undefined ? {} : { serverUri: survey.serverUri }),
      ...build,
    },
    signals: Object.fromEntries(signals),
  };
}
