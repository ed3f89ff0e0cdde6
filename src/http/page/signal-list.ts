import type { ApiSignal } from '../api.ts';
import { filterBox } from './machine-list.ts';
import type { MachineWatch } from './machine-watch.ts';
import type { Actions, Model } from './model.ts';
import { h, type Node } from './render.ts';
import { hashOf } from './routes.ts';
import { sparkline } from './sparkline.ts';

/** From so many signals on a filter helps. */
const FILTER_FROM = 8;
/** Characters of a value in a tooltip. */
const MAX_TITLE = 1000;

/** Signals that a filter lets through. */
export function pickSignals(watch: MachineWatch, filter: string): readonly ApiSignal[] {
  const words = filter.toLowerCase().split(/\s+/);
  return watch.signals.filter(({ name }) => words.every((word) => name.toLowerCase().includes(word)));
}

/** Live values of a machine’s signals; one of them can be chosen. */
export function signalList(model: Model, watch: MachineWatch, isStale: boolean, actions: Actions): Node {
  const { texts, formats } = model.language;
  const picked = pickSignals(watch, model.signalFilter);
  const shown = picked.slice(0, model.rows);
  const all = watch.signals.length;
  const count =
    picked.length === all ? formats.count(all) : texts.shownOf(formats.count(picked.length), formats.count(all));
  return h(
    'section',
    { class: isStale ? 'card stale' : 'card', id: 'signals', 'aria-label': texts.signals },
    h(
      'div',
      { class: 'card-head' },
      h('h2', {}, texts.signals, h('span', { class: 'badge' }, count)),
      all >= FILTER_FROM && filterBox(texts.filterSignals, model.signalFilter, actions.filterSignals),
    ),
    shown.length === 0
      ? h('p', { class: 'empty' }, all === 0 ? texts.noSignals : texts.noMatch)
      : h(
          'table',
          { class: 'signals' },
          h(
            'thead',
            {},
            h(
              'tr',
              {},
              h('th', { scope: 'col' }, texts.signal),
              h('th', { scope: 'col', class: 'value' }, texts.value),
              h('th', { scope: 'col', class: 'trend' }, texts.trend),
              h('th', { scope: 'col', class: 'age' }, texts.age),
            ),
          ),
          h('tbody', {}, ...shown.map((signal) => row(model, watch, signal))),
        ),
    shown.length < picked.length &&
      h(
        'button',
        { type: 'button', class: 'more', onclick: () => actions.showMore() },
        texts.showMore(formats.count(picked.length - shown.length)),
      ),
  );
}

function row(model: Model, watch: MachineWatch, { name, unit, t, v, q }: ApiSignal): Node {
  const { texts, formats } = model.language;
  const isChosen = name === model.signal;
  const text = v === null ? (texts.qualities[q] ?? q) : formats.value(v);
  const full = typeof v === 'object' && v !== null ? JSON.stringify(v) : String(v ?? text);
  return h(
    'tr',
    { key: name, class: [q, isChosen ? 'chosen' : ''].join(' ') },
    h(
      'th',
      { scope: 'row' },
      h('a', { class: 'clip', href: hashOf(watch.id, name), title: name, 'aria-current': isChosen && 'true' }, name),
    ),
    h(
      'td',
      { class: 'value' },
      h(
        'span',
        { class: typeof v === 'number' ? 'figures clip' : 'clip', title: full.slice(0, MAX_TITLE) },
        text,
        typeof v === 'number' && unit !== undefined && h('span', { class: 'unit' }, ` ${unit}`),
      ),
      q !== 'good' && v !== null && h('span', { class: 'quality' }, texts.qualities[q] ?? q),
    ),
    h('td', { class: 'trend' }, sparkline(watch.trend(name), model.now)),
    h('td', { class: 'age muted figures', title: formats.moment(t, model.now) }, formats.ago(model.now - t)),
  );
}
