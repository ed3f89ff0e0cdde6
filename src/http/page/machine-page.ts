import type { ApiMachine, ApiMachineDetail, ApiState } from '../api.ts';
import { alertList } from './alert-list.ts';
import { icon } from './icons.ts';
import { isStale, levelOf } from './judge-machine.ts';
import { dataAge } from './machine-list.ts';
import type { MachineWatch } from './machine-watch.ts';
import type { Actions, Model } from './model.ts';
import { oeeCards } from './oee-cards.ts';
import { type Child, h, own } from './render.ts';
import { signalList } from './signal-list.ts';
import { stateChip } from './states.ts';
import { fact } from './tiles.ts';

const VITAL_LEVELS = { good: 'good', warn: 'warn', bad: 'bad' } as const;

/** All about one machine. */
export function machinePage(model: Model, state: ApiState, watch: MachineWatch, actions: Actions): Child[] {
  const { texts } = model.language;
  const machine = state.machines.find(({ id }) => id === watch.id);
  const back = h('a', { class: 'back', href: '#/' }, icon('back'), texts.back);
  if (machine === undefined) return [back, h('p', { class: 'empty' }, texts.noSuchMachine)];
  const stale = model.lostSince !== undefined || isStale(machine, state);
  return [
    back,
    head(model, state, machine, stale),
    alertList(model, state, actions, machine.id),
    h(
      'div',
      { class: 'columns' },
      h(
        'div',
        { class: 'column' },
        h('section', { class: 'card', id: 'timeline' }, h('h2', {}, texts.timeline), own(model.timeline)),
        h('section', { class: 'card', id: 'history' }, own(model.chart)),
        oeeCards(machine.oee, model.language),
        watch.detail !== undefined && about(model, watch.detail),
      ),
      h('div', { class: 'column' }, signalList(model, watch, stale, actions)),
    ),
  ];
}

function head(model: Model, state: ApiState, machine: ApiMachine, stale: boolean): Child {
  const { language, now } = model;
  const { texts, formats } = language;
  const level = levelOf(machine, state);
  return h(
    'section',
    { class: stale ? `card machine-head stale ${level}` : `card machine-head ${level}`, id: 'machine' },
    h('h1', {}, h('span', { class: 'clip', title: machine.id }, machine.id), stateChip(machine, language)),
    h(
      'dl',
      { class: 'head-facts' },
      fact(
        texts.link,
        `${texts.links[machine.link] ?? machine.link} · ${texts.since(formats.moment(machine.since, now))}`,
      ),
      fact(texts.lastSign, dataAge(model, machine), stale),
      fact(texts.driver, [machine.driver, ...Object.values(machine.labels)].join(' · ')),
      fact(
        texts.total,
        `${formats.count(machine.observations)}${machine.lost > 0 ? ` · ${texts.lost(formats.count(machine.lost))}` : ''}`,
        machine.lost > 0,
      ),
    ),
    machine.message !== undefined &&
      h('p', { class: machine.link === 'failed' ? 'fault' : 'muted', lang: 'en' }, machine.message),
    stale &&
      machine.heardAt !== null &&
      h('p', { class: 'stale-note' }, icon('warn'), texts.staleValues(formats.moment(machine.heardAt, now))),
  );
}

function about({ language }: Model, { model, vitals }: ApiMachineDetail): Child {
  const { texts, formats } = language;
  const facts = Object.entries(model).filter(([, value]) => value !== null && value !== '');
  if (facts.length === 0 && vitals.length === 0) return undefined;
  return h(
    'section',
    { class: 'card', id: 'about' },
    h('h2', {}, texts.about),
    vitals.length > 0 &&
      h(
        'ul',
        { class: 'rows' },
        ...vitals.map(({ name, level, text, hint }) =>
          h(
            'li',
            { key: name, class: VITAL_LEVELS[level] },
            icon(VITAL_LEVELS[level]),
            h(
              'span',
              { lang: 'en' },
              `${name}: ${text}`,
              hint !== undefined && h('span', { class: 'muted' }, ` ${hint}`),
            ),
          ),
        ),
      ),
    h('dl', { class: 'facts' }, ...facts.map(([name, value]) => fact(name, formats.value(value)))),
  );
}
