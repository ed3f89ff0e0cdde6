import type { ApiMachine, ApiState } from '../api.ts';
import { icon } from './icons.ts';
import { isStale, type Level, pickMachines } from './judge-machine.ts';
import type { Language } from './language.ts';
import type { Actions, Model } from './model.ts';
import { h, type Node } from './render.ts';
import { hashOf } from './routes.ts';
import { stateChip, stateStrip, summaryOf } from './states.ts';

/** From so many machines on a filter helps. */
const FILTER_FROM = 6;

/** All machines, the worst first. */
export function machineList(model: Model, state: ApiState, actions: Actions): Node {
  const { texts, formats } = model.language;
  const picked = pickMachines(state, model.machineFilter);
  const shown = picked.slice(0, model.rows);
  const all = state.machines.length;
  return h(
    'section',
    { class: 'card', id: 'machines', 'aria-label': texts.machines },
    h(
      'div',
      { class: 'card-head' },
      h(
        'h2',
        {},
        texts.machines,
        h(
          'span',
          { class: 'badge' },
          picked.length === all ? formats.count(all) : texts.shownOf(formats.count(picked.length), formats.count(all)),
        ),
      ),
      all >= FILTER_FROM && filterBox(texts.filterMachines, model.machineFilter, actions.filterMachines),
    ),
    shown.length === 0
      ? h('p', { class: 'empty' }, all === 0 ? texts.noMachines : texts.noMatch)
      : h(
          'ul',
          { class: 'machines' },
          listHead(model.language),
          ...shown.map(({ machine, level }) => row(model, state, machine, level)),
        ),
    shown.length < picked.length &&
      h(
        'button',
        { type: 'button', class: 'more', onclick: () => actions.showMore() },
        texts.showMore(formats.count(picked.length - shown.length)),
      ),
  );
}

/** What the columns are, where there is room for columns. */
function listHead({ texts }: Language): Node {
  return h(
    'li',
    { class: 'list-head', 'aria-hidden': 'true' },
    h('span', {}, texts.machine),
    h('span', {}, texts.data),
    h('span', {}, texts.state),
    h('span', {}, texts.last24h),
    h('span', {}, texts.oee),
  );
}

export function filterBox(label: string, value: string, onFilter: (filter: string) => void): Node {
  return h('input', {
    type: 'search',
    class: 'filter',
    placeholder: label,
    'aria-label': label,
    value,
    autocomplete: 'off',
    spellcheck: 'false',
    oninput: (event: InputEvent) => onFilter((event.target as HTMLInputElement).value),
  });
}

function row(model: Model, state: ApiState, machine: ApiMachine, level: Level): Node {
  const { language, timelines } = model;
  const { texts } = language;
  const timeline = timelines.get(machine.id);
  const labels = Object.values(machine.labels);
  const place = [machine.driver, ...labels].join(' · ');
  return h(
    'li',
    { key: machine.id },
    h(
      'a',
      { class: isStale(machine, state) ? `machine ${level} stale` : `machine ${level}`, href: hashOf(machine.id) },
      h('span', { class: 'machine-sign' }, icon(level)),
      h(
        'span',
        { class: 'machine-name' },
        h('b', { class: 'clip', title: machine.id }, machine.id),
        h('span', { class: 'muted clip', title: place }, place),
      ),
      h(
        'span',
        { class: 'machine-link' },
        h('span', { class: `clip link-word ${machine.link}` }, texts.links[machine.link] ?? machine.link),
        h('span', { class: 'clip muted figures' }, dataAge(model, machine)),
      ),
      stateChip(machine, language),
      h(
        'span',
        { class: 'machine-strip' },
        timeline !== undefined && stateStrip(timeline, `${texts.last24h}: ${summaryOf(timeline, language)}`),
      ),
      oeeFigure(model, machine),
      icon('next'),
      machine.message !== undefined &&
        machine.link === 'failed' &&
        h('span', { class: 'machine-message clip', title: machine.message, lang: 'en' }, machine.message),
    ),
  );
}

/** How old the last sign of life is. */
export function dataAge({ language, now }: Model, { heardAt }: ApiMachine): string {
  return heardAt === null ? language.texts.neverHeard : language.formats.ago(now - heardAt);
}

/** Of the longest period under way. */
function oeeFigure({ language }: Model, { oee }: ApiMachine): Node {
  const { texts, formats } = language;
  const period = oee.find(({ kind }) => kind === 'shift') ?? oee.find(({ kind }) => kind === 'day') ?? oee[0];
  if (period === undefined) return h('span', { class: 'machine-oee' });
  const figure = period.oee === null ? '–' : formats.percent(period.oee);
  return h(
    'span',
    { class: 'machine-oee' },
    h('b', { class: 'figures' }, figure),
    h('span', { class: 'muted clip' }, `${texts.oee} · ${period.name ?? texts.periods[period.kind] ?? period.kind}`),
  );
}
