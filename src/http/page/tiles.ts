import type { ApiState } from '../api.ts';
import { type IconName, icon } from './icons.ts';
import type { Model } from './model.ts';
import { type Child, h, type Node } from './render.ts';

/** The way of the data after the machines: uplink, what waits, the disk, the computer. */
export function tiles(model: Model, state: ApiState): Node {
  return h(
    'section',
    { class: 'tiles', 'aria-label': model.language.texts.wayOfData },
    uplinkTile(model, state),
    backlogTile(model, state),
    bufferTile(model, state),
    computerTile(model, state),
  );
}

function uplinkTile({ language, rates, now }: Model, { uplink }: ApiState): Node {
  const { texts, formats } = language;
  if (uplink === null) return tile('uplink', 'cloud', texts.uplink, 'warn', texts.verdict.uplinkReplaced, []);
  const isUp = uplink.state === 'connected';
  const next = uplink.nextAttemptAt === undefined ? undefined : Math.max(0, uplink.nextAttemptAt - now);
  const words = [
    texts.since(formats.moment(uplink.since, now)),
    uplink.protocol === undefined ? '' : `MQTT ${uplink.protocol}`,
    next === undefined || isUp ? '' : texts.nextAttempt(formats.span(next)),
  ].filter((word) => word !== '');
  return tile(
    'uplink',
    'cloud',
    texts.uplink,
    isUp ? 'good' : uplink.state === 'connecting' ? 'warn' : 'bad',
    texts.uplinkStates[uplink.state] ?? uplink.state,
    [h('p', { class: 'muted' }, words.join(' · ')), h('p', { class: 'muted clip', title: uplink.url }, uplink.url)],
    [
      fact(
        texts.acknowledgedBatches,
        `${texts.batches(uplink.acknowledged, formats.count(uplink.acknowledged))} · ${texts.perSecond(formats.rate(rates.acknowledged))}`,
      ),
      fact(texts.inFlight, formats.count(uplink.inFlight)),
    ],
  );
}

function backlogTile({ language }: Model, { lanes, uplink }: ApiState): Node {
  const { texts, formats } = language;
  const observations = lanes.reduce((sum, lane) => sum + lane.observations, 0);
  const batches = lanes.reduce((sum, lane) => sum + lane.batches, 0);
  const slow = lanes.filter(({ batches: count, lane }) => count > 0 && lane === 'backfill');
  const longest = slow.some(({ emptyIn }) => emptyIn === null)
    ? null
    : Math.max(0, ...slow.map(({ emptyIn }) => emptyIn ?? 0));
  const ending = longest === null ? texts.notEmptying : longest === 0 ? '' : texts.emptyIn(formats.span(longest));
  const isDown = uplink?.state !== 'connected';
  return tile(
    'backlog',
    'queue',
    texts.backlog,
    slow.length > 0 || isDown ? 'warn' : 'good',
    batches === 0 ? texts.nothingWaits : texts.observations(observations, formats.count(observations)),
    [
      h(
        'p',
        { class: 'muted' },
        batches === 0
          ? ' '
          : [texts.batches(batches, formats.count(batches)), ending].filter((word) => word !== '').join(' · '),
      ),
    ],
    lanes.map(({ lane, batches: count, bytes }) =>
      fact(
        texts.laneNames[lane] ?? lane,
        count === 0 ? '–' : `${texts.batches(count, formats.count(count))} · ${formats.bytes(bytes)}`,
      ),
    ),
  );
}

function bufferTile({ language }: Model, { buffer, host }: ApiState): Node {
  const { texts, formats } = language;
  const share = buffer.maxBytes === 0 ? 0 : buffer.bytes / buffer.maxBytes;
  const waiting = buffer.maxBytes === 0 ? 0 : (buffer.bytes - buffer.delivered.bytes) / buffer.maxBytes;
  const free = host?.disk?.free;
  return tile(
    'buffer',
    'disk',
    texts.buffer,
    waiting >= 0.8 ? 'bad' : waiting >= 0.5 ? 'warn' : 'good',
    formats.bytes(buffer.bytes),
    [
      meter(texts.buffer, share, formats.percent(share)),
      h(
        'p',
        { class: 'muted' },
        [
          texts.ofTotal(formats.percent(share), formats.bytes(buffer.maxBytes)),
          buffer.fullIn === null ? '' : texts.fullIn(formats.span(buffer.fullIn)),
        ]
          .filter((word) => word !== '')
          .join(' · '),
      ),
    ],
    [
      fact(texts.writtenPerDay, buffer.writtenPerDay === null ? '–' : formats.bytes(buffer.writtenPerDay)),
      fact(texts.diskFree, free === undefined ? '–' : formats.bytes(free)),
    ],
  );
}

function computerTile({ language }: Model, { host, clock }: ApiState): Node {
  const { texts, formats } = language;
  const clockFact = fact(texts.clock, clock === 'synced' ? texts.clockSynced : texts.clockUnsynced, clock !== 'synced');
  if (host === null) return tile('computer', 'computer', texts.computer, 'off', texts.hostUnknown, [], [clockFact]);
  const load = host.load === null ? texts.unknown : texts.load(formats.number(host.load), formats.count(host.cores));
  const isTroubled = host.throttled === true || host.underVoltage === true;
  const words = [
    ...(host.throttled === true ? [texts.throttled] : host.throttledSinceBoot === true ? [texts.throttledBefore] : []),
    ...(host.underVoltage === true
      ? [texts.underVoltage]
      : host.underVoltageSinceBoot === true
        ? [texts.underVoltageBefore]
        : []),
    ...(host.temperature === null ? [] : [load]),
  ];
  const memory =
    host.memory === null ? '–' : texts.ofTotal(formats.bytes(host.memory.available), formats.bytes(host.memory.total));
  const cpu = host.process.cpu === null ? '' : ` · ${formats.percent(host.process.cpu)} CPU`;
  return tile(
    'computer',
    'computer',
    texts.computer,
    isTroubled || clock !== 'synced' ? 'warn' : 'good',
    host.temperature === null ? load : formats.degrees(host.temperature),
    [h('p', { class: 'muted' }, words.join(' · '))],
    [
      fact(texts.memoryFree, memory),
      fact(texts.process, `${host.process.rss === null ? '–' : formats.bytes(host.process.rss)}${cpu}`),
      clockFact,
    ],
  );
}

function tile(
  id: string,
  picture: IconName,
  title: string,
  level: 'good' | 'warn' | 'bad' | 'off',
  headline: string,
  lines: readonly Child[],
  facts: readonly Node[] = [],
): Node {
  return h(
    'article',
    { class: `card tile ${level}`, id },
    h('h2', {}, icon(picture), title, h('span', { class: 'tile-sign' }, icon(level))),
    h('p', { class: 'headline figures' }, headline),
    ...lines,
    h('dl', { class: 'facts' }, ...facts),
  );
}

/** A term and what it is. */
export function fact(term: string, text: string, isOdd = false): Node {
  return h(
    'div',
    {},
    h('dt', {}, term),
    h('dd', { class: isOdd ? 'figures clip warn-text' : 'figures clip', title: text }, text),
  );
}

/** A share of 1 as a bar. */
export function meter(label: string, share: number, text: string): Node {
  const percent = Math.max(0, Math.min(1, share)) * 100;
  return h(
    'div',
    {
      class: 'meter',
      role: 'meter',
      'aria-label': label,
      'aria-valuemin': '0',
      'aria-valuemax': '100',
      'aria-valuenow': String(Math.round(percent)),
      'aria-valuetext': text,
    },
    h('i', { style: { width: `${percent.toFixed(1)}%` } }),
  );
}
