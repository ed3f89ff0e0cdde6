import type { HostFigures } from '../../health/host.ts';
import type { ApiState } from '../api.ts';
import { icon } from './icons.ts';
import type { Language } from './language.ts';
import type { Model } from './model.ts';
import { h, type Node } from './render.ts';
import { fact, meter } from './tiles.ts';

const STAGE_LEVELS = { progress: 'good', idle: 'good', recovering: 'warn', stalled: 'bad' } as const;

/** What somebody on the phone to the operator is asked for: lanes, health, quota, versions. */
export function gatewayPanel({ language, now }: Model, state: ApiState): Node {
  const { texts } = language;
  return h(
    'section',
    { class: 'panels', id: 'gateway', 'aria-label': texts.gateway },
    identity(state, language, now),
    stages(state, language),
    lanes(state, language),
    state.quota.length > 0 && quota(state, language),
    state.host !== null && state.host.network.length > 0 && network(state.host.network, language),
  );
}

function identity(state: ApiState, { texts, formats }: Language, now: number): Node {
  return h(
    'article',
    { class: 'card' },
    h('h2', {}, texts.gateway),
    h(
      'dl',
      { class: 'facts' },
      fact(texts.gateway, state.gateway),
      fact(texts.tenant, state.tenant),
      ...(state.site === undefined ? [] : [fact(texts.site, state.site)]),
      fact(texts.version, `edge-gateway ${state.version} · Node.js ${state.node}`),
      fact(texts.uptime, formats.span(state.uptime)),
      fact(
        texts.clock,
        `${formats.moment(now, now)} · ${state.clock === 'synced' ? texts.clockSynced : texts.clockUnsynced}`,
      ),
      fact(texts.processRestarts, formats.count(state.health.processRestarts)),
      fact(texts.commits, formats.count(state.buffer.commits)),
      fact(texts.kept, formats.bytes(state.buffer.delivered.bytes)),
    ),
  );
}

function stages({ health }: ApiState, { texts, formats }: Language): Node {
  return h(
    'article',
    { class: 'card', id: 'health' },
    h('h2', {}, texts.stages),
    h(
      'ul',
      { class: 'rows' },
      ...health.stages.map(({ stage, machine, state, stalledFor, restarts, message }) => {
        const name = texts.stageNames[stage] ?? stage;
        const words = [
          texts.stageStates[state] ?? state,
          ...(state === 'stalled' || state === 'recovering' ? [formats.span(stalledFor)] : []),
          ...(restarts > 0 ? [texts.restarts(restarts, formats.count(restarts))] : []),
        ];
        return h(
          'li',
          { key: `${stage} ${machine ?? ''}`, class: STAGE_LEVELS[state] },
          icon(STAGE_LEVELS[state]),
          h('span', { class: 'clip', title: message ?? '' }, machine === undefined ? name : `${name} ${machine}`),
          h('span', { class: 'muted figures' }, words.join(' · ')),
        );
      }),
    ),
  );
}

function lanes(state: ApiState, { texts, formats }: Language): Node {
  return h(
    'article',
    { class: 'card', id: 'lanes' },
    h('h2', {}, texts.lanes),
    h(
      'table',
      { class: 'plain' },
      h(
        'thead',
        {},
        h(
          'tr',
          {},
          h('th', { scope: 'col' }, texts.lane),
          h('th', { scope: 'col' }, texts.waits),
          h('th', { scope: 'col' }, texts.size),
          h('th', { scope: 'col' }, texts.emptyInHead),
        ),
      ),
      h(
        'tbody',
        {},
        ...state.lanes.map(({ lane, observations, bytes, emptyIn }) =>
          h(
            'tr',
            {},
            h('th', { scope: 'row' }, texts.laneNames[lane] ?? lane),
            h('td', { class: 'figures' }, formats.count(observations)),
            h('td', { class: 'figures' }, formats.bytes(bytes)),
            h('td', { class: 'figures' }, emptyIn === null ? '?' : emptyIn === 0 ? '–' : formats.span(emptyIn)),
          ),
        ),
      ),
    ),
  );
}

function quota(state: ApiState, { texts, formats }: Language): Node {
  return h(
    'article',
    { class: 'card', id: 'quota' },
    h('h2', {}, texts.quota),
    ...state.quota.map(({ quota: name, used, limit }) => {
      const label = texts.quotaNames[name] ?? name;
      const share = limit === 0 ? 1 : used / limit;
      const text = texts.ofTotal(formats.count(used), formats.count(limit));
      return h(
        'div',
        { class: share >= 0.8 && name !== 'machines' ? 'quota warn' : 'quota' },
        h('p', {}, label, h('span', { class: 'muted figures' }, `${text} · ${formats.percent(share)}`)),
        meter(label, share, text),
      );
    }),
  );
}

function network(interfaces: HostFigures['network'], { texts, formats }: Language): Node {
  return h(
    'article',
    { class: 'card' },
    h('h2', {}, texts.network),
    h(
      'dl',
      { class: 'facts' },
      ...interfaces
        .filter(({ up }) => up !== false)
        .map(({ name, rxBytes, txBytes }) =>
          fact(name, `↓ ${formats.bytes(rxBytes)} ${texts.received} · ↑ ${formats.bytes(txBytes)} ${texts.sent}`),
        ),
    ),
  );
}
