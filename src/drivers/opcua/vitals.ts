import type { Vital } from '../driver.ts';
import { skewText, TOLERANCE_MS } from './clock-skew.ts';
import { isUsable, offerText } from './endpoints.ts';
import type { Life } from './life.ts';
import { EXPIRY_WARNING_MS } from './pki.ts';
import { refusal, revisions } from './reports.ts';
import type { OpcuaSettings } from './settings.ts';

/** More sessions than this in the life of a driver say that the server loses them. */
const MANY_SESSIONS = 10;

/** How the link to a server is doing. `now` is in milliseconds since the epoch. */
export function vitalsOf(life: Life, settings: OpcuaSettings, now: number): Vital[] {
  return [
    link(life),
    ...(life.connected === undefined ? [] : [security(life.connected), ...certificates(life.connected, now)]),
    ...reading(life),
    ...items(life, settings),
    ...clock(life),
    ...(life.heard === undefined ? [] : [age(now - life.heard, settings)]),
    overflows(life),
    ...(life.missedPolls === 0 ? [] : [missed(life)]),
    sessions(life),
  ];
}

function link({ isUp }: Life): Vital {
  if (isUp) return { name: 'link', level: 'good', text: 'connected' };
  return { name: 'link', level: 'bad', text: 'not connected', hint: 'the log says why' };
}

function security({ offer }: NonNullable<Life['connected']>): Vital {
  const text = offerText(offer);
  if (offer.mode !== 'none' && isUsable(offer)) return { name: 'security', level: 'good', text };
  const hint = 'set security.mode to signAndEncrypt where the server offers it';
  return { name: 'security', level: 'warn', text, hint };
}

function certificates({ expires }: NonNullable<Life['connected']>, now: number): Vital[] {
  const of = (name: string, end: number | undefined): Vital[] => {
    if (end === undefined) return [];
    const text = `ends on ${new Date(end).toISOString().slice(0, 10)}`;
    if (end - now > EXPIRY_WARNING_MS) return [{ name, level: 'good', text }];
    return [
      { name, level: end < now ? 'bad' : 'warn', text, hint: 'renew it, and let the other side trust the new one' },
    ];
  };
  return [...of('own certificate', expires.own), ...of('server certificate', expires.server)];
}

function reading({ mode, barReason }: Life): Vital[] {
  if (mode === undefined) return [];
  if (mode === 'streaming') return [{ name: 'reading', level: 'good', text: 'subscribed' }];
  if (barReason === undefined) return [{ name: 'reading', level: 'good', text: 'polled' }];
  const hint = 'the server cannot subscribe: values between two polls are not seen';
  return [{ name: 'reading', level: 'warn', text: `polled: ${barReason}`, hint }];
}

function items({ subscribed }: Life, settings: OpcuaSettings): Vital[] {
  if (subscribed === undefined) return [];
  const refused = subscribed.items.filter((item, i) => refusal(item, subscribed.watched.get(i)) !== undefined);
  const good = subscribed.items.length - refused.length;
  const text = `${good} of ${subscribed.items.length} are read, ${subscribed.badValues.size} of them without a value`;
  const revised = revisions(subscribed, settings);
  const hint = 'check the nodes and the rights of the user';
  const names = refused.slice(0, 10).map(({ signal }) => signal);
  return [
    refused.length === 0
      ? { name: 'signals', level: 'good', text }
      : { name: 'signals', level: 'bad', text: `${text}; not: ${names.join(', ')}`, hint },
    revised === undefined
      ? { name: 'intervals', level: 'good', text: `published every ${subscribed.publishingInterval} ms, as asked` }
      : { name: 'intervals', level: 'warn', text: `the server ${revised}`, hint: 'ask for what the server can do' },
  ];
}

function clock({ skew: { current } }: Life): Vital[] {
  if (current === undefined) return [];
  if (Math.abs(current) <= TOLERANCE_MS)
    return [{ name: 'clock skew', level: 'good', text: `${Math.round(current)} ms` }];
  const text = `the server’s clock is ${skewText(current)} the gateway’s`;
  return [{ name: 'clock skew', level: 'warn', text, hint: 'set both clocks by NTP' }];
}

function age(ms: number, { dataAge }: OpcuaSettings): Vital {
  const text = `heard ${(ms / 1000).toFixed(1)} s ago`;
  if (ms <= dataAge) return { name: 'data age', level: 'good', text };
  return { name: 'data age', level: 'bad', text, hint: 'check that the server runs, and the network' };
}

function overflows({ overflows: { total } }: Life): Vital {
  const name = 'queue overflows';
  if (total === 0) return { name, level: 'good', text: 'none' };
  return { name, level: 'warn', text: String(total), hint: 'raise queueSize, or samplingInterval' };
}

function missed({ missedPolls }: Life): Vital {
  return {
    name: 'missed polls',
    level: 'warn',
    text: String(missedPolls),
    hint: 'raise pollInterval, or read fewer signals',
  };
}

function sessions({ sessions: count }: Life): Vital {
  const name = 'sessions created';
  if (count <= MANY_SESSIONS) return { name, level: 'good', text: String(count) };
  return { name, level: 'warn', text: String(count), hint: 'the server or the network loses sessions: see the log' };
}
